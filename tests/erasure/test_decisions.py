"""Decisions about a request: legal hold, release, exemption, cancellation, a longer deadline."""

from __future__ import annotations

import calendar
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.entrypoints.cli.commands import unlearn
from tests.erasure.test_batches import statement
from tests.project.test_suppression import bring_back, forget
from tests.small_project import SOURCE, TRAIN, Project, copy, patient, remote_objects, tracked
from unlearning.domain import clocks, lifecycle
from unlearning.domain.clocks import utc_now
from unlearning.domain.entities import ErasureRequest
from unlearning.domain.errors import AwaitsApproval, NotFound, OnHold, Refused, WrongUse
from unlearning.erasure import decisions, purge_again, watch
from unlearning.project.training import stages
from unlearning.stores.tables import tables
from unlearning.traces import old_revisions, sweep, within_reach

REASON = "litigation 7/26"


def held(project: Project, request_id: str, **more: Any) -> str:
    return decisions.hold(project.workspace, request_id, reason=REASON, now=utc_now(), **more).state


def release(project: Project, request_id: str) -> str:
    assert unlearn(project.root, "release", request_id).code == 0
    return project.states()[request_id]


@dataclass(frozen=True)
class Waiting:
    """A project whose erasure of one person waits for the release of a hold."""

    project: Project
    person: str
    request_id: str
    checkpoints: frozenset[str]
    """Those of before."""


@pytest.fixture(scope="module")
def waiting_template(template: Project, tmp_path_factory: pytest.TempPathFactory) -> Waiting:
    """To be copied."""
    project = copy(template, tmp_path_factory.mktemp("waiting") / "project")
    person, before = project.cells()[0, 1][0], frozenset(project.workspace.checkpoints.keys())
    (request,) = project.request(person)
    assert held(project, request.request_id, scope="data/records.parquet") == "on_hold"
    with pytest.raises(OnHold, match=request.request_id):
        project.erase()
    return Waiting(project, person, request.request_id, before)


@pytest.fixture
def waiting(waiting_template: Waiting, tmp_path: Path) -> Waiting:
    """One of the test's own."""
    return replace(waiting_template, project=copy(waiting_template.project, tmp_path / "project"))


def test_an_erasure_with_a_hold_serves_a_clean_model_and_deletes_nothing_until_the_release(waiting: Waiting) -> None:
    project, before = waiting.project, waiting.checkpoints
    assert project.states() == {waiting.request_id: "on_hold"}
    assert project.champion == 2
    assert waiting.person not in project.people(TRAIN)
    assert before <= set(project.workspace.checkpoints.keys())
    assert not {"TracesFound", "Purged", "CertificateIssued"} & set(project.kinds())

    assert release(project, waiting.request_id) == "purging"
    (report,) = project.erase()
    assert set(project.states().values()) <= {"completed", "completed_with_residuals"}
    assert not before <= set(project.workspace.checkpoints.keys())
    [said] = statement(project, report["certificate"])["predicate"]["requests"]
    [stated] = said["holds"]
    assert (stated["reason"], stated["scope"], stated["until"]) == (REASON, "data/records.parquet", "until released")
    assert stated["heldAt"] < stated["releasedAt"]


def test_who_was_erased_is_let_in_again_once_with_a_reason_that_names_nobody(project: Project) -> None:
    one, other, third = project.people(TRAIN)[:3]
    forget(project, [one, other])
    [first, second] = project.states()
    say: Any = {"reason": "signed up again", "now": utc_now()}

    assert decisions.readmit(project.workspace, [one], dry_run=True, **say).people == 1
    assert "SubjectReadmitted" not in project.kinds()
    for identifiers, ids, error in [
        ([third], [], WrongUse),
        ([one, third], [], WrongUse),
        ([], ["request-0000000000000000"], NotFound),
    ]:
        with pytest.raises(error):
            decisions.readmit(project.workspace, identifiers, ids, **say)
    for reason in ("", f"{one} signed up again", f"contract of ({one})"):
        with pytest.raises(WrongUse):
            decisions.readmit(project.workspace, [one], reason=reason, now=utc_now())
    assert "SubjectReadmitted" not in project.kinds()

    done = decisions.readmit(project.workspace, [one], [first], **say)
    assert (done.people, done.already, list(done.requests)) == (1, 0, [first])
    again = decisions.readmit(project.workspace, [one, other], **say)
    assert (again.people, again.already, list(again.requests)) == (1, 1, [second])
    assert project.kinds().count("SubjectReadmitted") == 2
    shown = decisions.shown(project.workspace, [project.workspace.ledger.state().requests[first]], now=utc_now())
    assert (shown[0].readmitted.reason, len(shown[0].readmitted.tips)) == ("signed up again", 1)
    bring_back(project)
    assert stages.prepare(project.workspace)["dropped"] == 0


def test_nobody_is_let_in_while_a_request_of_theirs_is_open(project: Project) -> None:
    person = project.people(TRAIN)[0]
    forget(project, [person])
    [asked] = project.request(person)
    with pytest.raises(Refused, match=f"{asked.request_id}: still open"):
        decisions.readmit(project.workspace, [person], reason="signed up again", now=utc_now())
    assert unlearn(project.root, "cancel", asked.request_id).code == 0
    assert decisions.readmit(project.workspace, [person], reason="signed up again", now=utc_now()).people == 1
    [new] = project.request(person)
    assert project.token(person) in project.workspace.ledger.state().suppressed_index_tokens()
    assert project.states()[new.request_id] == "suppressed"


def test_a_held_person_is_left_out_of_training(project: Project) -> None:
    (request,) = project.request(project.people(TRAIN)[0])
    held(project, request.request_id)
    assert project.train()["excluded_records"] > 0


@pytest.mark.slow
def test_other_batches_go_on_while_one_is_held(waiting: Waiting) -> None:
    project, first = waiting.project, waiting.request_id
    (second,) = project.request(project.cells()[2, 1][0])

    with pytest.raises(OnHold):
        project.erase()

    states = project.states()
    assert states[first] == "on_hold"
    assert states[second.request_id].startswith("completed")
    release(project, first)
    project.erase()
    assert all(state.startswith("completed") for state in project.states().values())


def test_a_hold_comes_too_late_once_the_purge_has_begun(erased_project: Project) -> None:
    [request_id] = erased_project.states()
    with pytest.raises(Refused, match="purge has begun"):
        held(erased_project, request_id)
    assert lifecycle.fold(erased_project.events()).holds == {}
    assert erased_project.states()[request_id].startswith("completed")


def test_a_hold_is_put_on_once_and_ends_once(project: Project) -> None:
    (request,) = project.request(project.people(TRAIN)[0])
    with pytest.raises(OnHold, match="not on hold"):
        decisions.release(project.workspace, request.request_id, now=utc_now())
    held(project, request.request_id)
    with pytest.raises(OnHold, match="already"):
        held(project, request.request_id)
    assert release(project, request.request_id) == "suppressed"
    with pytest.raises(OnHold, match="not on hold"):
        decisions.release(project.workspace, request.request_id, now=utc_now())


def test_a_hold_ends_after_its_last_day(project: Project) -> None:
    (request,) = project.request(project.people(TRAIN)[0])
    now = utc_now()
    held(project, request.request_id, until=now.date())
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)

    assert decisions.expire(project.workspace, now=midnight - timedelta(seconds=1)) == []
    assert project.states() == {request.request_id: "on_hold"}
    assert decisions.expire(project.workspace, now=midnight) == [request.request_id]
    assert project.states() == {request.request_id: "suppressed"}
    assert project.events()[-1].body["reason"] == decisions.EXPIRED
    assert decisions.expire(project.workspace, now=midnight) == []


def test_a_hold_that_would_be_over_is_refused(project: Project) -> None:
    (request,) = project.request(project.people(TRAIN)[0])
    with pytest.raises(WrongUse, match="has passed"):
        held(project, request.request_id, until=utc_now().date() - timedelta(days=1))


@pytest.mark.parametrize(("decide", "state"), [(decisions.cancel, "cancelled"), (decisions.exempt, "exempt")])
def test_who_withdraws_or_is_exempt_is_trained_on_again(project: Project, decide: Any, state: str) -> None:
    (request,) = project.request(project.people(TRAIN)[0])

    assert decide(project.workspace, request.request_id, reason="a contract runs", now=utc_now()).state == state

    assert lifecycle.fold(project.events()).suppressed_index_tokens() == frozenset()
    assert project.erase() == []


def test_once_data_is_redacted_a_request_cannot_be_withdrawn(waiting: Waiting) -> None:
    for decide in (decisions.cancel, decisions.exempt):
        with pytest.raises(Refused, match="redacted"):
            decide(waiting.project.workspace, waiting.request_id, reason="too late", now=utc_now())
    assert waiting.project.states() == {waiting.request_id: "on_hold"}


@pytest.fixture(scope="module")
def decided(template: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, list[ErasureRequest], Any]:
    """A finished erasure, to be read only: of two requests one got a longer deadline and one was withdrawn after the plan."""
    project = copy(template, tmp_path_factory.mktemp("decided") / "project")
    stays, leaves = project.cells()[0, 1][0], project.cells()[2, 0][0]
    first, second = project.request(stays, leaves)
    extended = decisions.extend(project.workspace, first.request_id, reason="many requests", now=utc_now())

    def withdraw(step: str) -> None:
        if step == "4 redact" and project.states()[second.request_id] == "planned":
            decisions.cancel(project.workspace, second.request_id, now=utc_now())

    (report,) = project.erase(before=withdraw)

    assert stays not in project.people(TRAIN)
    assert leaves in project.people(TRAIN)
    return project, [extended, second], statement(project, report["certificate"])["predicate"]["requests"]


def test_a_request_that_is_withdrawn_after_the_plan_leaves_the_batch(
    decided: tuple[Project, list[ErasureRequest], Any],
) -> None:
    project, (first, second), said = decided
    states = project.states()
    assert states[second.request_id] == "cancelled"
    assert states[first.request_id].startswith("completed")
    assert [one["reference"] for one in said] == [first.request_id]


def test_a_deadline_is_extended_once_and_the_certificate_says_why(
    project: Project, decided: tuple[Project, list[ErasureRequest], Any]
) -> None:
    (request,) = project.request(project.cells()[0, 1][0])

    extended = decisions.extend(project.workspace, request.request_id, reason="many requests", now=utc_now())

    assert extended.due_at == clocks.extended_due_at(request.received_at, "gdpr")
    with pytest.raises(Refused, match="extended before"):
        decisions.extend(project.workspace, request.request_id, reason="again", now=utc_now())
    _, (first, _), [said] = decided
    assert first.due_at == clocks.extended_due_at(first.received_at, "gdpr")
    assert said["extension"]["reason"] == "many requests"
    assert said["dueAt"] == said["extension"]["dueAt"] == first.due_at.isoformat()


def test_a_deadline_that_has_passed_cannot_be_extended(project: Project) -> None:
    (request,) = project.request(project.people(TRAIN)[0])
    assert request.due_at is not None
    with pytest.raises(Refused, match="still to come"):
        decisions.extend(project.workspace, request.request_id, reason="late", now=request.due_at + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("received", "due"), [("2026-01-31", "2026-04-30"), ("2025-11-30", "2026-02-28"), ("2026-05-15", "2026-08-15")]
)
def test_the_longer_deadline_is_three_calendar_months(received: str, due: str) -> None:
    moment = datetime.fromisoformat(received).replace(tzinfo=UTC)
    assert clocks.extended_due_at(moment, "gdpr") == datetime.fromisoformat(due).replace(tzinfo=UTC)
    assert clocks.extended_due_at(moment, "ccpa") == moment + timedelta(days=90)
    assert clocks.extended_due_at(moment, "none") is None


@given(st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)))
def test_the_longer_deadline_is_later_and_on_the_same_day_where_there_is_one(received: datetime) -> None:
    first, longer = clocks.due_at(received, "gdpr"), clocks.extended_due_at(received, "gdpr")
    assert first is not None
    assert longer is not None
    assert received < first < longer
    assert longer.day == min(received.day, calendar.monthrange(longer.year, longer.month)[1])


@pytest.mark.parametrize("words", ["{} is in court", "the case of ({}).", "{}"])
def test_words_that_name_the_person_are_refused_and_not_repeated(project: Project, words: str) -> None:
    person = project.people(TRAIN)[0]
    (request,) = project.request(person)
    events = len(project.events())
    for words_given in ({"reason": words.format(person)}, {"reason": REASON, "scope": words.format(person)}):
        with pytest.raises(WrongUse, match="name the person") as refused:
            decisions.hold(project.workspace, request.request_id, now=utc_now(), **words_given)
        assert person not in str(refused.value)
    assert len(project.events()) == events


def test_a_duplicate_is_decided_by_its_first_request(project: Project) -> None:
    person = project.people(TRAIN)[0]
    (first,), (second,) = project.request(person), project.request(person)
    with pytest.raises(WrongUse, match=first.request_id):
        held(project, second.request_id)


def test_an_unknown_request_and_an_empty_reason_are_wrong_use(project: Project) -> None:
    (request,) = project.request(project.people(TRAIN)[0])
    with pytest.raises(NotFound):
        held(project, "request-nobody")
    with pytest.raises(WrongUse, match="words are empty"):
        decisions.hold(project.workspace, request.request_id, reason=" ", now=utc_now())


# --- a hold on data sets --------------------------------------------------------------------------------------------


def people_of(project: Project, name: str) -> set[str]:
    """Who is in an object of the remote."""
    file = project.root / ".dvc-remote/files/md5" / name[:2] / name[2:]
    return {str(value) for value in tables.people(tables.read(file, person="patient", named="a.parquet"), "patient").values}


@dataclass(frozen=True)
class Kept:
    """A project from which one person was erased, but for a data set of before that a hold keeps."""

    project: Project
    person: str
    source: str
    """The object that is held."""
    train: str
    """One that is not."""
    request_id: str
    report: dict[str, Any]


@pytest.fixture(scope="module")
def kept_template(template: Project, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """To be copied."""
    project = copy(template, tmp_path_factory.mktemp("kept") / "project")
    person = project.cells()[0, 1][0]
    source, train = tracked(project.root, SOURCE), tracked(project.root, TRAIN)
    (request,) = project.request(person)
    last = utc_now().date() + timedelta(days=30)
    assert held(project, request.request_id, data=[SOURCE], until=last) == "suppressed"
    (report,) = project.erase()
    return Kept(project, person, source, train, request.request_id, report)


@pytest.fixture
def kept(kept_template: Kept, tmp_path: Path) -> Kept:
    """One of the test's own."""
    return replace(kept_template, project=copy(kept_template.project, tmp_path / "project"))


def test_whoever_the_law_keeps_in_one_data_set_is_erased_from_all_others(kept: Kept) -> None:
    project, person = kept.project, kept.person

    assert project.states() == {kept.request_id: "completed_with_residuals"}
    assert person in people_of(project, kept.source)
    assert kept.train not in remote_objects(project.root)
    assert person not in {*project.people(SOURCE), *project.people(TRAIN)}
    assert project.champion == 2
    said = statement(project, kept.report["certificate"])["predicate"]
    [stated] = said["requests"][0]["holds"]
    assert (stated["dataSets"], stated["releasedAt"]) == ([SOURCE], "not released")
    rows = [one for one in said["verification"] if "legal hold" in one["place"]]
    assert [(one["outcome"], one["count"]) for one in rows] == [("residual", 1)] * 2, "in the cache and in the remote"


def test_what_a_hold_keeps_stays_through_sweep_purge_and_watch_and_goes_after_the_release(kept: Kept) -> None:
    project, person, source, request_id = kept.project, kept.person, kept.source, kept.request_id

    done = sweep.sweep(project.workspace, [project.token(person)])
    assert not done.clean
    assert {one.place for one in done.places if one.outcome == "residual"} == {
        "DVC cache: kept by a legal hold",
        "DVC remote 'store': kept by a legal hold",
    }
    purge_again.purge(project.workspace, [])
    assert not [one for one in watch.watch(project.workspace, clock=utc_now) if one.kind == "objects"]
    assert person in people_of(project, source)

    assert release(project, request_id) == "completed_with_residuals"
    done_again = purge_again.purge(project.workspace, [])

    assert done_again.certificates
    assert project.states() == {request_id: "completed"}
    assert source not in remote_objects(project.root)
    assert person not in people_of(project, old_revisions.known(project.workspace).twins[source].new)
    assert sweep.sweep(project.workspace, within_reach.erased(project.workspace)).clean


@pytest.mark.slow
def test_erasing_somebody_else_from_what_is_held_keeps_the_rows_of_whom_the_law_keeps(kept: Kept) -> None:
    project, source, goes = kept.project, kept.source, kept.project.cells()[2, 1][0]
    project.request(goes)

    project.erase()
    purge_again.purge(project.workspace, [])

    assert source not in remote_objects(project.root)
    twin = people_of(project, old_revisions.known(project.workspace).twins[source].new)
    assert kept.person in twin
    assert goes not in twin
    assert sweep.sweep(project.workspace, [project.token(goes)]).clean


def test_files_of_a_folder_that_is_held_stay_with_it(project: Project) -> None:
    kept, other = project.cells()[0, 1][0], project.cells()[2, 1][0]
    folder = project.root / "data/visits"
    folder.mkdir()
    for name, person in (("a.csv", kept), ("b.csv", other)):
        (folder / name).write_text(f"patient,x\n{person},1\n{patient(999)},2\n")
    project.workspace.data.add(["data/visits"])
    project.workspace.data.push(["data/visits"])
    project.workspace.data.git.commit("Add the visits", ["."])
    (request,) = project.request(kept)
    before = remote_objects(project.root)
    held(project, request.request_id, data=["data/visits/"])

    project.erase()

    gone = before - remote_objects(project.root)
    assert tracked(project.root, "data/visits") not in gone
    assert gone, "the other tables went"
    assert (folder / "a.csv").read_text().count(kept) == 1


def test_a_hold_on_what_no_revision_tracks_is_wrong_use(project: Project) -> None:
    (request,) = project.request(project.people(TRAIN)[0])
    with pytest.raises(WrongUse, match="no revision tracks"):
        held(project, request.request_id, data=["data/billing.csv"])
    assert lifecycle.fold(project.events()).holds == {}


def test_a_hold_on_a_data_set_ends_after_its_last_day_though_the_rest_is_erased(kept: Kept) -> None:
    workspace, now = kept.project.workspace, utc_now()

    assert decisions.expire(workspace, now=now + timedelta(days=29)) == []
    assert decisions.expire(workspace, now=now + timedelta(days=31)) == [kept.request_id]
    assert lifecycle.fold(kept.project.events()).kept == {}


# --- approval, and who was told -------------------------------------------------------------------------------------


def test_where_approval_is_asked_for_nothing_changes_before_it_and_the_certificate_names_who_gave_it(project: Project) -> None:
    project.configure({"policy": {"approval": True}})
    person = project.cells()[0, 1][0]
    (request,) = project.request(person)
    for _ in range(2):
        with pytest.raises(AwaitsApproval, match=f"unlearn approve {request.request_id}"):
            project.erase()
    assert project.states() == {request.request_id: "awaiting_approval"}
    assert (person in project.people(TRAIN), project.champion) == (True, 1)
    assert project.kinds().count("ApprovalRequested") == 1

    assert unlearn(project.root, "approve", request.request_id, "--by", "the DPO").code == 0
    assert project.states() == {request.request_id: "queued"}
    decisions.tell(project.workspace, request.request_id, recipient="Acme Analytics", now=utc_now())
    (report,) = project.erase()

    said = statement(project, report["certificate"])["predicate"]
    assert said["impact"]["approvedBy"] == "the DPO"
    assert [one["name"] for one in said["recipients"]] == ["Acme Analytics"]
    assert person not in project.people(TRAIN)
    with pytest.raises(Refused, match="awaits approval"):
        decisions.approve(project.workspace, request.request_id, by="the DPO", now=utc_now())


def test_a_batch_that_awaits_approval_holds_up_no_other_and_can_be_withdrawn(project: Project) -> None:
    project.configure({"policy": {"approval": True}})
    (first,) = project.request(project.cells()[0, 1][0])
    with pytest.raises(AwaitsApproval):
        project.erase()
    (second,) = project.request(project.cells()[2, 1][0])
    with pytest.raises(AwaitsApproval):
        project.erase(second.request_id)
    decisions.approve(project.workspace, second.request_id, by="the DPO", now=utc_now())

    (report,) = project.erase(second.request_id)

    assert report["requests"][0]["request_id"] == second.request_id
    assert project.states()[first.request_id] == "awaiting_approval"
    assert decisions.cancel(project.workspace, first.request_id, now=utc_now()).state == "cancelled"
    assert project.erase() == []


def test_who_approves_or_was_told_is_said_without_naming_the_person(project: Project) -> None:
    project.configure({"policy": {"approval": True}})
    person = project.people(TRAIN)[0]
    (request,) = project.request(person)
    with pytest.raises(AwaitsApproval):
        project.erase()
    for decide, words in ((decisions.approve, "by"), (decisions.tell, "recipient")):
        with pytest.raises(WrongUse, match="name the person") as refused:
            decide(project.workspace, request.request_id, now=utc_now(), **{words: f"{person}'s lawyer {person}"})
        assert person not in str(refused.value)
