"""`unlearn plan` and `unlearn erase --plan`: what would be done, under which name, and nothing but that."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.small_project import HOLDOUT, Project
from unlearning.domain.clocks import utc_now
from unlearning.domain.errors import AwaitsApproval, NotFound, Refused, SettingsError
from unlearning.domain.events import ErasureStarted
from unlearning.erasure import planner, plans, report
from unlearning.erasure.erasure import Erasure


def asked(project: Project, number: int = 0) -> str:
    [request] = project.request(project.cells()[0, 1][number])
    return request.request_id


def test_looking_changes_nothing_and_says_the_same_again_until_something_moves(project: Project) -> None:
    assert planner.look(project.workspace) == planner.Planning(None, [], [])
    asked(project)
    head = project.workspace.ledger.head()
    first, again = planner.look(project.workspace), planner.look(project.workspace)
    assert project.workspace.ledger.head() == head
    assert (first.digest, len(first.batches)) == (again.digest, 1)
    [batch] = first.batches
    assert batch.methods == {"outcome": ("sisa", "retrain")}
    chosen = next(one for one in first.methods if one.method == "sisa")
    assert (batch.now.records, batch.now.seconds) == (chosen.records, chosen.seconds)
    assert batch.latest_start is not None
    assert batch.waiting is None
    assert "how many more" in batch.why
    project.request(project.people(HOLDOUT)[0])  # one more request is another plan
    assert planner.look(project.workspace).digest != first.digest
    lines = report.say_planning(first)
    assert any(str(first.digest) in line for line in lines)


def test_waiting_is_priced_by_those_who_asked_so_far(project: Project) -> None:
    asked(project)
    later = utc_now() + timedelta(days=5)
    [batch] = planner.look(project.workspace, clock=lambda: later).batches
    wait = batch.waiting
    assert wait is not None
    assert wait.more > 1  # one in five days, and weeks to go
    assert 1 < wait.shards <= 4
    assert batch.now.records < wait.together.records <= wait.apart.records
    assert wait.together.seconds is not None


def test_an_answer_at_once_is_priced_at_the_training_that_heals_it(project: Project) -> None:
    asked(project)
    [retrained] = planner.look(project.workspace).batches
    project.configure({"policy": {"answer": "instant"}})
    [at_once] = planner.look(project.workspace).batches
    assert at_once.methods["outcome"][0] == "instant"
    assert at_once.now == retrained.now
    assert at_once.now.records


def test_the_plan_that_was_shown_is_carried_out_and_recorded_as_that(project: Project) -> None:
    request = asked(project)
    digest = planner.look(project.workspace).digest
    assert digest is not None
    assert planner.exists(project.workspace, digest)
    erasure = planner.begin(project.workspace, digest)
    assert (erasure.started.requests, erasure.started.plan) == ((request,), digest)
    assert planner.begin(project.workspace, digest).erasure_id == erasure.erasure_id
    assert len(project.workspace.ledger.of(ErasureStarted)) == 1
    project.erase()
    assert Erasure(project.workspace, erasure.erasure_id).plan.content == digest
    with pytest.raises(Refused, match="moved since"):
        planner.begin(project.workspace, digest)


def test_a_plan_whose_world_changed_since_is_refused_before_anything_is_changed(project: Project) -> None:
    asked(project)
    old = planner.look(project.workspace).digest
    assert old is not None
    project.configure({"policy": {"methods": ["retrain"]}})
    with pytest.raises(Refused, match=r"moved since it was shown.*unlearn plan"):
        planner.begin(project.workspace, old)
    assert not project.workspace.ledger.of(ErasureStarted)
    new = planner.look(project.workspace).digest
    assert new is not None
    planner.begin(project.workspace, new)
    project.configure({"policy": {"methods": ["sisa"]}})  # between its beginning and its plan
    with pytest.raises(Refused, match="stale"):
        project.erase()
    assert project.kinds()[-1] == "ErasureRefused"
    assert "DataRedacted" not in project.kinds()
    project.erase()  # without a plan that was shown, it is planned anew
    assert project.kinds()[-1] == "CertificateIssued"


def test_what_is_no_digest_is_no_plan(project: Project) -> None:
    with pytest.raises(NotFound, match="64 hex digits"):
        planner.exists(project.workspace, "sisa")


def test_a_plan_that_waits_for_approval_is_shown_by_the_digest_that_is_approved(project: Project) -> None:
    project.configure({"policy": {"approval": True}})
    asked(project)
    with pytest.raises(AwaitsApproval):
        project.erase()
    found = planner.look(project.workspace)
    [batch] = found.batches
    assert batch.begun
    assert batch.digest == found.digest == plans.digest_of(Erasure(project.workspace, batch.erasure_id))
    assert planner.begin(project.workspace, batch.digest).erasure_id == batch.erasure_id


class Killed(BaseException):
    """The process ended."""


@pytest.mark.slow
def test_what_is_half_done_ends_with_erase_before_another_plan_begins(project: Project) -> None:
    asked(project)

    def kill(name: str) -> None:
        if name.startswith("4"):
            raise Killed

    with pytest.raises(Killed):
        project.erase(before=kill)
    asked(project, 1)
    *_, fresh = planner.look(project.workspace).batches
    assert not fresh.begun
    with pytest.raises(Refused, match=r"half done.*unlearn erase"):
        planner.begin(project.workspace, fresh.digest)
    project.erase()
    assert project.kinds().count("CertificateIssued") == 2


def test_a_device_that_is_not_there_is_refused_at_planning(project: Project) -> None:
    asked(project)
    project.configure({"run": {"device": "cuda:7"}})
    with pytest.raises(SettingsError, match="cuda"):
        planner.look(project.workspace)
