"""One line of the ledger, and its body as a value and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar, get_args

from unlearning.domain import codec
from unlearning.domain.errors import WrongUse
from unlearning.domain.events.erasures import ErasureFact
from unlearning.domain.events.others import OtherFact
from unlearning.domain.events.requests import RequestFact


@dataclass(frozen=True, slots=True)
class Unknown:
    """An event of a kind that this version does not know, as it was written; whoever folds passes it over."""

    kind: str
    body: Mapping[str, Any]


Fact = RequestFact | ErasureFact | OtherFact | Unknown
"""What one event says."""

KINDS: Mapping[str, type[Fact]] = {kind.__name__: kind for kind in get_args(RequestFact | ErasureFact | OtherFact)}
"""Kind, in the past tense → the value of such an event."""


F = TypeVar("F", bound=Fact, covariant=True)


@dataclass(frozen=True, slots=True)
class Event(Generic[F]):
    """One line of the ledger, chained to the one before."""

    seq: int
    at: datetime
    subject: str
    """The id of what the event is about: a request, an erasure, a model version."""
    fact: F
    """What it says."""
    body: Mapping[str, Any]
    """The same as it was written: what was hashed."""
    previous: str
    hash: str

    @property
    def kind(self) -> str:
        """Past tense: `RequestReceived`, `DataRedacted`, …"""
        return kind_of(self.fact)


def kind_of(fact: Fact) -> str:
    """What the ledger calls such an event."""
    return fact.kind if isinstance(fact, Unknown) else type(fact).__name__


def encode(fact: Fact) -> dict[str, Any]:
    """The body of an event. Raises WrongUse for a known kind in disguise: its body would not be checked."""
    if not isinstance(fact, Unknown):
        body: dict[str, Any] = codec.write(fact)
        return body
    if fact.kind in KINDS:
        raise WrongUse(f"{fact.kind} is a known kind of event; expected its own type, not Unknown")
    return dict(fact.body)


def decode(kind: str, body: Mapping[str, Any], *, seq: int | None = None) -> Fact:
    """The inverse of `encode`. Raises Damaged, naming the event, for a body that no such event was written with."""
    if kind not in KINDS:
        return Unknown(kind, body)
    named = kind if seq is None else f"ledger event {seq} ({kind})"
    return codec.read(KINDS[kind], body, of=named)
