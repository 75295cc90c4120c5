"""Events → the state of every request: a fold, its table of allowed transitions, and the clocks of the law.

    received → suppressed → planned → (awaiting_approval) → (queued) → erasing → validating → promoting → purging
                  ├─ not_found · exempt · cancelled (until redaction begins)                                 │
                  ├─ on_hold (legal hold: blocks the purge, not the suppression) until released              ├─ completed
                  └─ failed: stays open and counts against its deadline                                      └─ …_with_residuals

A second request of a person joins the first as a duplicate: it ends as its group ends, and the group takes the earliest
deadline. At most one group of a person is active. Pure: nothing here reads a clock or a store.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from unlearning.domain.entities import ErasureRequest, Event
from unlearning.domain.errors import Refused

BEFORE_REDACTION = frozenset({"received", "suppressed", "planned", "awaiting_approval", "queued"})
ACTIVE = BEFORE_REDACTION | {"erasing", "validating", "promoting", "purging", "failed"}
ENDED = frozenset({"completed", "completed_with_residuals", "not_found", "exempt", "cancelled"})
STATES = ACTIVE | ENDED | {"on_hold", "duplicate"}

ERASED = frozenset({"purging", "completed", "completed_with_residuals"})
"""What shaped the model that serves is clean again: from here on nothing may bring the person back."""

LEFT = frozenset({"not_found", "exempt", "cancelled"})
"""Ended without an erasure: what happens to the rest of a batch is not about them."""

REQUEST_ID = re.compile(r"request-[0-9a-f]{16}")
"""What a request is called: it says nothing about the person."""

STAYS = ""
"""Target of an event that changes no state."""

REQUEST_EVENTS: Mapping[str, tuple[frozenset[str], str]] = {
    "SubjectSuppressed": (frozenset({"received", "suppressed"}), "suppressed"),
    "SubjectNotFound": (frozenset({"received", "suppressed", "failed"}), "not_found"),
    "RequestExempted": (BEFORE_REDACTION | {"failed"}, "exempt"),
    "RequestCancelled": (BEFORE_REDACTION | {"failed"}, "cancelled"),
    "RequestHeld": (ACTIVE, STAYS),
    "RequestReleased": (ACTIVE | {"completed", "completed_with_residuals"}, STAYS),
    "RequestExtended": (ACTIVE, STAYS),
    "RecipientTold": (ACTIVE | {"completed_with_residuals"}, STAYS),
}
"""Kind → (states it may come in, state after it); the event's subject is the request."""

ERASURE_EVENTS: Mapping[str, tuple[frozenset[str], str]] = {
    "ErasureStarted": (ACTIVE - {"received", "purging"}, "suppressed"),
    "ImpactAssessed": (ACTIVE - {"received"}, STAYS),
    "PlanMade": (frozenset({"suppressed", "planned", "erasing", "failed"}), "planned"),
    "ApprovalRequested": (frozenset({"planned"}), "awaiting_approval"),
    "ErasureQueued": (frozenset({"planned", "awaiting_approval"}), "queued"),
    "DataRedacted": (frozenset({"planned", "queued", "erasing", "failed"}), "erasing"),
    "CandidateTrained": (frozenset({"planned", "queued", "erasing", "validating", "failed"}), "validating"),
    "CandidateValidated": (frozenset({"validating", "failed"}), "promoting"),
    "VersionRegistered": (frozenset({"promoting"}), "promoting"),
    "AliasMoved": (frozenset({"promoting"}), "purging"),
    # Without a candidate: nobody's model holds the person, only data does. With one: only once the new version serves.
    "Purged": (frozenset({"planned", "queued", "erasing", "purging"}), "purging"),
    "CertificateIssued": (frozenset({"purging", "completed_with_residuals", "not_found"}), "completed"),
    "ErasureRefused": (ACTIVE, "failed"),
}
"""Kind → (states it may come in, state after it); the event's subject is the erasure, it reaches all its requests."""

POINTS_OF_NO_RETURN = frozenset({"Purged", "CertificateIssued"})
"""What a legal hold on a request blocks; one on data sets only leaves their objects where they are."""


def fold(events: Iterable[Event]) -> dict[str, ErasureRequest]:
    """Every request by its id, in order of receipt. Raises Refused for an event that cannot follow those before it.

    Read from bodies: RequestReceived{token, regulation, due_at, group}, ErasureStarted{requests}, CandidateValidated{passed},
    RequestExtended{due_at}, CertificateIssued{path, residuals}; the certificate of a person who was not found has the request
    as its subject. Events of other kinds, and of erasures that no request takes part in, are passed over.
    """
    book = _read(events)
    return {request_id: _shown(book, request_id) for request_id in book.requests}


def _read(events: Iterable[Event]) -> _Book:
    book = _Book()
    for event in events:
        if event.kind == "RequestReceived":
            _receive(book, event)
        elif event.kind in REQUEST_EVENTS:
            _apply_to_request(book, event)
        elif event.kind in ERASURE_EVENTS:
            _apply_to_erasure(book, event)
    return book


def erased(events: Iterable[Event]) -> frozenset[str]:
    """Suppression tokens of everyone who was erased: they may not come back with a data load."""
    book = _read(events)
    return frozenset(book.hidden[group] for group, entry in book.groups.items() if entry.request.state in ERASED)


def erased_index_tokens(events: Iterable[Event]) -> frozenset[str]:
    """The same people as `erased`, as tokens of the index key."""
    return frozenset(request.token for request in erased_requests(events))


def erased_requests(events: Iterable[Event]) -> list[ErasureRequest]:
    """The first request of each person who was erased, with the state below a legal hold."""
    return [entry.request for entry in _read(events).groups.values() if entry.request.state in ERASED]


def holds(events: Iterable[Event]) -> dict[str, Event]:
    """Request → the event of the legal hold that is on it now.

    A hold ends with its release or with its request; one on data sets outlives the erasure of everything else.
    """
    listed = list(events)
    open_ones = {name for name, entry in _read(listed).groups.items() if entry.on_hold or entry.keeps}
    return {event.subject: event for event in listed if event.kind == "RequestHeld" and event.subject in open_ones}


def kept(events: Iterable[Event]) -> dict[str, frozenset[str]]:
    """Index token → the data sets in which a legal hold keeps the person."""
    found: dict[str, frozenset[str]] = {}
    for entry in _read(events).groups.values():
        if entry.keeps:
            found[entry.request.token] = found.get(entry.request.token, frozenset()) | frozenset(entry.keeps)
    return found


def suppressed(events: Iterable[Event], upto: int | None = None) -> frozenset[str]:
    """Suppression tokens of everyone to be left out of training, as of ledger position `upto` (included) or the end."""
    return _suppressed(events, upto, "suppression_token")


def suppressed_index_tokens(events: Iterable[Event], upto: int | None = None) -> frozenset[str]:
    """The same people as `suppressed`, as tokens of the index key."""
    return _suppressed(events, upto, "token")


def open_requests(requests: Mapping[str, ErasureRequest]) -> list[ErasureRequest]:
    """Who still waits: one request a group, the earliest deadline first, those without one last."""
    waiting = [item for item in requests.values() if item.group == item.request_id and item.state not in ENDED]
    return sorted(waiting, key=lambda item: (item.due_at is None, item.due_at or item.received_at, item.request_id))


def overdue(requests: Mapping[str, ErasureRequest], now: datetime) -> list[ErasureRequest]:
    """Open requests whose deadline has passed, the oldest first."""
    return [item for item in open_requests(requests) if item.due_at is not None and item.due_at < now]


@dataclass(frozen=True)
class Progress:
    """How far one erasure is, so that every step can look for its own event first."""

    events: tuple[Event, ...]
    """Of this erasure, in order."""

    @classmethod
    def of(cls, events: Iterable[Event], erasure_id: str) -> Progress:
        """The part of the ledger that is about this erasure."""
        return cls(tuple(event for event in events if event.subject == erasure_id))

    def step_done(self, kind: str, method: str | None = None, **facts: Any) -> Mapping[str, Any] | None:
        """What the step's newest event says, or None when the step is still to do.

        method, facts: count only events whose body says the same, such as `from_version=3` after the alias has moved.
        """
        wanted = facts if method is None else {**facts, "method": method}
        for event in reversed(self.events):
            if event.kind == kind and all(event.body.get(key) == value for key, value in wanted.items()):
                return event.body
        return None

    @property
    def started(self) -> bool:
        """The erasure has its first event."""
        return self.step_done("ErasureStarted") is not None


@dataclass
class _Open:
    """A group's first request while events are folded."""

    request: ErasureRequest
    hold: tuple[str, ...] | None = None
    """The data sets that the legal hold on it is about; empty for everything, None for no hold."""
    redacted: bool = False
    extended: bool = False
    joined_due_at: datetime | None = None
    """The earliest deadline of its duplicates, which an extension of the group leaves as it is."""

    @property
    def on_hold(self) -> bool:
        """Nothing of the person may be purged."""
        return self.hold == () and self.request.state not in ENDED

    @property
    def keeps(self) -> tuple[str, ...]:
        """Data sets of which nothing of the person may be purged; also after the rest was."""
        return (self.hold or ()) if self.request.state not in LEFT else ()


@dataclass
class _Book:
    requests: dict[str, ErasureRequest] = field(default_factory=dict)
    """As received."""
    hidden: dict[str, str] = field(default_factory=dict)
    """Group → suppression token."""
    groups: dict[str, _Open] = field(default_factory=dict)
    active: dict[str, str] = field(default_factory=dict)
    """Token → its newest group."""
    erasures: dict[str, list[str]] = field(default_factory=dict)
    """Erasure → groups."""


def _receive(book: _Book, event: Event) -> None:
    body = event.body
    due = datetime.fromisoformat(body["due_at"]) if body.get("due_at") else None
    request = ErasureRequest(
        request_id=event.subject,
        token=body["token"],
        state="received",
        regulation=body["regulation"],
        received_at=event.at,
        due_at=due,
        group=body.get("group") or event.subject,
    )
    _require(request.request_id not in book.requests, event, f"request {request.request_id} was received before")
    newest = book.active.get(request.token)
    active = newest is not None and book.groups[newest].request.state not in ENDED
    if request.group == request.request_id:
        _require(not active, event, f"the person has an active request, {newest}; expected it as the group")
        book.groups[request.request_id] = _Open(request)
        book.hidden[request.request_id] = body.get("suppression_token", "")
        book.active[request.token] = request.request_id
    else:
        _require(active and newest == request.group, event, f"group {request.group} is no active request of the same person")
        group = book.groups[request.group]
        group.joined_due_at = _earliest(group.joined_due_at, due)
        group.request = replace(group.request, due_at=_earliest(group.request.due_at, due))
    book.requests[request.request_id] = request


def _apply_to_request(book: _Book, event: Event) -> None:
    _require(event.subject in book.requests, event, f"request {event.subject} was never received")
    group = book.requests[event.subject].group
    if group != event.subject:
        _require(event.kind == "SubjectSuppressed", event, f"request {event.subject} is a duplicate; its group {group} decides")
        return
    entry = book.groups[group]
    _check_request(entry, event)
    _move(entry, event, REQUEST_EVENTS[event.kind])


def _check_request(entry: _Open, event: Event) -> None:
    if event.kind == "RequestHeld":
        _require(entry.hold is None, event, f"request {event.subject} is on hold already")
        entry.hold = tuple(event.body.get("data", ()))
    elif event.kind == "RequestReleased":
        _require(entry.on_hold or bool(entry.keeps), event, f"request {event.subject} is not on hold")
        entry.hold = None
    elif event.kind in ("RequestCancelled", "RequestExempted"):
        _require(not entry.redacted, event, f"the data of request {event.subject} was redacted; expected this before")
    elif event.kind == "RequestExtended":
        _require(not entry.extended, event, f"the deadline of request {event.subject} was extended before; it can be once")
        entry.extended = True
        due = _earliest(datetime.fromisoformat(event.body["due_at"]), entry.joined_due_at)
        entry.request = replace(entry.request, due_at=due)


def _apply_to_erasure(book: _Book, event: Event) -> None:
    if event.kind == "ErasureStarted":
        _start(book, event)
        return
    for group in _reached(book, event):
        entry = book.groups[group]
        hold = entry.on_hold and event.kind in POINTS_OF_NO_RETURN
        _require(not hold, event, f"request {group} is on hold; expected its release before")
        _move(entry, event, ERASURE_EVENTS[event.kind])
        entry.redacted |= event.kind == "DataRedacted"


def _start(book: _Book, event: Event) -> None:
    members = event.body["requests"]
    unknown = [request for request in members if request not in book.requests]
    _require(not unknown, event, f"{', '.join(unknown)} never received")
    groups = list(dict.fromkeys(book.requests[request].group for request in members))
    for group in groups:
        entry = book.groups[group]
        if entry.request.erasure_id == event.subject and entry.request.state in LEFT:
            continue  # an erasure that is started anew names its whole batch again
        allowed, target = ERASURE_EVENTS["ErasureStarted"]
        _move(entry, event, (allowed, "erasing" if entry.redacted else target))
        entry.request = replace(entry.request, erasure_id=event.subject)
    book.erasures[event.subject] = groups


def _reached(book: _Book, event: Event) -> list[str]:
    """Groups that the event is about: not those that left the erasure or that another one has taken over."""
    if event.kind == "CertificateIssued" and event.subject in book.groups:
        return [event.subject]
    entries = ((group, book.groups[group].request) for group in book.erasures.get(event.subject, ()))
    return [group for group, request in entries if request.erasure_id == event.subject and request.state not in LEFT]


def _move(entry: _Open, event: Event, rule: tuple[frozenset[str], str]) -> None:
    allowed, target = rule
    state = entry.request.state
    if state not in allowed:
        _require(False, event, f"request {entry.request.request_id} is {state}; expected {', '.join(sorted(allowed))}")
    if event.kind == "CandidateValidated" and not event.body["passed"]:
        target = "erasing"
    if event.kind == "CertificateIssued":
        entry.request = replace(entry.request, certificate=event.body["path"])
        target = _end(state, event.body.get("residuals"))
    entry.request = replace(entry.request, state=target or state)


def _end(state: str, residuals: Any) -> str:
    if state == "not_found":
        return state
    return "completed_with_residuals" if residuals else "completed"


def _shown(book: _Book, request_id: str) -> ErasureRequest:
    """A request as the outside sees it: a duplicate shares its group's deadline and erasure, and ends as it ends."""
    received = book.requests[request_id]
    entry = book.groups[received.group]
    state = "on_hold" if entry.on_hold else entry.request.state
    if request_id != received.group and state not in ENDED:
        state = "duplicate"
    group = entry.request
    return replace(received, state=state, due_at=group.due_at, erasure_id=group.erasure_id, certificate=group.certificate)


def _suppressed(events: Iterable[Event], upto: int | None, name: str) -> frozenset[str]:
    tokens: dict[str, str] = {}
    groups: dict[str, str] = {}
    people: set[str] = set()
    lifted: set[str] = set()
    for event in events:
        if upto is not None and event.seq > upto:
            continue
        if event.kind == "RequestReceived":
            tokens[event.subject] = event.body[name]
            groups[event.subject] = event.body.get("group") or event.subject
        elif event.kind == "SubjectSuppressed":
            _require(event.subject in groups, event, f"request {event.subject} was never received")
            people.add(groups[event.subject])
        elif event.kind in ("RequestCancelled", "RequestExempted"):
            lifted.add(event.subject)
    return frozenset(tokens[group] for group in people - lifted)


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)


def _require(condition: bool, event: Event, problem: str) -> None:
    if not condition:
        raise Refused(f"ledger event {event.seq} ({event.kind} of {event.subject}) cannot follow: {problem}")


SUPPRESSION_EVENTS = ("RequestReceived", "SubjectSuppressed", "RequestCancelled", "RequestExempted")
"""What decides who is left out of a training."""


RETRAINED, PROMOTED = "AdoptedRetrained", "AdoptedPromoted"
