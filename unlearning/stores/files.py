"""Files of ours: read only when they are files, changed all at once or not at all."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import stat
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_PRIVATE = 0o600
_WRITABLE = 0o200
_DATABASE = b"SQLite format 3\0"
_BESIDE_DATABASES = ("-wal", "-shm", "-journal")

_looked_at: dict[tuple[int, int], int] = {}
"""(device, inode) → the descriptor by which this process looks at it, or did and cannot close it."""
_readers: Counter[int] = Counter()
"""Descriptor → how many read by it now."""
_one_opens = threading.Lock()


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
def looked_at(file: Path) -> Iterator[BinaryIO]:
    """Any file, whatever it is for, to be searched; an SQLite database too that this process works with. Raises OSError.

    A process that closes a file loses all its locks on it, those of SQLite as well, and whoever then closes the database as the
    last one, to its knowledge, takes its log away with what was committed. So a database that this process has open besides
    is not closed. Source: SQLite, "How To Corrupt An SQLite Database File", 2.2.
    """
    with _one_opens:
        descriptor = _descriptor(file)
        _readers[descriptor] += 1
    try:
        with io.BufferedReader(_Bytes(descriptor)) as stream:
            yield stream
    finally:
        with _one_opens:
            _readers[descriptor] -= 1
            _close_unneeded(file, descriptor)


def _descriptor(file: Path) -> int:
    of = file.stat()
    if (known := _looked_at.get((of.st_dev, of.st_ino))) is not None:
        return known
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    of = os.fstat(descriptor)
    return _looked_at.setdefault((of.st_dev, of.st_ino), descriptor)


def _close_unneeded(file: Path, descriptor: int) -> None:
    """This one, unless it is of a database that this process works with; those of deleted ones: nobody asks for their locks."""
    for key, one in [*_looked_at.items()]:
        of = os.fstat(one)
        needed = one != descriptor or (_is_database(file, one, of) and _works_with(one, of))
        if not _readers[one] and not (needed and of.st_nlink):
            del _looked_at[key], _readers[one]
            os.close(one)


def _is_database(file: Path, descriptor: int, of: os.stat_result) -> bool:
    if not stat.S_ISREG(of.st_mode):
        return False
    unwritten = not of.st_size and file.with_name(f"{file.name}-wal").exists()  # all of it is in its log yet
    named = file.name.endswith(_BESIDE_DATABASES)
    return named or unwritten or os.pread(descriptor, len(_DATABASE), 0) == _DATABASE


def _works_with(descriptor: int, of: os.stat_result) -> bool:
    """This process has it open besides; also where nobody can say."""
    try:
        descriptors = [int(one) for one in os.listdir("/dev/fd")]
    except OSError:
        return True
    for one in descriptors:
        with suppress(OSError):  # the one that listed them
            if one != descriptor and os.path.samestat(os.fstat(one), of):
                return True
    return False


class _Bytes(io.RawIOBase):
    """A file by a descriptor that others read by as well, from a place of its own; to close it leaves that open."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._at = descriptor, 0

    def fileno(self) -> int:
        return self._descriptor

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = os.preadv(self._descriptor, [buffer], self._at)
        self._at += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        begins = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: os.fstat(self._descriptor).st_size}
        self._at = begins[whence] + offset
        return self._at


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
