"""Step 8: what must not be deleted, and which checkpoints hold the people."""

from __future__ import annotations

import pytest

from tests.erasure.steps.begun import planned
from tests.small_project import HOLDOUT, Project
from unlearning.domain.clocks import utc_now
from unlearning.domain.errors import OnHold
from unlearning.erasure import decisions, left
from unlearning.erasure.erasure import Erasure
from unlearning.erasure.record_sets import RecordSets
from unlearning.erasure.steps import purge
from unlearning.erasure.steps.redact import redact_step


def test_a_legal_hold_keeps_everything_where_it_is(redacted: Project, erasure: Erasure, sets: RecordSets) -> None:
    [request] = erasure.requests
    decisions.hold(redacted.workspace, request.request_id, reason="a case", now=utc_now())
    stored = set(redacted.workspace.checkpoints.keys())
    with pytest.raises(OnHold):
        purge.purge_step(erasure, sets)
    assert set(redacted.workspace.checkpoints.keys()) == stored
    assert {"TracesFound", "Purged"}.isdisjoint(redacted.kinds())


def test_stale_are_the_states_that_saw_them_and_no_state_that_a_clean_version_needs(erasure: Erasure, sets: RecordSets) -> None:
    chain = erasure.workspace.lineage.model("outcome", 1).chain
    assert purge._stale(erasure, sets) == {chain.shards[0].head}


def test_who_shaped_no_model_left_no_state_and_nothing_elsewhere(project: Project) -> None:
    erasure = planned(project, project.people(HOLDOUT)[0])
    redact_step(erasure)
    assert purge._stale(erasure, RecordSets(erasure)) == frozenset()
    assert list(left.elsewhere(erasure)) == []
