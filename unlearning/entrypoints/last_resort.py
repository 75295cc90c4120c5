"""What becomes of an error that nobody turned into one of ours: a line for people, the rest into a private file.

The words of such an error may hold a cell, so they go nowhere else. The file lies among the project's drafts, which the sweep
lists and the purge deletes.
"""

from __future__ import annotations

import contextlib
import os
import traceback
from collections.abc import Sequence
from pathlib import Path

from unlearning.domain.errors import Unforeseen, UnlearningError, foreseen

FILE = ".unlearning/tmp/last-failure.txt"
"""In the project: the traceback of the last bug."""


def ended(error: Exception, root: Path) -> UnlearningError:
    """The error to end with. root: the project's folder; its traceback is kept where there is one."""
    said = foreseen(error)
    if not isinstance(said, Unforeseen):
        return said
    kept = _keep(error, root)
    step = (
        f"its traceback is in {FILE}, which may hold people's data; please report the line above"
        if kept
        else "please report it"
    )
    return Unforeseen(f"{said}; {step}")


def root_of(arguments: Sequence[str]) -> Path:
    """The folder that a command line names with --root, before anybody parsed it."""
    for at, word in enumerate(arguments):
        if word.startswith("--root="):
            return Path(word.removeprefix("--root="))
        if word == "--root" and at + 1 < len(arguments):
            return Path(arguments[at + 1])
    return Path()


def _keep(error: Exception, root: Path) -> bool:
    """Write the traceback where only its owner reads it; false where there is no project, or no room."""
    file = root / FILE
    if not file.parents[1].is_dir():
        return False
    with contextlib.suppress(OSError):
        file.parent.mkdir(mode=0o700, exist_ok=True)
        file.unlink(missing_ok=True)
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8", errors="replace") as out:
            out.writelines(traceback.format_exception(error))
        return True
    return False
