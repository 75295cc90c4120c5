"""Where temporary files lie: in the project, whoever makes them, so that nothing of people is left in the system's folder.

A process that is killed cannot delete what it had there; the next one does, and so does `unlearn purge`, since a folder here is
a spool: its owner holds a lock on it. Without a project at hand, in the library's use, the system's own folder is used.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import tempfile
from collections.abc import Iterator
from multiprocessing.util import get_temp_dir
from pathlib import Path

from unlearning.domain.environ import TMPDIR
from unlearning.stores import spool

FOLDER = ".unlearning/tmp"
PREFIX = "unlearning-"
"""Of folders in the system's: by it they are found there when their owner was killed."""

_system: Path | None = None


@contextlib.contextmanager
def at_home(root: Path) -> Iterator[None]:
    """Within: whatever this process, the libraries beneath and the processes that it starts put aside lies in the project."""
    global _system
    with folder(root) as mine:
        if not mine.is_relative_to(root):
            yield
            return
        before, outer = (tempfile.tempdir, os.environ.get(TMPDIR)), _system
        _system = system()
        get_temp_dir()  # sockets of worker processes: a path in the project may be too long for one, and they hold no data
        tempfile.tempdir = os.environ[TMPDIR] = str(mine)
        try:
            yield
        finally:
            _system = outer
            tempfile.tempdir = before[0]
            os.environ.pop(TMPDIR) if before[1] is None else os.environ.__setitem__(TMPDIR, before[1])


@contextlib.contextmanager
def folder(root: Path) -> Iterator[Path]:
    """A new private folder, deleted at the end: in the project, or the system's where none is or nothing can be written."""
    with contextlib.ExitStack() as stack:
        try:
            mine = stack.enter_context(spool.spooled(root / FOLDER)) if (root / ".unlearning").is_dir() else None
        except OSError:
            mine = None
        yield mine or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=PREFIX)))


def until_the_end(inside: Path) -> Path:
    """The same for as long as this process lives, in the project around a folder."""
    root = next((one for one in (inside, *inside.parents) if (one / ".unlearning").is_dir()), inside)
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(folder(root))


def system() -> Path:
    """The system's own folder for temporary files."""
    return _system or Path(tempfile.gettempdir())
