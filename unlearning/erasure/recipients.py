"""Who received the data of a person: told that it was erased or still to be told, and whether they acknowledged it (Art. 19).

They are told by hand: what they need is who, and no identifier is kept here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from unlearning.domain import lifecycle
from unlearning.domain.events import Event, Fact, RecipientAcknowledged, RecipientTold

if TYPE_CHECKING:
    from unlearning.domain.entities import ErasureRequest
    from unlearning.project.workspace import Workspace


@dataclass(frozen=True)
class Received:
    """A recipient, with regard to one person."""

    name: str
    contact: str | None = None
    told_at: datetime | None = None
    """When they were last told; None: they are to be told."""
    acknowledged_at: datetime | None = None
    """When they first answered since; None: not yet."""

    @property
    def waits(self) -> bool:
        """They were told, and have not answered."""
        return self.told_at is not None and self.acknowledged_at is None


def of(workspace: Workspace, requests: Sequence[ErasureRequest]) -> Mapping[str, tuple[Received, ...]]:
    """Request → its recipients, where there are any: whoever was told, and once data is erased all that the settings name."""
    groups = {one.group for one in requests}
    events: dict[str, list[Event[Fact]]] = {}
    for event in workspace.ledger.events(subjects=groups, kinds=(RecipientTold, RecipientAcknowledged)):
        events.setdefault(event.subject, []).append(event)
    named = {one.name: Received(one.name, one.contact) for one in workspace.settings.recipients}
    found = {
        one.request_id: followed(named, events.get(one.group, ()), all_of_them=one.state in lifecycle.ERASED)
        for one in requests
    }
    return {name: some for name, some in found.items() if some}


def followed(named: Mapping[str, Received], events: Iterable[Event[Fact]], *, all_of_them: bool) -> tuple[Received, ...]:
    """What the events of one request make of its recipients. all_of_them: also those who were not told yet."""
    found = dict(named) if all_of_them else {}
    for event in events:
        match event.fact:
            case RecipientTold(recipient=name):
                known = found.get(name) or named.get(name) or Received(name)
                found[name] = replace(known, told_at=event.at, acknowledged_at=None)
            case RecipientAcknowledged(recipient=name) if name in found and found[name].waits:
                found[name] = replace(found[name], acknowledged_at=event.at)
    return tuple(found.values())


def say(one: Received) -> str:
    """How far it is, for people."""
    if one.told_at is None:
        return f"{one.name} is to be told{f' ({one.contact})' if one.contact else ''}"
    if one.acknowledged_at is None:
        return f"{one.name} was told {one.told_at:%Y-%m-%d} and has not acknowledged it"
    return f"{one.name} acknowledged it {one.acknowledged_at:%Y-%m-%d}"
