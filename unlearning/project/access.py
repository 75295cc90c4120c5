"""Who may ask this project over the network: keys that are shown once, kept in the ledger as salted hashes.

A key is 256 random bits, so its salted SHA-256 tells nothing of it. That it was given and taken back are events: the ledger
says who could take part in an erasure.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal, get_args

from unlearning.domain.errors import NotFound, WrongUse
from unlearning.domain.events import AccessGranted, AccessRevoked, Event, Fact

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace

Scope = Literal["submit", "read", "approve"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""Hand in and withdraw requests; see them, their certificates and what they would touch; let an erasure begin."""

_KEY = re.compile("unl_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_NAME = re.compile("access-[0-9a-f]{16}")


@dataclass(frozen=True)
class Access:
    """One key, without what it opens with."""

    access_id: str
    scopes: tuple[str, ...]
    granted_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True)
class Granted(Access):
    """A new one; `token` is nowhere else."""

    token: str = field(default="", repr=False)


def grant(workspace: Workspace, scopes: Collection[Scope], *, now: datetime) -> Granted:
    """A new key for these scopes. Raises WrongUse without any."""
    if not scopes or not set(scopes) <= set(SCOPES):
        raise WrongUse(f"expected at least one scope of {', '.join(SCOPES)}")
    name, secret, salt = secrets.token_hex(8), secrets.token_urlsafe(32), secrets.token_hex(16)
    chosen = tuple(one for one in SCOPES if one in scopes)
    workspace.ledger.append(f"access-{name}", AccessGranted(scopes=chosen, salt=salt, digest=_digest(salt, secret)), at=now)
    return Granted(f"access-{name}", chosen, now, token=f"unl_{name}_{secret}")


def revoke(workspace: Workspace, access_id: str, *, now: datetime) -> Access:
    """From now on the key opens nothing. Twice is once. Raises NotFound."""
    known = {one.access_id: one for one in every(workspace)}
    if access_id not in known:
        shown = access_id if _NAME.fullmatch(access_id) else f"({len(access_id)} characters that are no id)"
        raise NotFound(f"no access {shown}; `unlearn token list` names them, like access-0123456789abcdef")
    if known[access_id].revoked_at is None:
        workspace.ledger.append(access_id, AccessRevoked(), at=now)
    return next(one for one in every(workspace) if one.access_id == access_id)


def every(workspace: Workspace) -> list[Access]:
    """Every key that was ever given, in order."""
    revoked = {event.subject: event.at for event in reversed(workspace.ledger.of(AccessRevoked))}
    given = workspace.ledger.of(AccessGranted)
    return [Access(one.subject, one.fact.scopes, one.at, revoked.get(one.subject)) for one in given]


def opened_by(workspace: Workspace, token: str) -> Access | None:
    """What a key opens; None for one that was never given, or was taken back."""
    return opened_by_each(workspace, [token])[0]


def opened_by_each(workspace: Workspace, tokens: Sequence[str]) -> list[Access | None]:
    """The same of several keys."""
    parts = {token: found for token in tokens if (found := _KEY.fullmatch(token))}
    names, events = {f"access-{one[1]}" for one in parts.values()}, dict[str, list[Event[Fact]]]()
    kinds = (AccessGranted, AccessRevoked)
    for event in workspace.ledger.events(subjects=names, kinds=kinds) if names else ():
        events.setdefault(event.subject, []).append(event)
    opened = {token: _opened(events.get(f"access-{one[1]}", ()), one[2]) for token, one in parts.items()}
    return [opened.get(token) for token in tokens]


def _opened(events: Sequence[Event[Fact]], secret: str) -> Access | None:
    facts = [event.fact for event in events]
    if len(facts) != 1 or not isinstance(granted := facts[0], AccessGranted):
        return None
    fits = hmac.compare_digest(granted.digest, _digest(granted.salt, secret))
    return Access(events[0].subject, granted.scopes, events[0].at) if fits else None


def is_open(workspace: Workspace, access_id: str) -> bool:
    """A key that was given was not taken back."""
    return not workspace.ledger.of(AccessRevoked, subject=access_id)


def _digest(salt: str, secret: str) -> str:
    return hashlib.sha256(f"{salt}/{secret}".encode()).hexdigest()
