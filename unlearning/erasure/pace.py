"""How long erasures take here, by the ledger's own history, and so when one must begin to be done in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from unlearning.domain import clocks, lifecycle
from unlearning.domain.events import (
    ApprovalRequested,
    CertificateIssued,
    ErasureQueued,
    ErasureStarted,
    Event,
    RequestHeld,
)
from unlearning.domain.planning import batch

if TYPE_CHECKING:
    from unlearning.domain.entities import ErasureRequest
    from unlearning.domain.lifecycle import Group
    from unlearning.domain.planning.batch import Gathering
    from unlearning.project.workspace import Workspace

_TAKES = ("takes", "")
LOOKED_AT = 100
"""So many certificates, the newest, tell how long an erasure takes."""


def takes(workspace: Workspace) -> timedelta:
    """What 95 of 100 erasures took from start to certificate; nothing where none was measured.

    The wait for an approval is not counted, nor an erasure that a legal hold kept: people's time is what the margin is for.
    Worked out anew when there is a new certificate or hold.
    """
    last = next((event.seq for event in workspace.ledger.events(kinds=(CertificateIssued, RequestHeld), last=1)), 0)
    known, found = workspace.learned.get(_TAKES, (None, None))
    longest: timedelta = found if known == last else clocks.nearly_always(_took(workspace))
    workspace.learned[_TAKES] = last, longest
    return longest


def _took(workspace: Workspace) -> Iterator[timedelta]:
    ledger = workspace.ledger
    ended = {event.subject for event in ledger.of(CertificateIssued, last=LOOKED_AT) if event.fact.decision != "not_found"}
    kinds = (ErasureStarted, ApprovalRequested, ErasureQueued, CertificateIssued)
    of = dict[str, list[Event[Any]]]()
    for event in ledger.events(subjects=ended, kinds=kinds) if ended else ():
        of.setdefault(event.subject, []).append(event)
    asked = {name for events in of.values() for event in events[:1] for name in getattr(event.fact, "requests", ())}
    held = {event.subject for event in ledger.of(RequestHeld, subjects=asked)} if asked else set()
    for events in of.values():
        if isinstance(events[0].fact, ErasureStarted) and held.isdisjoint(events[0].fact.requests):
            yield from _one(events)


def _one(events: Sequence[Event[Any]]) -> Iterator[timedelta]:
    """From its first start to its first certificate, which later ones only renew."""
    waited, asked = timedelta(), None
    for event in events:
        if isinstance(event.fact, ApprovalRequested):
            asked = event.at
        elif isinstance(event.fact, ErasureQueued) and asked is not None:
            waited, asked = waited + (event.at - asked), None
        elif isinstance(event.fact, CertificateIssued):
            yield max(event.at - events[0].at - waited, timedelta())
            return


def gathering(workspace: Workspace, now: datetime) -> Gathering | None:
    """The requests that wait for a common erasure, by `policy.batch`; None without that, and where nobody waits."""
    wanted = workspace.settings.policy.batch
    found = workspace.ledger.standing.gathering() if wanted else None
    if wanted is None or found is None or found.received is None:
        return None
    return batch.gathering(
        found.people,
        found.received,
        _must_start_by(workspace, found.due, takes(workspace)),
        at_least=wanted.at_least,
        oldest=None if wanted.oldest_days is None else timedelta(days=wanted.oldest_days),
        now=now,
    )


def gathers(request: ErasureRequest) -> bool:
    """It is open, somebody made sure who asked, and it is in no erasure yet."""
    return request.erasure_id is None and request.state not in (*lifecycle.ENDED, lifecycle.UNVERIFIED, "duplicate")


def must_start_by(workspace: Workspace, request: ErasureRequest, takes: timedelta) -> datetime | None:
    """When the erasure of an open request must begin."""
    return None if request.state in lifecycle.ENDED else _must_start_by(workspace, request.due_at, takes)


def _must_start_by(workspace: Workspace, due: datetime | None, takes: timedelta) -> datetime | None:
    margin = timedelta(days=workspace.settings.policy.start_margin_days)
    return None if due is None else clocks.must_start_by(due, takes=takes, margin=margin)


def is_due(begin: datetime | None, group: Group, now: datetime) -> bool:
    """That moment has come, and nothing is redacted yet."""
    return begin is not None and begin <= now and not group.redacted


def count_overdue(workspace: Workspace, now: datetime) -> int:
    """How many there are of `overdue`, to the second, without reading them."""
    margin = timedelta(days=workspace.settings.policy.start_margin_days)
    try:
        return workspace.ledger.standing.count_due(now + takes(workspace) + margin, unredacted=True)
    except OverflowError:  # a margin of ages: every deadline is within it
        return len(overdue(workspace, now))


def overdue(workspace: Workspace, now: datetime) -> list[tuple[ErasureRequest, datetime]]:
    """Open requests that must have begun by now, with the moment, the earliest deadline first."""
    standing = workspace.ledger.standing
    waiting = [one for one in standing.open() if one.due_at is not None]
    if not waiting:
        return []
    longest, groups = takes(workspace), standing.groups([one.request_id for one in waiting])
    begin = [(one, must_start_by(workspace, one, longest)) for one in waiting]
    return [(one, by) for one, by in begin if by is not None and is_due(by, groups[one.request_id], now)]
