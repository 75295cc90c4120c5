"""Whom to tell that a request is in another state: what may be called at all, what was told, and when to try again.

The address comes from whoever asks, so it is as trusted as they are: only https to public addresses, unless the operator named
host and port. Pure: names are resolved, and calls made, in `stores/calling.py`.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Collection, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from unlearning.domain.errors import WrongUse
from unlearning.domain.events import CallbackAsked, CallbackFailed, CallbackTold, Event, Fact
from unlearning.domain.hashing import canonical
from unlearning.domain.lifecycle import ENDED

Form = Literal["own", "opendsr", "fides"]
"""In whose words a receiver is told."""

RESUMED = "resumed"
LAST = ENDED | {RESUMED}
"""After one of these states there is nothing more to tell."""

PATIENCE = timedelta(days=5)
"""So long after its first failure a state is tried again."""
_FIRST, _FACTOR, _LONGEST = timedelta(seconds=10), 4, timedelta(hours=12)

KINDS = (CallbackAsked, CallbackTold, CallbackFailed)

_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?)"
    r"(:(?P<port>[0-9]{1,5}))?(?P<path>[/?][\x21\x22\x24-\x5b\x5d-\x7e]*)?"
)
_LONGEST_ADDRESS = 500
_NAMED = "its host:port under callbacks.internal in params.yaml"


def pause(failed: int, share: float, *, longest: timedelta = _LONGEST) -> timedelta:
    """How long to wait after so many failures, at least one. share: 0 to 1, drawn anew each time."""
    grown: timedelta = min(_FIRST * _FACTOR ** min(failed - 1, 20), longest)
    return grown * (0.5 + share / 2)


class Receiver(NamedTuple):
    """Where to call."""

    scheme: str
    host: str
    """A name, or an address without brackets."""
    port: int
    path: str
    """With what follows a question mark."""

    @property
    def at(self) -> str:
        """Host and port, as settings name it."""
        return f"{self.bracketed}:{self.port}"

    @property
    def bracketed(self) -> str:
        """The host, as it stands in an address."""
        return f"[{self.host}]" if ":" in self.host else self.host


def receiver(address: str) -> Receiver:
    """The parts of an address. Raises WrongUse, without repeating it, for one that two readers could read differently."""
    found = _ADDRESS.fullmatch(address) if len(address) <= _LONGEST_ADDRESS else None
    port = int(found["port"] or (443 if found["scheme"] == "https" else 80)) if found else 0
    if found is None or not 0 < port < 1 << 16:
        raise WrongUse(
            f"the address of a callback has {len(address)} characters and is none that is called; expected https://host/path "
            f"of at most {_LONGEST_ADDRESS} ASCII characters, without user, password and fragment"
        )
    path = found["path"] or "/"
    return Receiver(found["scheme"], found["host"].strip("[]").lower(), port, path if path.startswith("/") else f"/{path}")


@dataclass(frozen=True)
class Rules:
    """What the operator says of receivers."""

    hosts: Collection[str] = ()
    """Only these are called; empty: any."""
    internal: Collection[str] = ()
    """`host:port` of those that may be private or loopback, over http too."""

    def is_internal(self, to: Receiver) -> bool:
        """The operator named this very host and port."""
        return to.at in self.internal

    def require_permitted(self, to: Receiver) -> None:
        """Raises WrongUse for what is never called, whatever its name resolves to."""
        if self.is_internal(to):
            return
        if to.scheme != "https":
            raise WrongUse(f"the address of a callback is not https; expected https, or {_NAMED}")
        if self.hosts and to.host not in self.hosts:
            raise WrongUse("the host of a callback is none of callbacks.hosts in params.yaml; name it there, or send none")
        if is_address(to.host) and not reachable(to.host):
            raise WrongUse(f"the address of a callback is not public; expected one that is, or {_NAMED}")


def is_address(host: str) -> bool:
    """It is an IP address, and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_COMPATIBLE = ipaddress.ip_network("::/96")


def reachable(address: str, *, internal: bool = False) -> bool:
    """Whether an IP address may be connected to: a public one; of a receiver that the operator named, a private one too.

    An address that carries another one (IPv4-mapped, 6to4, Teredo, NAT64) is as reachable as both. Link-local addresses, where
    clouds keep the credentials of a machine, multicast and unspecified ones are never.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.scope_id is not None or (found in _COMPATIBLE and not found.is_loopback):
            return False
        inner = [found.ipv4_mapped, found.sixtofour, *(found.teredo or ())]
        if found in _NAT64:
            inner.append(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF))
        carried = [one for one in inner if one is not None]
        if carried:
            return all(_reachable(one, internal=internal) for one in carried)
    return _reachable(found, internal=internal)


def _reachable(address: ipaddress.IPv4Address | ipaddress.IPv6Address, *, internal: bool) -> bool:
    if address.is_multicast or address.is_unspecified or address.is_link_local or address in _METADATA:
        return False
    if internal:
        return address.is_loopback or not address.is_reserved
    return address.is_global and not address.is_private and not address.is_reserved


_METADATA = frozenset(map(ipaddress.ip_address, ("100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254")))
"""Where clouds keep what a machine may know of itself, besides link-local ones."""


@dataclass(frozen=True)
class Wanted:
    """What a demand says of whom to tell."""

    form: Form
    url: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    """What opens it: a credential, never in the ledger."""
    controller: str | None = None
    """Whom OpenDSR names as the one who asks."""


class News(NamedTuple):
    """What a receiver is to be told now."""

    state: str
    document: Mapping[str, Any]
    media: str = "application/json"


@dataclass(frozen=True)
class Callback:
    """Whom to tell of some requests, and what was told."""

    name: str
    asked: CallbackAsked
    subject: str
    """The request that the events are about."""
    settled: int = 0
    """States that were told or given up."""
    state: str | None = None
    """The last of them."""
    at: datetime | None = None
    gave_up: bool = False
    """It was not told, and is not tried again."""
    pending: str | None = None
    """A state that could not be told yet."""
    failed: int = 0
    """So often."""
    since: datetime | None = None
    again: datetime | None = None
    """Not to be tried before."""
    why: str | None = None
    """What the last try ended with."""

    @property
    def requests(self) -> tuple[str, ...]:
        """Those that it is about."""
        return (self.subject, *self.asked.further)

    @property
    def ended(self) -> bool:
        """There is nothing more to tell."""
        return self.state in LAST

    def delivery(self, state: str) -> str:
        """What names the telling of a state: the same with each try, another when the state comes again later."""
        return f"msg_{hashlib.sha256(canonical([self.name, self.settled, state])).hexdigest()[:32]}"

    def due(self, state: str, now: datetime) -> bool:
        """Whether this state is to be told now."""
        if self.ended or state == self.state:
            return False
        return self.pending != state or self.again is None or self.again <= now

    def after(self, state: str, why: str, *, now: datetime, share: float) -> CallbackFailed:
        """The event of a try that failed. share: 0 to 1, drawn anew for each, so that many do not come back together."""
        same = self.pending == state
        tries, since = (self.failed + 1, self.since or now) if same else (1, now)
        wait = pause(tries, share)
        return CallbackFailed(callback=self.name, state=state, why=why, again=now + wait if now - since < PATIENCE else None)


def follow(known: MutableMapping[str, Callback], events: Iterable[Event[Fact]]) -> None:
    """Take in what happened to callbacks."""
    for event in events:
        match event.fact:
            case CallbackAsked() as asked:
                known.setdefault(asked.callback, Callback(asked.callback, asked, event.subject))
            case CallbackTold(callback=name, state=state) if name in known:
                known[name] = _settled(known[name], state, event.at)
            case CallbackFailed(callback=name) as failed if name in known:
                known[name] = _failed(known[name], failed, event.at)


def _settled(one: Callback, state: str, at: datetime) -> Callback:
    return Callback(one.name, one.asked, one.subject, settled=one.settled + 1, state=state, at=at)


def _failed(one: Callback, fact: CallbackFailed, at: datetime) -> Callback:
    if fact.again is None:
        return replace(_settled(one, fact.state, at), gave_up=True, why=fact.why)
    same = one.pending == fact.state
    return replace(
        one,
        pending=fact.state,
        failed=one.failed + 1 if same else 1,
        since=one.since if same else at,
        again=fact.again,
        why=fact.why,
    )
