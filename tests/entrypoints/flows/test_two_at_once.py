"""Two erasure flows on one model: both end, and the one whose parent was replaced meanwhile plans again from the new one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.entrypoints.flows.conftest import Server, unlearn
from tests.small_project import Project
from unlearning.domain.events import AliasMoved
from unlearning.entrypoints.flows import erase
from unlearning.erasure.steps import promote

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(900)]


def test_an_erasure_that_another_process_overtakes_plans_again_from_its_version(
    project: Project, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = project.cells()[0, 1][0], project.cells()[3, 0][0]
    ours, theirs = project.request(slow, quick)
    undisturbed, overtaken = promote.promote_step, []

    def overtaken_once(*arguments: Any) -> AliasMoved:
        if not overtaken:
            overtaken.append(unlearn(project.root, "erase", "--request", theirs.request_id, environment=server.environment))
        return undisturbed(*arguments)

    monkeypatch.setattr(promote, "promote_step", overtaken_once)

    (report,) = erase.run(project.workspace, [ours.request_id])

    assert overtaken[0].returncode == 0, overtaken[0].stderr
    plans = [(event.body["parent"]["version"], event.subject) for event in project.events() if event.kind == "PlanMade"]
    mine = report.erasure_id
    assert [version for version, erasure in plans if erasure == mine] == [1, 2]
    assert [version for version, erasure in plans if erasure != mine] == [1]
    assert set(project.states().values()) == {"completed"}
    # Whoever asked is left out of every training: the other's version is clean of both, and becomes nobody's work twice.
    assert report.models == []
    assert project.champion == 2
    assert report.certificate
    assert not {slow, quick} & set(project.people("data/train.parquet"))
    assert project.workspace.data.status() == []
    assert project.workspace.ledger.verify() == []
