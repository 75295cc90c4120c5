"""Events → the state of every request: a fold, its table of allowed transitions, and the clocks of the law.

    (unverified →) received → suppressed → planned → (awaiting_approval) → (queued) → erasing → validating → promoting → purging
                  ├─ not_found · exempt · cancelled (until redaction begins)                                 │
                  ├─ on_hold (legal hold: blocks the purge, not the suppression) until released              ├─ completed
                  └─ failed: stays open and counts against its deadline                                      └─ …_with_residuals

A request of which nobody says that the person sent it waits, unverified, until somebody makes sure; its deadline counts.
A second request of a person joins the first as a duplicate: it ends as its group ends, and the group takes the earliest
deadline. At most one group of a person is active. Pure: nothing here reads a clock or a store.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar, cast, get_args

from unlearning.domain.entities import ErasureRequest
from unlearning.domain.errors import Refused
from unlearning.domain.events import (
    AliasMoved,
    ApprovalRequested,
    CandidateTrained,
    CandidateValidated,
    CertificateIssued,
    DataRedacted,
    ErasureFact,
    ErasureQueued,
    ErasureRefused,
    ErasureStarted,
    Event,
    Fact,
    IdentityConfirmed,
    ImpactAssessed,
    PlanMade,
    Purged,
    RecipientAcknowledged,
    RecipientTold,
    RequestCancelled,
    RequestExempted,
    RequestExtended,
    RequestFact,
    RequestHeld,
    RequestReceived,
    RequestReleased,
    SubjectNotFound,
    SubjectReadmitted,
    SubjectSuppressed,
    TracesFound,
    VersionRegistered,
)

F = TypeVar("F", bound=Fact)

UNVERIFIED = "unverified"
BEFORE_REDACTION = frozenset({UNVERIFIED, "received", "suppressed", "planned", "awaiting_approval", "queued"})
ACTIVE = BEFORE_REDACTION | {"erasing", "validating", "promoting", "purging", "failed"}
ENDED = frozenset({"completed", "completed_with_residuals", "not_found", "exempt", "cancelled"})

ERASED = frozenset({"purging", "completed", "completed_with_residuals"})
"""What shaped the model that serves is clean again: from here on nothing may bring the person back."""

LEFT = frozenset({"not_found", "exempt", "cancelled"})
"""Ended without an erasure: what happens to the rest of a batch is not about them."""

REQUEST_ID = re.compile(r"request-[0-9a-f]{16}")
"""What a request is called: it says nothing about the person."""

STAYS = ""
"""Target of an event that changes no state."""

Rule = tuple[frozenset[str], str]
"""The states that an event may come in, and the state after it."""

REQUEST_EVENTS: Mapping[type[Fact], Rule] = {
    IdentityConfirmed: (frozenset({UNVERIFIED}), "received"),
    SubjectSuppressed: (frozenset({"received", "suppressed"}), "suppressed"),
    SubjectNotFound: (frozenset({"received", "suppressed", "failed"}), "not_found"),
    RequestExempted: (BEFORE_REDACTION | {"failed"}, "exempt"),
    RequestCancelled: (BEFORE_REDACTION | {"failed"}, "cancelled"),
    RequestHeld: (ACTIVE, STAYS),
    RequestReleased: (ACTIVE | {"completed", "completed_with_residuals"}, STAYS),
    RequestExtended: (ACTIVE, STAYS),
    SubjectReadmitted: (frozenset({"completed", "completed_with_residuals"}), STAYS),
    RecipientTold: (ACTIVE | {"completed", "completed_with_residuals"}, STAYS),
    RecipientAcknowledged: (ACTIVE | {"completed", "completed_with_residuals"}, STAYS),
}
"""The event's subject is the request."""

ERASURE_EVENTS: Mapping[type[Fact], Rule] = {
    ErasureStarted: (ACTIVE - {UNVERIFIED, "received", "purging"}, "suppressed"),
    ImpactAssessed: (ACTIVE - {UNVERIFIED, "received"}, STAYS),
    PlanMade: (frozenset({"suppressed", "planned", "erasing", "failed"}), "planned"),
    ApprovalRequested: (frozenset({"planned"}), "awaiting_approval"),
    ErasureQueued: (frozenset({"planned", "awaiting_approval"}), "queued"),
    DataRedacted: (frozenset({"planned", "queued", "erasing", "failed"}), "erasing"),
    CandidateTrained: (frozenset({"planned", "queued", "erasing", "validating", "failed"}), "validating"),
    CandidateValidated: (frozenset({"validating", "failed"}), "promoting"),
    VersionRegistered: (frozenset({"promoting"}), "promoting"),
    AliasMoved: (frozenset({"promoting"}), "purging"),
    # Without a candidate: nobody's model holds the person, only data does. With one: only once the new version serves; with
    # several, back to `erasing` until the last of them does.
    Purged: (frozenset({"planned", "queued", "erasing", "purging"}), "purging"),
    CertificateIssued: (frozenset({"purging", "completed_with_residuals", "not_found"}), "completed"),
    ErasureRefused: (ACTIVE, "failed"),
}
"""The event's subject is the erasure, it reaches all its requests."""

FOLDED = (RequestReceived, *REQUEST_EVENTS, *ERASURE_EVENTS)
"""Every kind that the state of a request follows from."""

POINTS_OF_NO_RETURN = (Purged, CertificateIssued)
"""What a legal hold on a request blocks; one on data sets only leaves their objects where they are."""

EVERY_PURGE = "purge"
"""Subject of what a purge finds besides those of erasures."""


@dataclass(frozen=True, slots=True)
class Readmission:
    """The decision that an erased person may be in data and models again."""

    at: datetime
    position: int
    """Of the event: a training that began later may hold the person."""
    reason: str
    tips: tuple[str, ...]
    """Commits of before; what they lead to is of before as well."""


@dataclass(frozen=True)
class State:
    """What a ledger says of its requests up to one of its events: of all of them, or of those that somebody asked about.

    The mappings may be dictionaries, or read a store by key: `follow` asks for nothing but single keys.
    """

    received: MutableMapping[str, ErasureRequest] = field(default_factory=dict)
    """As received."""
    groups: MutableMapping[str, Group] = field(default_factory=dict)
    newest: MutableMapping[str, str] = field(default_factory=dict)
    """Index token → the person's newest group."""
    erasures: MutableMapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Erasure → groups."""

    def follow(self, events: Iterable[Event[Any]], *, fresh: bool = False) -> None:
        """Take in that these have happened too. Raises Refused for an event that cannot follow those before it.

        fresh: they are about to be written, and refused also when they are about a request or an erasure that nobody knows of;
        what is written already is passed over.
        """
        for event in events:
            if fresh:
                _check_known(self, event)
            _apply(self, event)

    @cached_property
    def requests(self) -> dict[str, ErasureRequest]:
        """Every request by its id, in order of receipt."""
        return {request_id: _shown(one, self.groups[one.group]) for request_id, one in self.received.items()}

    @property
    def erased(self) -> frozenset[str]:
        """Suppression tokens of everyone who was erased and not readmitted: they may not come back with a data load."""
        return frozenset(group.hidden for group in self.groups.values() if group.stays_away)

    @property
    def erased_index_tokens(self) -> frozenset[str]:
        """The same people as `erased`, as tokens of the index key."""
        return frozenset(group.request.token for group in self.groups.values() if group.stays_away)

    @property
    def readmitted(self) -> dict[str, Readmission]:
        """Index token → the readmission of everyone who was let in again and not erased anew since."""
        found = {one.request.token: one.readmitted for one in self.groups.values() if one.request.state in ERASED}
        return {token: readmission for token, readmission in found.items() if readmission is not None}

    @property
    def holds(self) -> dict[str, RequestHeld]:
        """Request → the legal hold that is on it now.

        A hold ends with its release or with its request; one on data sets outlives the erasure of everything else.
        """
        found = self.groups.items()
        return {name: group.hold for name, group in found if group.hold is not None and (group.on_hold or group.keeps)}

    @property
    def kept(self) -> dict[str, frozenset[str]]:
        """Index token → the data sets in which a legal hold keeps the person."""
        found: dict[str, frozenset[str]] = {}
        for group in self.groups.values():
            if group.keeps:
                found[group.request.token] = found.get(group.request.token, frozenset()).union(group.keeps)
        return found

    def suppressed(self, upto: int | None = None) -> frozenset[str]:
        """Suppression tokens of everyone to be left out of training, as of ledger position `upto` (included) or now."""
        return frozenset(group.hidden for group in self.groups.values() if group.suppressed(upto))

    def suppressed_index_tokens(self, upto: int | None = None) -> frozenset[str]:
        """The same people as `suppressed`, as tokens of the index key."""
        return frozenset(group.request.token for group in self.groups.values() if group.suppressed(upto))


def fold(events: Iterable[Event[Any]]) -> State:
    """The state after a whole ledger. Raises Refused for an event that cannot follow those before it."""
    made = State()
    made.follow(events)
    return made


def open_requests(requests: Mapping[str, ErasureRequest]) -> list[ErasureRequest]:
    """Who still waits: one request a group, the earliest deadline first, those without one last."""
    waiting = [item for item in requests.values() if item.group == item.request_id and item.state not in ENDED]
    return sorted(waiting, key=lambda item: (item.due_at is None, item.due_at or item.received_at, item.request_id))


def end(left: int) -> str:
    """How a request ends of which so many places are left or unverified."""
    return "completed_with_residuals" if left else "completed"


def overdue(requests: Mapping[str, ErasureRequest], now: datetime) -> list[ErasureRequest]:
    """Open requests whose deadline has passed, the oldest first."""
    return [item for item in open_requests(requests) if item.due_at is not None and item.due_at < now]


@dataclass(frozen=True)
class Progress:
    """How far one erasure is, so that every step can look for its own event first."""

    events: tuple[Event[Any], ...]
    """Of this erasure, in order."""

    def event(self, kind: type[F], **facts: object) -> Event[F] | None:
        """The step's newest event, or None when the step is still to do.

        facts: count only events that say the same, such as the method.
        """
        for event in reversed(self.events):
            if isinstance(event.fact, kind) and all(getattr(event.fact, name) == value for name, value in facts.items()):
                return cast("Event[F]", event)
        return None

    def done(self, kind: type[F], **facts: object) -> F | None:
        """What that event says."""
        event = self.event(kind, **facts)
        return event.fact if event else None


@dataclass(frozen=True, slots=True)
class Group:
    """A person's requests that are decided together, as their first one."""

    request: ErasureRequest
    hidden: str
    """Suppression token."""
    hold: RequestHeld | None = None
    """The legal hold that was put on it and not released."""
    redacted: bool = False
    extended: bool = False
    joined_due_at: datetime | None = None
    """The earliest deadline of its duplicates, which an extension of the group leaves as it is."""
    suppressed_at: int | None = None
    """Ledger position since which the person is left out of trainings."""
    lifted_at: int | None = None
    """Ledger position since which nobody is any more."""
    readmitted: Readmission | None = None

    @property
    def on_hold(self) -> bool:
        """Nothing of the person may be purged."""
        return self.hold is not None and not self.hold.data and self.request.state not in ENDED

    @property
    def keeps(self) -> tuple[str, ...]:
        """Data sets of which nothing of the person may be purged; also after the rest was."""
        return self.hold.data if self.hold is not None and self.request.state not in LEFT else ()

    @property
    def stays_away(self) -> bool:
        """The person was erased, and nobody let them in again."""
        return self.request.state in ERASED and self.readmitted is None

    def suppressed(self, upto: int | None) -> bool:
        """The person was left out of trainings at a ledger position."""
        return _by(self.suppressed_at, upto) and not _by(self.lifted_at, upto)


def _by(position: int | None, upto: int | None) -> bool:
    return position is not None and (upto is None or position <= upto)


def _check_known(state: State, event: Event[Any]) -> None:
    """What no writer of ours does, though ledgers were read that hold it."""
    fact, subject = event.fact, event.subject
    if isinstance(fact, ErasureStarted):
        _require(bool(fact.requests), event, "it names no request")
    elif isinstance(fact, CertificateIssued) and subject in state.groups:
        found = state.groups[subject].request.state
        _require(found == "not_found", event, f"request {subject} is {found}; its erasure is certified, not itself")
    elif isinstance(fact, get_args(ErasureFact)):
        purge = isinstance(fact, TracesFound) and subject == EVERY_PURGE
        _require(purge or subject in state.erasures, event, f"erasure {subject} was never started")
    elif isinstance(fact, get_args(RequestFact)) and not isinstance(fact, RequestReceived):
        _require(subject in state.received, event, f"request {subject} was never received")


def _apply(state: State, event: Event[Any]) -> None:
    """Change a state that nobody has seen yet."""
    if isinstance(event.fact, RequestReceived):
        _receive(state, event, event.fact)
    elif isinstance(event.fact, ErasureStarted):
        _start(state, event, event.fact)
    elif type(event.fact) in REQUEST_EVENTS:
        _apply_to_request(state, event)
    elif type(event.fact) in ERASURE_EVENTS:
        _apply_to_erasure(state, event)


def _receive(state: State, event: Event[Any], fact: RequestReceived) -> None:
    request = ErasureRequest(
        request_id=event.subject,
        token=fact.token,
        state="received",
        regulation=fact.regulation,
        received_at=fact.received_at or event.at,
        due_at=fact.due_at,
        group=fact.group or event.subject,
        reference=fact.reference,
        channel=fact.channel,
    )
    _require(request.request_id not in state.received, event, f"request {request.request_id} was received before")
    newest = state.newest.get(request.token)
    active = newest is not None and state.groups[newest].request.state not in ENDED
    if request.group == request.request_id:
        _require(not active, event, f"the person has an active request, {newest}; expected it as the group")
        first = replace(request, state=UNVERIFIED) if fact.unverified else request
        state.groups[request.request_id] = Group(first, fact.suppression_token)
        state.newest[request.token] = request.request_id
    else:
        _require(active and newest == request.group, event, f"group {request.group} is no active request of the same person")
        group = state.groups[request.group]
        joined, due = _earliest(group.joined_due_at, fact.due_at), _earliest(group.request.due_at, fact.due_at)
        state.groups[request.group] = replace(group, joined_due_at=joined, request=replace(group.request, due_at=due))
    state.received[request.request_id] = request


def _apply_to_request(state: State, event: Event[Any]) -> None:
    _require(event.subject in state.received, event, f"request {event.subject} was never received")
    name = state.received[event.subject].group
    if name == event.subject:
        state.groups[name] = _moved(_decided(state.groups[name], event), event, REQUEST_EVENTS[type(event.fact)])
    else:
        alone = isinstance(event.fact, SubjectSuppressed)
        _require(alone, event, f"request {event.subject} is a duplicate; its group {name} decides")
    if isinstance(event.fact, SubjectSuppressed) and state.groups[name].suppressed_at is None:
        state.groups[name] = replace(state.groups[name], suppressed_at=event.seq)


def _decided(group: Group, event: Event[Any]) -> Group:
    """What the event says besides the state. Raises Refused."""
    match event.fact:
        case RequestHeld() as hold:
            _require(group.hold is None, event, f"request {event.subject} is on hold already")
            return replace(group, hold=hold)
        case RequestReleased():
            _require(group.on_hold or bool(group.keeps), event, f"request {event.subject} is not on hold")
            return replace(group, hold=None)
        case SubjectNotFound(nearest=nearest):
            return replace(group, request=replace(group.request, nearest=nearest))
        case RequestCancelled() | RequestExempted():
            _require(not group.redacted, event, f"the data of request {event.subject} was redacted; expected this before")
            return replace(group, lifted_at=event.seq)
        case SubjectReadmitted(reason=reason, tips=tips):
            _require(group.readmitted is None, event, f"the person of request {event.subject} was readmitted before")
            return replace(group, lifted_at=event.seq, readmitted=Readmission(event.at, event.seq, reason, tips))
        case RequestExtended(due_at=later):
            _require(not group.extended, event, f"the deadline of request {event.subject} was extended before; it can be once")
            due = _earliest(later, group.joined_due_at)
            return replace(group, extended=True, request=replace(group.request, due_at=due))
    return group


def _apply_to_erasure(state: State, event: Event[Any]) -> None:
    for name in _reached(state, event):
        group = state.groups[name]
        held = group.on_hold and isinstance(event.fact, POINTS_OF_NO_RETURN)
        _require(not held, event, f"request {name} is on hold; expected its release before")
        redacted = group.redacted or isinstance(event.fact, DataRedacted)
        state.groups[name] = replace(_moved(group, event, ERASURE_EVENTS[type(event.fact)]), redacted=redacted)


def _start(state: State, event: Event[Any], fact: ErasureStarted) -> None:
    unknown = [request for request in fact.requests if request not in state.received]
    _require(not unknown, event, f"{', '.join(unknown)} never received")
    names = tuple(dict.fromkeys(state.received[request].group for request in fact.requests))
    for name in names:
        group = state.groups[name]
        if group.request.erasure_id == event.subject and group.request.state in LEFT:
            continue  # an erasure that is started anew names its whole batch again
        allowed, target = ERASURE_EVENTS[ErasureStarted]
        group = _moved(group, event, (allowed, "erasing" if group.redacted else target))
        state.groups[name] = replace(group, request=replace(group.request, erasure_id=event.subject))
    state.erasures[event.subject] = names


def _reached(state: State, event: Event[Any]) -> list[str]:
    """Groups that the event is about: not those that left the erasure or that another one has taken over."""
    if isinstance(event.fact, CertificateIssued) and event.subject in state.groups:
        return [event.subject]
    found = ((name, state.groups[name].request) for name in state.erasures.get(event.subject, ()))
    return [name for name, request in found if request.erasure_id == event.subject and request.state not in LEFT]


def _moved(group: Group, event: Event[Any], rule: Rule) -> Group:
    """The group in the state after the event. Raises Refused for one that may not come in its present state."""
    (allowed, target), request, fact = rule, group.request, event.fact
    if isinstance(fact, CandidateValidated) and not fact.passed:
        allowed |= ERASURE_EVENTS[CandidateTrained][0]  # a method may fail before it gives a candidate
    if request.state not in allowed:
        _require(False, event, f"request {request.request_id} is {request.state}; expected {', '.join(sorted(allowed))}")
    if (isinstance(fact, CandidateValidated) and not fact.passed) or (isinstance(fact, AliasMoved) and fact.more):
        target = "erasing"
    if isinstance(fact, CertificateIssued):
        request = replace(request, certificate=fact.path)
        target = request.state if request.state == "not_found" else end(fact.residuals)
    return replace(group, request=replace(request, state=target or request.state))


def _shown(received: ErasureRequest, group: Group) -> ErasureRequest:
    """A request as the outside sees it: a duplicate shares its group's deadline and erasure, and ends as it ends."""
    first = group.request
    shown = "on_hold" if group.on_hold else first.state
    if received.request_id != received.group and shown not in ENDED:
        shown = "duplicate"
    return replace(
        received,
        state=shown,
        due_at=first.due_at,
        erasure_id=first.erasure_id,
        certificate=first.certificate,
        nearest=first.nearest,
    )


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)


def _require(condition: bool, event: Event[Any], problem: str) -> None:
    if not condition:
        raise Refused(f"ledger event {event.seq} ({event.kind} of {event.subject}) cannot follow: {problem}")
