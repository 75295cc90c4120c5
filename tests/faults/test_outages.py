"""MLflow gone in each step, and many who ask while an erasure runs: said, kept, and finished by the next run."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.conftest import Undisturbed
from tests.faults.endings import ending
from tests.faults.processes import erase, finish, started
from tests.small_project import Project
from unlearning.domain.errors import Unavailable
from unlearning.stores.mlflow.models import MlflowModels

STEPS = ("2 assess", "3 plan", "4 redact", "5 unlearn", "6 validate", "7 promote", "  settle", "8 purge", "9 certify")


@contextlib.contextmanager
def _gone(self: MlflowModels) -> Iterator[Any]:
    raise Unavailable("MLflow does not answer")
    yield


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("away", STEPS)
def test_mlflow_that_is_gone_in_a_step_stops_it_and_the_next_run_ends_alike(
    away: str, asked: Project, undisturbed: Undisturbed
) -> None:
    with pytest.MonkeyPatch.context() as patch:

        def before(step: str) -> None:
            if step.startswith(away):
                patch.setattr(MlflowModels, "_client", _gone)

        with contextlib.suppress(Unavailable):  # a step that asks it nothing comes to its end, and a later one stops
            asked.erase(before=before)
            assert away in ("9 certify",)
    assert asked.workspace.ledger.verify() == []
    assert finish(erase, asked.root).error is None
    assert asked.kinds() == undisturbed.kinds
    assert ending(asked) == undisturbed.ending


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_requests_while_an_erasure_runs_are_all_taken_and_leave_it_as_it_was(
    asked: Project, undisturbed: Undisturbed
) -> None:
    made = set[str]()
    with started(erase, asked.root) as running:
        while "ErasureStarted" not in asked.kinds():  # whoever came before is in its batch
            time.sleep(0.05)
        for number in range(100):
            made |= {one.request_id for one in asked.request(f"stranger-{number}")}
        assert running.ended().error is None
    states = asked.states()
    assert made < states.keys()
    assert {states[name] for name in made} == {"suppressed"}
    said = ending(asked)
    assert said["states"] == sorted([*undisturbed.ending["states"], *["suppressed"] * 100])
    same = ("tables", "objects", "dvc", "chain", "parts", "checkpoints", "cache", "remote", "aliases", "certificates")
    assert {one: said[one] for one in same} == {one: undisturbed.ending[one] for one in same}
    assert asked.workspace.ledger.verify() == []
