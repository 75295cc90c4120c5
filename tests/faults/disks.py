"""Disks that are full or cannot be written to: real mounts, where this machine lets us mount."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def mounted(folder: Path, *options: str) -> None:
    """Mount there; skips the test where nobody may."""
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr.strip() or done.returncode}")


def unmounted(folder: Path) -> None:
    """Take the mount away again, also while something on it is still open."""
    subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """A disk of its own in a new folder."""
    folder.mkdir()
    mounted(folder, "-t", "tmpfs", "-o", "size=256m", "tmpfs")
    try:
        yield Disk(folder)
    finally:
        unmounted(folder)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The folder, where nothing can be written, not even by root."""
    mounted(folder, "--bind", str(folder))
    try:
        mounted(folder, "-o", "remount,ro,bind")
        yield
    finally:
        unmounted(folder)


@contextmanager
def missing(folder: Path) -> Iterator[None]:
    """A remote on a disk that is not mounted."""
    away = folder.with_name("away")
    folder.rename(away)
    yield
    away.rename(folder)


class Disk:
    """A disk whose room can be changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def leave(self, bytes_free: int) -> None:
        """Nothing but this much room."""
        told = os.statvfs(self.folder)
        used = (told.f_blocks - told.f_bfree) * told.f_frsize
        self._resize(used + bytes_free)

    def widen(self) -> None:
        """Room for everything."""
        self._resize(256 << 20)

    def _resize(self, size: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", str(self.folder)], check=True, capture_output=True)
