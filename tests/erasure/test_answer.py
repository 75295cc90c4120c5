"""What a person is told is what ledger and lineage know of that person, and of nobody else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.small_project import HOLDOUT, SOURCE, TRAIN, Project, copy
from unlearning.domain.answers import Answer
from unlearning.domain.clocks import utc_now
from unlearning.domain.codec import write
from unlearning.domain.entities import ErasureRequest
from unlearning.domain.errors import NotFound
from unlearning.erasure import decisions
from unlearning.erasure.answer import answer
from unlearning.erasure.steps.receive import Asked, confirm, receive, receive_all

REASON = "tax law, § 147 AO"


def told(project: Project, request: ErasureRequest) -> Answer:
    return answer(project.workspace, request.request_id, now=utc_now())


@dataclass(frozen=True)
class Together:
    """A project that three people left in one go: one kept by law in one table, one of the holdout, who shaped no model."""

    project: Project
    people: tuple[str, ...]
    requests: tuple[ErasureRequest, ...]


@pytest.fixture(scope="module")
def together(template: Project, tmp_path_factory: pytest.TempPathFactory) -> Together:
    project = copy(template, tmp_path_factory.mktemp("together") / "project")
    first, second = project.cells()[0, 1][:2]
    people = (first, second, project.people(HOLDOUT)[0])
    requests = tuple(project.request(one)[0] for one in people)
    decisions.hold(project.workspace, requests[0].request_id, reason=REASON, now=utc_now(), data=[SOURCE])
    decisions.tell(project.workspace, requests[1].request_id, recipient="Acme Analytics", now=utc_now())
    project.erase()
    return Together(project, people, requests)


def test_each_of_a_batch_is_told_of_themselves_alone(together: Together) -> None:
    held, other, holdout = (told(together.project, one) for one in together.requests)
    assert {one.request.state for one in (held, other, holdout)} == {"completed_with_residuals"}
    assert (held.title, other.title) == ("Your data was erased, with exceptions", "Your data was erased")
    assert [(one.what, one.why) for one in held.stays if one.kind == "hold"] == [(SOURCE, REASON)]
    assert {one.kind for one in held.stays} >= {"hold", "residual", "out_of_reach", "record"}
    assert {one.kind for one in other.stays} == {"out_of_reach", "recipient", "record"}
    assert [one.name for one in other.recipients] == ["Acme Analytics"]
    assert not held.recipients
    assert (held.models, other.models, holdout.models) == (("outcome/1",), ("outcome/1",), ())
    assert {name.partition("@")[0] for name in other.tables} == {SOURCE, TRAIN}
    assert {name.partition("@")[0] for name in holdout.tables} == {SOURCE, HOLDOUT}
    replaced = [one.what for one in other.done if "took the place" in one.what]
    assert replaced == ["Model outcome/2 took the place of outcome/1; it was trained as if your records had never been there"]
    assert not [one for one in holdout.done if "took the place" in one.what]


def test_an_answer_names_nobody_and_no_request_of_others(together: Together) -> None:
    tokens = {together.project.token(one) for one in together.people}
    for request in together.requests:
        said = json.dumps(write(told(together.project, request)), ensure_ascii=False)
        others = {one.request_id for one in together.requests} - {request.request_id}
        assert not [word for word in (*together.people, *tokens, *others) if word in said or word[:12] in said]
        if request != together.requests[0]:
            assert REASON not in said


def test_who_is_erased_alone_is_told_when_and_what_is_beyond_reach(erased_project: Project) -> None:
    [request] = erased_project.workspace.ledger.state().requests.values()
    erased_project.configure({"backups": [{"name": "nightly dump", "keeps_days": 35}]})
    found = told(erased_project, request)
    assert found.title == "Your data was erased"
    assert found.models == ("outcome/1",)
    assert found.ended_at is not None
    assert [one.at for one in found.done] == sorted(one.at for one in found.done)
    [backup] = [one for one in found.stays if one.kind == "backup"]
    assert backup.until == found.ended_at + timedelta(days=35)
    assert "nothing of you was found there" in found.summary[-1]
    decisions.readmit(erased_project.workspace, request_ids=[request.request_id], reason="a new contract", now=utc_now())
    assert "a new contract" in told(erased_project, request).summary[-1]


def test_each_state_before_an_erasure_has_words_that_claim_none(template: Project, tmp_path: Path) -> None:
    project = copy(template, tmp_path / "project")
    workspace, now = project.workspace, datetime.now(UTC)
    one, two, three, four = project.people(TRAIN)[:4]
    [waits] = receive_all(workspace, [Asked([one], regulation="gdpr", verified=False)], now=now)
    [open_, cancelled, exempt] = receive(workspace, [two, three, four], regulation="gdpr", now=now)
    decisions.cancel(workspace, cancelled.request_id, now=now)
    decisions.exempt(workspace, exempt.request_id, reason="Art. 17(3)(b) GDPR", now=now)
    for request, title, words in (
        (waits, "make sure that it is yours", "Until then we change nothing."),
        (open_, "Your request is open", "Nothing has been erased yet."),
        (cancelled, "Your request was withdrawn", "before anything was erased"),
        (exempt, "Your data was not erased", "Art. 17(3)(b) GDPR"),
    ):
        found = told(project, request)
        assert title in found.title
        assert words in " ".join(found.summary)
        assert (found.tables, found.models) == ((), ())
    confirm(workspace, waits.request_id, by="the front desk", now=now)
    [again] = receive(workspace, [one], regulation="gdpr", now=now)
    joined = told(project, again)
    assert (joined.request.request_id, joined.request.state) == (again.request_id, "suppressed")
    with pytest.raises(NotFound):
        answer(workspace, "request-0123456789abcdef", now=now)
    late = answer(workspace, open_.request_id, now=now + timedelta(days=40))
    assert "we are late" in late.deadline[-1]
