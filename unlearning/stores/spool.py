"""Records on disk for as long as they are worked on: encoded ones that the jobs of a training map instead of copying them,
and drafts of tables and twins.

These are people's data: each spool is a folder that only its owner can open, and it is deleted when its block ends. A process
that was killed cannot do that; the next spool or `sweep_stale` does, and knows the dead by the lock that they no longer hold.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import numpy as np

from unlearning.domain.errors import NotFound
from unlearning.domain.protocols import Records

_OWNER, _GATE = ".owner", ".gate"
_PREFIX = "spool-"


def write(folder: Path, records: Records) -> None:
    """Put records into a spool: every array as it is, in C order."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, values in records.arrays.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(values), allow_pickle=False)


def read(folder: Path) -> Records:
    """The records of a spool, mapped and read-only; raises NotFound when the folder holds none."""
    try:
        arrays = [
            np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in (one.name for one in fields(Records))
        ]
    except FileNotFoundError as error:
        raise NotFound(f"no spooled records in {folder}; the training that wrote them has ended, start it again") from error
    return Records(*arrays)


@contextmanager
def spooled(parent: Path) -> Iterator[Path]:
    """A new private folder in `parent`, deleted with everything in it when the block ends, however it ends; sweeps first."""
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    sweep_stale(parent)
    folder = parent / f"{_PREFIX}{secrets.token_hex(8)}"
    with _locked(parent / _GATE):  # a sweep must not see the folder before its lock is held
        folder.mkdir(mode=0o700)
        owner = os.open(folder / _OWNER, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(owner, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        with _locked(parent / _GATE):  # nor a folder that is half deleted
            shutil.rmtree(folder, ignore_errors=True)  # a process that was started within may be writing still
            os.close(owner)


def stale(parent: Path) -> list[Path]:
    """The spools in `parent` whose process is gone."""
    if not parent.is_dir():
        return []
    with _locked(parent / _GATE):
        return [folder for folder in sorted(parent.glob(f"{_PREFIX}*")) if folder.is_dir() and not _alive(folder)]


def others(parent: Path) -> list[Path]:
    """Everything else in `parent`: drafts of whoever shares the folder."""
    if not parent.is_dir():
        return []
    return [one for one in sorted(parent.iterdir()) if one.name != _GATE and not one.name.startswith(_PREFIX)]


def sweep_stale(parent: Path) -> int:
    """Delete the spools in `parent` whose process is gone; returns how many."""
    if not parent.is_dir():
        return 0
    with _locked(parent / _GATE):
        stale = [folder for folder in sorted(parent.glob(f"{_PREFIX}*")) if folder.is_dir() and not _alive(folder)]
        for folder in stale:
            shutil.rmtree(folder)
    return len(stale)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _alive(folder: Path) -> bool:
    """The kernel drops a process's locks when it dies, so a lock that can be had has no owner."""
    try:
        with (folder / _OWNER).open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False
