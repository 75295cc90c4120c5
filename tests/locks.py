"""Whether a process has an SQLite file open, as its locks tell any other one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_ASK = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)"
"""The bytes that every connection shares. Source: SQLite, `os.h`, SHARED_FIRST and SHARED_SIZE."""


def held(file: Path) -> bool:
    """Whoever else closes it knows that they are not the last one."""
    return subprocess.run([sys.executable, "-c", _ASK, str(file)], check=False, stderr=subprocess.DEVNULL).returncode != 0
