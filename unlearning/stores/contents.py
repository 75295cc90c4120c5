"""What the content of a file is called: read once while the file stays as it is."""

from __future__ import annotations

import hmac
import json
import os
import time
from pathlib import Path
from typing import IO, NamedTuple

from unlearning.domain import hashing
from unlearning.stores import files

_SETTLED_NS, _FINE_NS = 2_000_000_000, 200_000_000
"""Since when a file must be as it is for its times to tell a change: those of some file systems tick that slowly, and where
they tick finely the clock of the kernel does, by a hundredth of a second."""
_COARSE_NS = 10_000_000
_REMEMBERED = 16_384
_LARGE = 1 << 22
"""Bytes of a file from which on its digest is kept for the next process."""
_KEPT = 4096
"""Files, of which that is known."""


class State(NamedTuple):
    """What is another one once a file's bytes are. Who writes and sets the time of writing back still changes when that was."""

    device: int
    inode: int
    size: int
    written_ns: int
    changed_ns: int


_known: dict[State, str] = {}
"""Which file, as it is → its digest."""


def state(stream: IO[bytes]) -> State | None:
    """How an open file of this disk is; None of what is no such file, of which nothing would tell a change.

    Of a stream and not of its path: that may soon name another file.
    """
    try:
        one = os.fstat(stream.fileno())
    except (OSError, AttributeError):
        return None
    return State(one.st_dev, one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns)


def steady(stream: IO[bytes]) -> State | None:
    """The same; None also where it changed just now: what is read until it has this state again is all of one content."""
    now, one = time.time_ns(), state(stream)
    if one is None:
        return None
    settled = _FINE_NS if one.changed_ns % _COARSE_NS else _SETTLED_NS
    return one if max(one.written_ns, one.changed_ns) < now - settled else None


def file_digest(path: Path, *, anew: bool = False) -> str:
    """SHA-256 of a file's bytes, in hex. anew: read now, whatever this process read before. Raises FileNotFoundError."""
    with path.open("rb") as stream:
        return digest_of(stream, anew=anew)


def digest_of(stream: IO[bytes], *, anew: bool = False) -> str:
    """The same of an open file, wherever its reader is; it may be anywhere after it."""
    before = steady(stream)
    if before in _known and not anew:
        return _known[before]
    stream.seek(0)
    digest = hashing.stream_digest(stream)
    if before is not None and state(stream) == before:
        if len(_known) >= _REMEMBERED:
            _known.clear()
        _known[before] = digest
    return digest


class Digests:
    """What large files are called, kept for the next process for as long as they stay as they are.

    By what a file is on its disk, and never by its name. Sealed: only who holds the key can say what a content is called.
    """

    def __init__(self, file: Path, key: bytes) -> None:
        self._file, self._key = file, key
        self._told = self._read()
        self._new = False
        if len(_known) + len(self._told) < _REMEMBERED:
            _known.update(self._told)

    def digest(self, path: Path, *, anew: bool = False) -> str:
        """As `file_digest`."""
        with path.open("rb") as stream:
            found, now = digest_of(stream, anew=anew), state(stream)
        if now is not None and now.size >= _LARGE and _known.get(now) == found != self._told.get(now):
            self._told[now], self._new = found, True
        return found

    def keep(self) -> None:
        """Write down what came since. Raises OSError."""
        if not self._new:
            return
        last = [[*now, digest] for now, digest in list(self._told.items())[-_KEPT:]]  # other threads may add to them
        with files.replacing(self._file) as stream:
            stream.write(hashing.canonical({"files": last, "seal": self._seal(last)}))
        self._new = False

    def _read(self) -> dict[State, str]:
        """Nothing without a file, and of one that is damaged or of another key."""
        try:
            said = json.loads(files.whole(self._file))
            if not hmac.compare_digest(said["seal"], self._seal(said["files"])):
                return {}
            return {State(*now): digest for *now, digest in said["files"]}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _seal(self, said: object) -> str:
        return hmac.digest(self._key, b"contents\0" + hashing.canonical(said), "sha256").hex()
