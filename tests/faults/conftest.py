"""One person, one erasure that nothing disturbed: what every disturbed one is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults import processes
from tests.faults.endings import ending
from tests.small_project import Project, copy


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
def undisturbed(template: Project, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """The erasure as it should go."""
    folder = tmp_path_factory.mktemp("undisturbed")
    asked = copy(template, folder / "asked")
    asked.request(asked.cells()[0, 1][0])
    done = copy(asked, folder / "done")
    ended = processes.run(processes.erase, done.root)
    assert ended.error is None, ended.error
    return Undisturbed(asked, ending(done), done.kinds(), ended.seconds)


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
def purging(undisturbed: Undisturbed, tmp_path_factory: pytest.TempPathFactory) -> Purging:
    """The point of no return, just before it."""
    folder = tmp_path_factory.mktemp("purging")
    ready = copy(undisturbed.asked, folder / "ready")
    assert processes.run(processes.erase, ready.root, death=processes.Death("TracesFound", "before")).killed
    done, number = copy(ready, folder / "done"), folder / "changes"
    ended = processes.run(processes.counted, number, processes.erase, done.root)
    assert ended.error is None, ended.error
    return Purging(ready, int(number.read_text()), ended.seconds)
