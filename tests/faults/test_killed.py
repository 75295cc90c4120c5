"""SIGKILL in the middle, then the same command again: the same end state as if nothing had happened."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.faults.conftest import Purging, Undisturbed
from tests.faults.endings import ending
from tests.faults.processes import Death, DeathAt, DeathIn, erase, finish, run, started
from tests.small_project import Project, copy

EVENTS = ["ErasureStarted", "ImpactAssessed", "PlanMade", "DataRedacted", "CandidateTrained", "CandidateValidated"]
EVENTS += ["VersionRegistered", "AliasMoved", "TracesFound", "Purged", "CertificateIssued"]


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_erasure_killed_at_every_event_in_turn_ends_as_one_that_was_not(
    when: str, undisturbed: Undisturbed, asked: Project
) -> None:
    """Each run does one more step and dies: before its event is recorded, the step is done twice."""
    for kind in EVENTS:
        assert run(erase, asked.root, death=Death(kind, when)).killed, kind  # type: ignore[arg-type]

    assert finish(erase, asked.root).error is None

    assert asked.kinds() == undisturbed.kinds
    assert ending(asked) == undisturbed.ending


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", EVENTS)
def test_an_erasure_killed_once_ends_as_one_that_was_not(
    kind: str, when: str, undisturbed: Undisturbed, asked: Project
) -> None:
    assert run(erase, asked.root, death=Death(kind, when)).killed  # type: ignore[arg-type]

    assert finish(erase, asked.root).error is None

    assert asked.kinds() == undisturbed.kinds
    assert ending(asked) == undisturbed.ending


def some(default: int, campaign: int) -> list[object]:
    """Seeds: a few by default, the others in a campaign."""
    return [*range(default), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(default, campaign))]


@pytest.mark.parametrize("seed", some(1, 60))
def test_a_purge_killed_before_any_change_it_makes_ends_alike_and_loses_nothing_else(
    seed: int, purging: Purging, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    project = copy(purging.ready, tmp_path / "project")
    change = random.Random(seed).randint(1, purging.changes)

    died = run(erase, project.root, death=DeathAt(change))

    assert finish(erase, project.root).error is None
    assert died.killed, f"it ended before change {change}: {died.error}"
    assert ending(project) == undisturbed.ending


@pytest.mark.slow
def test_a_purge_killed_while_it_stores_a_twin_leaves_no_copy_of_the_table_that_holds_the_person(
    purging: Purging, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    project = copy(purging.ready, tmp_path / "project")
    assert run(erase, project.root, death=DeathIn("unlearning.stores.dvc.objects", "ObjectStore", "put")).killed

    assert finish(erase, project.root).error is None

    assert ending(project) == undisturbed.ending


@pytest.mark.slow
def test_copies_of_a_process_that_was_killed_lie_in_the_project_and_the_next_run_removes_them(
    undisturbed: Undisturbed, asked: Project
) -> None:
    assert run(erase, asked.root, death=DeathIn("mlflow", "MlflowClient", "log_model_artifacts")).killed
    assert asked.outcome()["leftovers"]

    assert finish(erase, asked.root).error is None

    assert ending(asked) == undisturbed.ending


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100))
def test_a_purge_killed_at_any_moment_ends_alike_and_loses_nothing_else(
    seed: int, purging: Purging, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    project = copy(purging.ready, tmp_path / "project")

    with started(erase, project.root) as running:
        time.sleep(random.Random(seed).uniform(0, purging.seconds))
        running.kill()

    assert finish(erase, project.root).error is None
    assert ending(project) == undisturbed.ending


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_an_erasure_killed_at_any_moment_ends_alike(seed: int, undisturbed: Undisturbed, asked: Project) -> None:
    with started(erase, asked.root) as running:
        time.sleep(random.Random(seed).uniform(0, undisturbed.seconds))
        running.kill()

    assert finish(erase, asked.root).error is None

    assert ending(asked) == undisturbed.ending
