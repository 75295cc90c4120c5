"""Files of ours: read only when they are files, changed all at once or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_PRIVATE = 0o600
_WRITABLE = 0o200


def whole(file: Path) -> bytes:
    """A regular file's bytes. Raises OSError as `regular`."""
    with regular(file) as stream:
        return stream.read()


@contextmanager
def regular(file: Path) -> Iterator[BinaryIO]:
    """A regular file, open to be read. Raises OSError for what else has its name: a pipe or a device may never end."""
    with open(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(errno.EINVAL, "no regular file", str(file))
        yield stream


@contextmanager
def replacing(out: Path, *, like: Path | None = None) -> Iterator[BinaryIO]:
    """A stream whose bytes become `out` when the block ends well; otherwise `out` stays as it was.

    like: the file whose permissions `out` gets (and stays writable for its owner); without one, only its owner reads it.
    The temporary name is fixed, so what a killed run left behind is overwritten by the next one; two at once take turns.
    """
    temporary = out.with_name(f".{out.name}.part")
    with open(_alone(temporary), "wb") as stream:
        try:
            yield stream
            if like is not None:
                os.fchmod(stream.fileno(), (like.stat().st_mode & 0o777) | _WRITABLE)
            stream.flush()
            os.fsync(stream.fileno())
            temporary.replace(out)  # while the lock is held: the file under this name is nobody else's
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextmanager
def taking_turns(path: Path) -> Iterator[None]:
    """One process at a time for whatever this path stands for; the lock beside it is gone when its process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _alone(temporary: Path) -> int:
    """A descriptor of an empty file under this name, which no other writer has."""
    while True:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), temporary.stat()):
                os.ftruncate(descriptor, 0)
                return descriptor
        os.close(descriptor)  # whoever held it has renamed it meanwhile
