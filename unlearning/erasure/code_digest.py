"""What this software is, besides its version: a digest over its own files, which every certificate names."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from pathlib import Path

import unlearning
from unlearning.domain import hashing

_CACHES = "__pycache__"


@functools.cache
def code_digest() -> str:
    """The digest of the package that runs, flows included; read once, so that an upgrade beside a running erasure is not it."""
    return digest_of(Path(unlearning.__file__).parent)


def digest_of(package: Path) -> str:
    """Over the name and the content of every file in a package's folder, but what Python caches there.

    Every file and not only the modules: a template shapes what a project does, a compiled module is imported in place of the
    source beside it, and whatever were left out could be changed unseen.
    """
    return hashing.digest([[name, hashing.file_digest(package / name)] for name in sorted(_files(package))])


def _files(package: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(package):
        folders[:] = [name for name in folders if name != _CACHES]
        yield from ((Path(folder) / name).relative_to(package).as_posix() for name in names)
