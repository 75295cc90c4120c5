"""What a search stands on is read once, and handed to the deletion that follows."""

from __future__ import annotations

import pytest

from tests.small_project import Project, patient
from unlearning.lineage.history import Past
from unlearning.project.holdings import Holdings
from unlearning.project.workspace import Workspace
from unlearning.traces import deletion


def test_one_search_and_its_deletion_read_history_and_holdings_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    past, holdings = Past.of, Holdings.of

    def counted_past(workspace: Workspace) -> Past:
        read.append("past")
        return past(workspace)

    def counted_holdings(workspace: Workspace) -> Holdings:
        read.append("holdings")
        return holdings(workspace)

    monkeypatch.setattr(Past, "of", counted_past)
    monkeypatch.setattr(Holdings, "of", counted_holdings)
    deletion.again(project.workspace, [project.token(patient(3))])
    assert sorted(read) == ["holdings", "past"]
