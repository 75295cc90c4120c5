"""Step 1: identifiers become requests, and people are left out from then on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.histories import History
from unlearning.domain import hashing, lifecycle
from unlearning.domain.errors import IdentifierError
from unlearning.erasure.steps.receive import receive, reopen
from unlearning.project.workspace import Workspace

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def workspace(beginning: History, tmp_path: Path) -> Workspace:
    return beginning.copy(tmp_path / "project").workspace


def test_a_person_is_recorded_by_token_with_a_deadline_and_left_out_at_once(workspace: Workspace) -> None:
    [made] = receive(workspace, ["ann-1"], regulation="ccpa", now=NOON)
    assert (made.token, made.state) == (hashing.token(workspace.keys.index, "ann-1", "text"), "suppressed")
    assert made.due_at == NOON + timedelta(days=45)
    assert lifecycle.REQUEST_ID.fullmatch(made.request_id)
    assert "ann-1" not in str(workspace.ledger.events())
    assert len(workspace.ledger.state().suppressed()) == 1


def test_asking_again_joins_the_open_request_and_one_bad_line_records_nothing(workspace: Workspace) -> None:
    [first] = receive(workspace, ["ann-1"], regulation="gdpr", now=NOON)
    again, other = receive(workspace, [" ann-1 ", "bob-2"], regulation="gdpr", now=NOON)
    assert (again.state, again.group) == ("duplicate", first.request_id)
    assert other.group == other.request_id
    events = len(workspace.ledger.events())
    with pytest.raises(IdentifierError):
        receive(workspace, ["cid-3", "  "], regulation="gdpr", now=NOON)
    assert len(workspace.ledger.events()) == events


def test_who_comes_back_gets_a_new_request_unless_one_is_open(workspace: Workspace) -> None:
    [open_one] = receive(workspace, ["ann-1"], regulation="gdpr", now=NOON)
    people = [("11" * 32, open_one.token), ("22" * 32, "33" * 32)]
    [made] = reopen(workspace, people, regulation="gdpr", now=NOON)
    assert workspace.ledger.state().requests[made].token == "33" * 32
    assert reopen(workspace, people, regulation="gdpr", now=NOON) == []
