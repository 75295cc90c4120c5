"""Purging later: of whom, and of whom not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.histories import History
from unlearning.domain.clocks import utc_now
from unlearning.domain.errors import NotFound, WrongUse
from unlearning.erasure import decisions, purge_again
from unlearning.erasure.steps.receive import receive
from unlearning.project.workspace import Workspace


@pytest.fixture
def workspace(beginning: History, tmp_path: Path) -> Workspace:
    return beginning.copy(tmp_path / "project").workspace


def test_a_request_that_is_not_erased_yet_is_named_and_nobody_s_data_is_touched(workspace: Workspace) -> None:
    [made] = receive(workspace, ["ann-1"], regulation="gdpr", now=utc_now())
    events = len(workspace.ledger.events())
    for run in (purge_again.purge, purge_again.preview):
        with pytest.raises(WrongUse, match=rf"{made.request_id} \(suppressed\): not erased yet"):
            run(workspace, [made.request_id])
        with pytest.raises(NotFound):
            run(workspace, ["request-0000000000000000"])
    assert len(workspace.ledger.events()) == events
    assert purge_again._purgeable(workspace, []) == []


def test_whose_new_request_is_on_hold_is_left_and_said(workspace: Workspace) -> None:
    held, free = receive(workspace, ["ann-1", "bob-2"], regulation="gdpr", now=utc_now())
    decisions.hold(workspace, held.request_id, reason="a case", now=utc_now())
    going, said = purge_again._without_held(workspace, [held, free])
    assert going == [free]
    assert [(one.outcome, one.count) for one in said] == [("residual", 1)]
    assert purge_again._without_held(workspace, [free]) == ([free], [])
