"""What happens to a request; the event's subject is the request."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from unlearning.domain.codec import LEFT_OUT
from unlearning.domain.entities import Regulation
from unlearning.domain.spellings import Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReceived:
    """Somebody asked to be erased."""

    token: str
    """Of the index key."""
    suppression_token: str
    regulation: Regulation
    due_at: datetime | None
    group: str | None = field(default=None, metadata=LEFT_OUT)
    """The request that this one joins, or its own id."""
    index_key: str | None = field(default=None, metadata=LEFT_OUT)
    """Public name of the key that made `token`."""
    nearby: tuple[str, ...] = field(default=(), metadata=LEFT_OUT)
    """Tokens of the same key of what the identifier is without each of `spellings.DIFFERENCES`; none where nobody knew it."""
    received_at: datetime | None = field(default=None, metadata=LEFT_OUT)
    """When it reached the house, from which the deadline counts; None: when it was recorded."""
    reference: str | None = field(default=None, metadata=LEFT_OUT)
    """What the house calls it elsewhere: a ticket, a case."""
    channel: str | None = field(default=None, metadata=LEFT_OUT)
    """The way it came: `letter`, `opendsr`, …"""
    unverified: bool = field(default=False, metadata=LEFT_OUT)
    """Nobody has said yet that whoever asked is the person: nothing happens until `IdentityConfirmed`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityConfirmed:
    """Somebody made sure that whoever asked is the person."""

    by: str
    """Who, in words; the channel where a verified request of the same person confirmed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectSuppressed:
    """The person is left out of every training from now on."""

    token: str
    suppression_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectNotFound:
    """No known data version holds the person."""

    nearest: tuple[Difference, ...] | None = field(default=None, metadata=LEFT_OUT)
    """In what the nearest spelling in the tables differs; None when nobody could look for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestExempted:
    """The law exempts the data; the person is trained on again."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCancelled:
    """The request was withdrawn; the person is trained on again."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHeld:
    """A legal hold: nothing of the person may be purged until its release."""

    reason: str
    until: datetime | None
    """When it ends by itself."""
    scope: str | None
    """What has to be kept, in words."""
    data: tuple[str, ...] = field(default=(), metadata=LEFT_OUT)
    """The data sets that it is about; empty for everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReleased:
    """The legal hold ended."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestExtended:
    """The deadline was extended, once, as the law allows."""

    reason: str
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectReadmitted:
    """The person, whose erasure has ended, may be in data and models again from now on; what is of before stays erased."""

    reason: str
    tips: tuple[str, ...] = ()
    """Commits that the refs of the Git repository were at: what these lead to is of before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientTold:
    """Somebody who received the person's data was told to erase it."""

    recipient: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientAcknowledged:
    """They said that they erased it, or have nothing of the person."""

    recipient: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOverdue:
    """Watching saw that the deadline passed."""

    due_at: datetime | None
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOverdue:
    """Watching saw that the moment passed by which the erasure must begin to be done in time."""

    must_start_by: datetime
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackAsked:
    """Whoever asked wants to be told of each state; the subject is the request, or the first of several."""

    callback: str
    """What it is called."""
    form: Literal["own", "opendsr", "fides"]
    url: str
    """Where; what opens it is in no event."""
    further: tuple[str, ...] = field(default=(), metadata=LEFT_OUT)
    """Requests besides the subject."""
    controller: str | None = field(default=None, metadata=LEFT_OUT)
    """Who asks, as OpenDSR repeats it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackTold:
    """The receiver took a state in."""

    callback: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackFailed:
    """The receiver did not."""

    callback: str
    state: str
    why: str
    again: datetime | None
    """Not before then it is tried again; None: never, this state was given up."""


RequestFact = (
    RequestReceived
    | IdentityConfirmed
    | SubjectSuppressed
    | SubjectNotFound
    | RequestExempted
    | RequestCancelled
    | RequestHeld
    | RequestReleased
    | RequestExtended
    | SubjectReadmitted
    | RecipientTold
    | RecipientAcknowledged
    | RequestOverdue
    | StartOverdue
    | CallbackAsked
    | CallbackTold
    | CallbackFailed
)
"""Any of these."""
