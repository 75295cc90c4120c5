"""YAML that stands for far more than it says: aliases of aliases, by which nine lines become a billion values.

What reads such a document, checks it or quotes it never ends. It is refused before anybody expands it, small and unquoted.
"""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from unlearning.domain.errors import ProjectError
from unlearning.stores.files import whole

MOST_BYTES = 1 << 26
"""Of `dvc.lock`, which lists every output; what people write is far smaller."""
MOST_VALUES = 100_000
"""Values that a document with aliases stands for."""

_ALIAS = re.compile(rb"(?:^|[\s\[{,:?-])\*[^\s\[\]{},*]+", re.MULTILINE)


def check(path: Path) -> None:
    """Raises ProjectError for a YAML file that is a bomb, or a pipe; what is not there, or no YAML, is for others to judge."""
    try:
        if path.is_file() and (size := path.stat().st_size) > MOST_BYTES:
            raise ProjectError(f"{path} has {size} bytes; expected at most {MOST_BYTES}: restore it from Git")
        content = whole(path)
    except OSError as error:
        if error.errno == errno.EINVAL:  # who reads it may wait for ever
            raise ProjectError(f"{path} is no regular file; restore it from Git") from error
        return
    if _ALIAS.search(content) is None:  # DVC writes none
        return
    try:
        document = YAML(typ="safe").load(content)
    except (YAMLError, ValueError, RecursionError):
        return
    check_document(document, path)


def check_document(document: Any, path: Path) -> None:
    """The same for what was loaded from a file, where aliases are one value in several places."""
    try:
        values = _expanded(document, {})
    except RecursionError:
        values = MOST_VALUES + 1
    if values > MOST_VALUES:
        raise ProjectError(f"{path} stands for more than {MOST_VALUES} values through its aliases; write them out, or fewer")


def _expanded(value: Any, known: dict[int, int]) -> int:
    """Values that this stands for; one that holds itself stands for more than any number."""
    if not isinstance(value, dict | list | tuple | set):
        return 1
    if id(value) not in known:
        known[id(value)] = MOST_VALUES + 1  # until its parts are counted: they may hold it
        inner = [*value.keys(), *value.values()] if isinstance(value, dict) else list(value)
        known[id(value)] = 1 + sum(_expanded(one, known) for one in inner)
    return known[id(value)]
