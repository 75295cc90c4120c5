"""One person, one erasure that nothing disturbed: what every disturbed one is compared with."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults import processes
from tests.faults.endings import ending
from tests.small_project import Make, Project, copy


@dataclass(frozen=True)
class Undisturbed:
    """A project where a person has asked, and what its erasure led to in a copy of it."""

    asked: Project
    """To be copied, never to be changed."""
    ending: dict[str, Any]
    kinds: list[str]
    """Of the ledger, in order."""
    seconds: float
    """That one process took for the erasure."""


@pytest.fixture(scope="session")
def undisturbed(template: Project, made_once: Callable[[str, Make], Path]) -> Undisturbed:
    """The erasure as it should go."""

    def make(folder: Path) -> None:
        asked = copy(template, folder / "asked")
        asked.request(asked.cells()[0, 1][0])
        done = copy(asked, folder / "done")
        ended = processes.run(processes.erase, done.root)
        assert ended.error is None, ended.error
        (folder / "told").write_bytes(pickle.dumps((ending(done), done.kinds(), ended.seconds)))

    folder = made_once("undisturbed", make)
    return Undisturbed(Project(folder / "asked"), *pickle.loads((folder / "told").read_bytes()))


@pytest.fixture
def asked(undisturbed: Undisturbed, tmp_path: Path) -> Project:
    """A project of the test's own where the same person has asked."""
    return copy(undisturbed.asked, tmp_path / "project")


@dataclass(frozen=True)
class Purging:
    """A project whose new version serves and whose purge has not begun, and how long the rest takes undisturbed."""

    ready: Project
    """To be copied, never to be changed."""
    changes: int
    """Of files, and programs started, until the erasure is certified."""
    seconds: float


@pytest.fixture(scope="session")
def purging(undisturbed: Undisturbed, made_once: Callable[[str, Make], Path]) -> Purging:
    """The point of no return, just before it."""

    def make(folder: Path) -> None:
        ready = copy(undisturbed.asked, folder / "ready")
        assert processes.run(processes.erase, ready.root, death=processes.Death("TracesFound", "before")).killed
        done = copy(ready, folder / "done")
        ended = processes.run(processes.counted, folder / "changes", processes.erase, done.root)
        assert ended.error is None, ended.error
        (folder / "seconds").write_text(repr(ended.seconds))

    folder = made_once("purging", make)
    return Purging(Project(folder / "ready"), int((folder / "changes").read_text()), float((folder / "seconds").read_text()))
