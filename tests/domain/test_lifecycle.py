"""Clocks, transitions and the two invariants: one active group a person, and a duplicate ends as its group ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import example
from unlearning.domain import lifecycle
from unlearning.domain.entities import ErasureRequest
from unlearning.domain.errors import Refused
from unlearning.domain.events import (
    AliasMoved,
    ApprovalRequested,
    CandidateTrained,
    CandidateValidated,
    CertificateIssued,
    DataRedacted,
    ErasureQueued,
    ErasureRefused,
    ErasureStarted,
    Event,
    Fact,
    ImpactAssessed,
    PlanMade,
    Purged,
    RequestCancelled,
    RequestExempted,
    RequestHeld,
    RequestReceived,
    RequestReleased,
    SubjectNotFound,
    SubjectReadmitted,
    SubjectSuppressed,
    Unknown,
    VersionRegistered,
)
from unlearning.domain.lifecycle import Progress, fold

STATES = lifecycle.ACTIVE | lifecycle.ENDED | {"on_hold", "duplicate"}
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Said:
    subject: str
    fact: Fact


def said(kind: type[Any], subject: str, **facts: Any) -> Said:
    return Said(subject, example(kind, **facts))


def received(request: str, person: str, group: str | None = None, due: datetime | None = None) -> Said:
    return said(
        RequestReceived,
        request,
        token=f"index:{person}",
        suppression_token=f"list:{person}",
        regulation="gdpr",
        due_at=due or NOON + timedelta(days=30),
        group=group or request,
    )


def ledger(*lines: Said) -> list[Event[Fact]]:
    return [Event(seq, NOON, line.subject, line.fact, {}, "", "") for seq, line in enumerate(lines, start=1)]


def requests(*lines: Said) -> dict[str, ErasureRequest]:
    return fold(ledger(*lines)).requests


def states(*lines: Said) -> dict[str, str]:
    return {name: request.state for name, request in requests(*lines).items()}


ASKED = (received("r", "ada"), said(SubjectSuppressed, "r"))
STARTED = (*ASKED, said(ErasureStarted, "e", requests=("r",)), said(ImpactAssessed, "e"))
PLANNED = (*STARTED, said(PlanMade, "e"))
REDACTED = (*PLANNED, said(DataRedacted, "e"))
TRAINED = (*REDACTED, said(CandidateTrained, "e", method="sisa"))
VALIDATED = (*TRAINED, said(CandidateValidated, "e", method="sisa", passed=True))
PROMOTED = (*VALIDATED, said(VersionRegistered, "e"), said(AliasMoved, "e"))
PURGED = (*PROMOTED, said(Purged, "e"))
CERTIFIED = (*PURGED, said(CertificateIssued, "e", path="c.json", residuals=0))


@pytest.mark.parametrize(
    ("lines", "state"),
    [
        (ASKED[:1], "received"),
        (ASKED, "suppressed"),
        (STARTED, "suppressed"),
        (PLANNED, "planned"),
        ((*PLANNED, said(ApprovalRequested, "e")), "awaiting_approval"),
        ((*PLANNED, said(ErasureQueued, "e")), "queued"),
        (REDACTED, "erasing"),
        (TRAINED, "validating"),
        (VALIDATED, "promoting"),
        (PROMOTED[:-1], "promoting"),
        (PROMOTED, "purging"),
        (PURGED, "purging"),
        (CERTIFIED, "completed"),
    ],
)
def test_every_step_of_an_erasure_moves_its_request_on(lines: Sequence[Said], state: str) -> None:
    assert states(*lines) == {"r": state}


def test_a_completed_request_names_its_erasure_and_certificate() -> None:
    request = requests(*CERTIFIED)["r"]
    assert (request.erasure_id, request.certificate, request.token, request.received_at) == ("e", "c.json", "index:ada", NOON)


def test_residuals_in_the_certificate_show_in_the_state_until_a_later_one_has_none() -> None:
    left = said(CertificateIssued, "e", path="c1.json", residuals=1)
    assert states(*PURGED, left) == {"r": "completed_with_residuals"}
    later = requests(*PURGED, left, said(CertificateIssued, "e", path="c2.json", residuals=0))["r"]
    assert (later.state, later.certificate) == ("completed", "c2.json")


def test_a_failed_validation_lets_the_next_method_try() -> None:
    lines = (*TRAINED, said(CandidateValidated, "e", method="sisa", passed=False))
    assert states(*lines) == {"r": "erasing"}
    assert states(
        *lines, said(CandidateTrained, "e", method="retrain"), said(CandidateValidated, "e", method="retrain", passed=True)
    ) == {"r": "promoting"}


def test_a_refused_erasure_leaves_its_request_open_and_can_be_taken_up_again() -> None:
    lines = (*TRAINED, said(CandidateValidated, "e", method="sisa", passed=False), said(ErasureRefused, "e", reason="auc"))
    assert states(*lines) == {"r": "failed"}
    assert [item.request_id for item in lifecycle.open_requests(requests(*lines))] == ["r"]
    assert states(*lines, said(CandidateTrained, "e", method="retrain")) == {"r": "validating"}
    again = (*lines, said(ErasureStarted, "e2", requests=("r",)))
    assert requests(*again)["r"].erasure_id == "e2"
    assert states(*again, said(PlanMade, "e2"), said(DataRedacted, "e2")) == {"r": "erasing"}


def test_an_erasure_that_another_has_replaced_no_longer_moves_the_request() -> None:
    assert states(*PLANNED, said(ErasureStarted, "e2", requests=("r",)), said(DataRedacted, "e")) == {"r": "suppressed"}


def test_a_person_who_is_in_no_data_is_not_found_and_gets_a_certificate_that_says_so() -> None:
    lines = (*STARTED, said(SubjectNotFound, "r"))
    assert states(*lines) == {"r": "not_found"}
    request = requests(*lines, said(CertificateIssued, "r", path="c.json", residuals=0))["r"]
    assert (request.state, request.certificate) == ("not_found", "c.json")


def test_one_erasure_ends_differently_for_those_found_and_those_not() -> None:
    lines = (
        received("a", "ada"),
        received("b", "bob"),
        said(SubjectSuppressed, "a"),
        said(SubjectSuppressed, "b"),
        said(ErasureStarted, "e", requests=("a", "b")),
        said(SubjectNotFound, "b"),
        said(PlanMade, "e"),
        said(DataRedacted, "e"),
        said(Purged, "e"),
        said(CertificateIssued, "e", path="c.json", residuals=0),
    )
    assert states(*lines) == {"a": "completed", "b": "not_found"}
    assert [item.certificate for item in requests(*lines).values()] == ["c.json", None]


def test_an_erasure_started_anew_may_name_who_left_it_and_another_may_not() -> None:
    lines = (*STARTED, received("b", "bob"), said(SubjectSuppressed, "b"))
    batch = (*lines, said(ErasureStarted, "e", requests=("r", "b")), said(SubjectNotFound, "b"))
    assert states(*batch, said(ErasureStarted, "e", requests=("r", "b"))) == {"r": "suppressed", "b": "not_found"}
    with pytest.raises(Refused, match="b is not_found"):
        fold(ledger(*batch, said(ErasureStarted, "e2", requests=("r", "b"))))


def test_data_alone_can_be_purged_but_never_between_training_and_promotion() -> None:
    assert states(*REDACTED, said(Purged, "e")) == {"r": "purging"}
    for lines in (TRAINED, VALIDATED):
        with pytest.raises(Refused, match="Purged of e"):
            fold(ledger(*lines, said(Purged, "e")))


def test_a_request_can_be_cancelled_until_redaction_begins() -> None:
    for lines in (ASKED[:1], ASKED, PLANNED):
        assert states(*lines, said(RequestCancelled, "r")) == {"r": "cancelled"}
    for lines in (REDACTED, TRAINED, CERTIFIED, (*REDACTED, said(ErasureRefused, "e", reason="x"))):
        with pytest.raises(Refused, match="RequestCancelled of r"):
            fold(ledger(*lines, said(RequestCancelled, "r")))


def test_an_erasure_started_again_after_redaction_does_not_make_the_request_cancellable() -> None:
    lines = (*REDACTED, said(ErasureStarted, "e2", requests=("r",)))
    assert states(*lines) == {"r": "erasing"}
    with pytest.raises(Refused):
        fold(ledger(*lines, said(RequestCancelled, "r")))


def test_the_rest_of_an_erasure_goes_on_without_a_cancelled_request() -> None:
    lines = (
        received("a", "ada"),
        received("b", "bob"),
        said(SubjectSuppressed, "a"),
        said(SubjectSuppressed, "b"),
        said(ErasureStarted, "e", requests=("a", "b")),
        said(RequestCancelled, "a"),
        said(PlanMade, "e"),
    )
    assert states(*lines) == {"a": "cancelled", "b": "planned"}


def test_an_exempt_request_is_ended() -> None:
    assert states(*ASKED, said(RequestExempted, "r", reason="legal duty to keep")) == {"r": "exempt"}


def test_a_legal_hold_blocks_the_purge_and_nothing_before_it() -> None:
    held = (ASKED[0], said(RequestHeld, "r"), *PROMOTED[1:])
    assert states(*held) == {"r": "on_hold"}
    with pytest.raises(Refused, match="on hold"):
        fold(ledger(*held, said(Purged, "e")))
    assert states(*held, said(RequestReleased, "r")) == {"r": "purging"}
    assert states(*held, said(RequestReleased, "r"), said(Purged, "e")) == {"r": "purging"}
    assert fold(ledger(*held)).suppressed() == {"list:ada"}


@pytest.mark.parametrize("kind", [RequestReleased, SubjectNotFound])
def test_an_impossible_event_is_named_with_what_was_expected(kind: type[Any]) -> None:
    with pytest.raises(Refused, match=rf"event {len(PLANNED) + 1} \({kind.__name__} of r\) cannot follow"):
        fold(ledger(*PLANNED, said(kind, "r")))


def test_events_about_requests_nobody_made_are_refused() -> None:
    with pytest.raises(Refused, match="never received"):
        fold(ledger(said(SubjectSuppressed, "x")))
    with pytest.raises(Refused, match="never received"):
        fold(ledger(said(ErasureStarted, "e", requests=("x",))))
    with pytest.raises(Refused, match="received before"):
        fold(ledger(ASKED[0], ASKED[0]))


def test_events_of_other_kinds_and_of_trainings_are_passed_over() -> None:
    assert states(*ASKED, Said("m/1", Unknown("TrainingFinished", {})), said(VersionRegistered, "m/1")) == {"r": "suppressed"}


def test_a_second_request_of_a_person_joins_the_first_and_brings_its_deadline() -> None:
    soon = NOON + timedelta(days=3)
    found = requests(*ASKED, received("d", "ada", group="r", due=soon), said(SubjectSuppressed, "d"))
    assert (found["r"].state, found["d"].state) == ("suppressed", "duplicate")
    assert found["r"].due_at == found["d"].due_at == soon
    assert [item.request_id for item in lifecycle.open_requests(found)] == ["r"]


def test_a_duplicate_is_decided_by_its_group_alone() -> None:
    lines = (*ASKED, received("d", "ada", group="r"))
    with pytest.raises(Refused, match="its group r decides"):
        fold(ledger(*lines, said(RequestCancelled, "d")))
    assert states(*lines, said(RequestCancelled, "r")) == {"r": "cancelled", "d": "cancelled"}


def test_naming_a_duplicate_in_an_erasure_means_its_group() -> None:
    lines = (*ASKED, received("d", "ada", group="r"), said(ErasureStarted, "e", requests=("d", "r")), said(PlanMade, "e"))
    assert states(*lines) == {"r": "planned", "d": "duplicate"}


def test_a_second_active_group_of_a_person_is_refused() -> None:
    with pytest.raises(Refused, match="active request, r"):
        fold(ledger(*ASKED, received("second", "ada")))


@pytest.mark.parametrize(
    "lines",
    [
        (received("d", "ada", group="r"),),
        (*CERTIFIED, received("d", "ada", group="r")),
        (*ASKED, received("d", "bob", group="r")),
    ],
)
def test_a_duplicate_of_nobodys_ended_or_anothers_request_is_refused(lines: Sequence[Said]) -> None:
    with pytest.raises(Refused, match="no active request of the same person"):
        fold(ledger(*lines))


def test_a_person_may_ask_again_once_the_first_request_has_ended() -> None:
    assert states(*CERTIFIED, received("again", "ada")) == {"r": "completed", "again": "received"}


def test_people_stay_suppressed_after_the_erasure_and_no_longer_after_a_cancellation() -> None:
    events = ledger(*CERTIFIED, received("b", "bob"), said(SubjectSuppressed, "b"), said(RequestCancelled, "b"))
    end = len(events)
    assert fold(events).suppressed() == {"list:ada"}
    assert fold(events).suppressed(end - 1) == {"list:ada", "list:bob"}
    assert fold(events).suppressed(1) == frozenset()
    assert fold(events).suppressed(2) == {"list:ada"}
    assert fold(events).suppressed_index_tokens(end - 1) == {"index:ada", "index:bob"}


def test_a_cancelled_second_request_does_not_lift_the_suppression_of_the_first() -> None:
    events = ledger(*CERTIFIED, received("b", "ada"), said(SubjectSuppressed, "b"), said(RequestCancelled, "b"))
    assert fold(events).suppressed() == {"list:ada"}


def test_open_requests_come_by_deadline_and_overdue_ones_are_those_past_it() -> None:
    found = requests(
        received("late", "ada", due=NOON),
        received("later", "bob", due=NOON + timedelta(days=9)),
        received("soon", "eve", due=NOON - timedelta(days=1)),
    )
    found["never"] = replace(found["late"], request_id="never", group="never", due_at=None)
    assert [item.request_id for item in lifecycle.open_requests(found)] == ["soon", "late", "later", "never"]
    assert [item.request_id for item in lifecycle.overdue(found, NOON)] == ["soon"]
    assert [item.request_id for item in lifecycle.overdue(found, NOON + timedelta(days=1))] == ["soon", "late"]


def test_progress_finds_the_newest_event_of_a_step_by_what_it_says() -> None:
    lines = (
        *TRAINED,
        said(CandidateTrained, "e", method="retrain", head="first"),
        said(CandidateTrained, "e", method="retrain", head="second"),
    )
    progress = Progress(tuple(ledger(*lines)))
    newest = progress.done(CandidateTrained)
    assert newest is not None
    assert (newest.method, newest.head) == ("retrain", "second")
    assert progress.done(CandidateTrained, method="sisa") == example(CandidateTrained, method="sisa")
    assert progress.done(CandidateTrained, method="retrain", head="first") == example(
        CandidateTrained, method="retrain", head="first"
    )
    assert progress.done(CandidateTrained, method="x") is None
    assert progress.done(Purged) is None


def story(person: int, ending: str, duplicates: int) -> list[Said]:
    """One person's whole way through the ledger, by how it ends."""
    request, erasure = f"r{person}", f"e{person}"
    opening = [received(request, f"p{person}"), said(SubjectSuppressed, request)]
    opening += [
        received(f"{request}-{number}", f"p{person}", group=request, due=NOON + timedelta(days=number))
        for number in range(duplicates)
    ]
    started = [said(ErasureStarted, erasure, requests=(request,)), said(PlanMade, erasure), said(DataRedacted, erasure)]
    trained = [said(CandidateTrained, erasure, method="sisa")]
    passed = [
        said(CandidateValidated, erasure, method="sisa", passed=True),
        said(VersionRegistered, erasure),
        said(AliasMoved, erasure),
        said(Purged, erasure),
    ]
    endings = {
        "suppressed": [],
        "cancelled": [said(RequestCancelled, request)],
        "not_found": [said(SubjectNotFound, request)],
        "on_hold": [said(RequestHeld, request), *started],
        "validating": [*started, *trained],
        "failed": [
            *started,
            *trained,
            said(CandidateValidated, erasure, method="sisa", passed=False),
            said(ErasureRefused, erasure, reason="utility"),
        ],
        "completed": [*started, *trained, *passed, said(CertificateIssued, erasure, path="c", residuals=0)],
        "completed_with_residuals": [*started, *trained, *passed, said(CertificateIssued, erasure, path="c", residuals=1)],
    }
    return opening + endings[ending]


ENDINGS = ["suppressed", "cancelled", "not_found", "on_hold", "validating", "failed", "completed", "completed_with_residuals"]
people = st.lists(st.tuples(st.sampled_from(ENDINGS), st.integers(0, 2)), min_size=1, max_size=4)


@given(people=people, data=st.data())
def test_how_requests_of_different_people_interleave_does_not_matter(
    people: list[tuple[str, int]], data: st.DataObject
) -> None:
    stories = [story(number, *person) for number, person in enumerate(people)]
    turns = data.draw(st.permutations([number for number, lines in enumerate(stories) for _ in lines]))
    queues = [iter(lines) for lines in stories]
    mixed = requests(*(next(queues[turn]) for turn in turns))
    assert mixed == requests(*(line for lines in stories for line in lines))
    assert mixed == requests(*(line for lines in reversed(stories) for line in lines))


@given(people=people)
def test_a_story_ends_in_its_state_and_its_duplicates_with_it(people: list[tuple[str, int]]) -> None:
    found = requests(*(line for number, person in enumerate(people) for line in story(number, *person)))
    for number, (ending, duplicates) in enumerate(people):
        assert found[f"r{number}"].state == ending
        expected = ending if ending in lifecycle.ENDED else "duplicate"
        for name in (f"r{number}-{copy}" for copy in range(duplicates)):
            assert found[name].state == expected
            assert found[name].due_at == found[f"r{number}"].due_at


KINDS = [*lifecycle.REQUEST_EVENTS, *lifecycle.ERASURE_EVENTS, RequestReceived]


@given(
    st.lists(
        st.tuples(st.sampled_from(KINDS), st.integers(0, 4), st.integers(0, 1), st.integers(0, 4), st.booleans()), max_size=60
    )
)
def test_whatever_happens_a_person_has_one_active_group_and_duplicates_end_with_theirs(
    attempts: list[tuple[type[Any], int, int, int, bool]],
) -> None:
    lines: list[Said] = []
    for kind, request, person, group, yes in attempts:
        line = attempted(kind, request, person, group, yes)
        try:
            found = fold(ledger(*lines, line)).requests
        except Refused:
            continue
        lines.append(line)
        check_invariants(found)
        assert found == requests(*lines)


def attempted(kind: type[Any], request: int, person: int, group: int, yes: bool) -> Said:
    if kind is RequestReceived:
        return received(f"r{request}", f"p{person}", group=f"r{group}")
    said_besides: dict[type[Any], dict[str, Any]] = {
        ErasureStarted: {"requests": (f"r{group}",)},
        CandidateValidated: {"passed": yes},
        CertificateIssued: {"path": "c", "residuals": int(yes)},
    }
    subject = f"r{request}" if kind in lifecycle.REQUEST_EVENTS else f"e{request % 2}"
    return said(kind, subject, **said_besides.get(kind, {}))


def check_invariants(found: dict[str, ErasureRequest]) -> None:
    leaders = [item for item in found.values() if item.group == item.request_id]
    active = [item.token for item in leaders if item.state not in lifecycle.ENDED]
    assert len(active) == len(set(active))
    for item in found.values():
        assert item.state in STATES
        leader = found[item.group]
        assert leader.token == item.token
        if item is not leader:
            assert item.state == (leader.state if leader.state in lifecycle.ENDED else "duplicate")


def test_every_state_can_be_reached_and_left_by_the_table() -> None:
    rules = [*lifecycle.REQUEST_EVENTS.values(), *lifecycle.ERASURE_EVENTS.values()]
    assert {state for allowed, _ in rules for state in allowed} <= STATES
    targets = {target for _, target in rules} - {lifecycle.STAYS}
    assert targets | {"unverified", "received", "on_hold", "duplicate", "completed_with_residuals"} == STATES


def erased(request: str, erasure: str) -> list[Said]:
    """An erasure of one request, from its plan to its certificate."""
    return [
        said(SubjectSuppressed, request),
        said(ErasureStarted, erasure, requests=(request,)),
        said(PlanMade, erasure),
        said(Purged, erasure),
        said(CertificateIssued, erasure, residuals=0),
    ]


def test_who_is_readmitted_may_come_back_from_then_on_until_a_new_erasure() -> None:
    first = [received("r1", "ada"), *erased("r1", "e1"), received("r2", "bob"), *erased("r2", "e2")]
    let_in = [*first, said(SubjectReadmitted, "r1", tips=("c1",))]
    before, after = fold(ledger(*first)), fold(ledger(*let_in))
    assert before.erased == {"list:ada", "list:bob"}
    assert (after.erased, after.erased_index_tokens) == ({"list:bob"}, {"index:bob"})
    assert [(token, one.position, one.tips) for token, one in after.readmitted.items()] == [("index:ada", 13, ("c1",))]
    assert (len(after.suppressed(12)), len(after.suppressed())) == (2, 1)
    assert after.requests["r1"].state == "completed"

    asked = [*let_in, received("r3", "ada"), said(SubjectSuppressed, "r3")]
    assert fold(ledger(*asked)).readmitted.keys() == {"index:ada"}
    assert len(fold(ledger(*asked)).suppressed()) == 2
    again = fold(ledger(*let_in, received("r3", "ada"), *erased("r3", "e3")))
    assert (again.erased, again.readmitted) == ({"list:ada", "list:bob"}, {})


@pytest.mark.parametrize("given", [[], [said(SubjectSuppressed, "r1")], [*erased("r1", "e1"), said(SubjectReadmitted, "r1")]])
def test_only_an_ended_erasure_is_readmitted_and_once(given: list[Said]) -> None:
    with pytest.raises(Refused):
        fold(ledger(received("r1", "ada"), *given, said(SubjectReadmitted, "r1")))
