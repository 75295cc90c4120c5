"""What the content of a file is called: read once while the file stays as it is."""

from __future__ import annotations

import time
from pathlib import Path

from unlearning.domain import hashing

_SETTLED_NS = 2_000_000_000
"""Since when a file must be as it is for its times to tell a change: those of some file systems tick that slowly."""
_REMEMBERED = 4096

_known: dict[tuple[int, ...], str] = {}
"""Which file, as it is → its digest. Who changes it and sets its times back still changes when its times were set."""


def file_digest(path: Path, *, anew: bool = False) -> str:
    """SHA-256 of a file's bytes, in hex. anew: read now, whatever this process read before. Raises FileNotFoundError."""
    one = path.stat()
    seen = (one.st_dev, one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns)
    if not anew and (known := _known.get(seen)) is not None:
        return known
    settled = time.time_ns() - _SETTLED_NS
    digest = hashing.file_digest(path)
    if one.st_ctime_ns < settled:
        while len(_known) >= _REMEMBERED:
            _known.pop(next(iter(_known)), None)
        _known[seen] = digest
    return digest
