"""Step 1, receive: identifiers become tokens, tokens become requests with a deadline, people become suppressed.

The raw identifier exists in memory only, until it is a token.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from unlearning.domain import clocks, hashing, lifecycle, spellings
from unlearning.domain.callbacks import Wanted
from unlearning.domain.entities import ErasureRequest, Regulation
from unlearning.domain.errors import NeedsReview, Refused, WrongUse
from unlearning.domain.events import CallbackAsked, Fact, IdentityConfirmed, RequestReceived, SubjectSuppressed
from unlearning.erasure import unnamed
from unlearning.project import callbacks, requests, suppression
from unlearning.project.holdings import ALIAS, Holdings
from unlearning.project.people import asked, index_tokens, nearby
from unlearning.project.tables import present
from unlearning.stores.tables import tables

if TYPE_CHECKING:
    from unlearning.project.people import Present
    from unlearning.project.workspace import Workspace


def require_channel(name: str) -> str:
    """The name of a way that requests come. Raises WrongUse for what is none: it must say nothing of a person."""
    if not _CHANNEL.fullmatch(name):
        raise WrongUse(f"a channel has {len(name)} characters and no name of one; expected a short word such as letter or mail")
    return name


_CHANNEL = re.compile("[a-z][a-z-]{0,23}")


@dataclass(frozen=True)
class Asked:
    """One demand to erase, of one person or of several, as it reached the house."""

    identifiers: Sequence[str] = field(default=(), repr=False)
    hashed: Sequence[bytes] = field(default=(), repr=False)
    """People who came as the SHA-256 of their normalised identifier (32 bytes)."""
    regulation: Regulation = "gdpr"
    received_at: datetime | None = None
    """When, if not now."""
    reference: str | None = None
    channel: str | None = None
    verified: bool = True
    """Whoever sent it says that the person did ask."""
    callbacks: Sequence[Wanted] = ()
    """Whom to tell of each state."""
    delivery: str | None = field(default=None, repr=False)
    """What names this demand and no other, such as an event's source and id: coming again, it is the same."""


def receive(
    workspace: Workspace, identifiers: Iterable[str], *, regulation: Regulation, now: datetime, here: Present | None = None
) -> list[ErasureRequest]:
    """Record a request for each of these people, as `receive_all`."""
    return receive_all(workspace, [Asked(list(identifiers), regulation=regulation)], now=now, here=here)


def receive_all(
    workspace: Workspace, demands: Sequence[Asked], *, now: datetime, here: Present | None = None
) -> list[ErasureRequest]:
    """As `receive_each`, each request once."""
    return list(
        {made.request_id: made for each in receive_each(workspace, demands, now=now, here=here) for made in each}.values()
    )


def receive_each(
    workspace: Workspace, demands: Sequence[Asked], *, now: datetime, here: Present | None = None
) -> list[list[ErasureRequest]]:
    """Record a request for each person and suppress them from every future training; a second request joins the first.

    What comes of each demand, all recorded in one transaction. All identifiers are read before anything is recorded: one bad
    line records nothing. Whoever is known by several identifiers gets a request for each. A demand that came before under its
    name is answered with the requests of then. Of an unverified one nobody is suppressed until somebody makes sure. here: who
    is in the tables, where it was read already.

    Raises as `known_as`, WrongUse for a date to come or a reference that names somebody.
    """
    if typed := [identifier for one in demands for identifier in asked(workspace, one.identifiers)]:
        here = (here or present(workspace)).among(index_tokens(workspace, typed))
    people = [_people(workspace, one, here) for one in demands]
    unnamed.require_unnamed_references(
        workspace,
        {one.reference for one in demands if one.reference},
        {person.token for each in people for person in each},
    )
    callbacks.require_permitted(workspace, [wanted for one in demands for wanted in one.callbacks])
    unnamed.require_unnamed_addresses(
        workspace,
        {wanted.url for one in demands for wanted in one.callbacks},
        {person.token for one, each in zip(demands, people, strict=True) if one.callbacks for person in each},
    )
    received = [
        (one, clocks.since(one.received_at, now).astimezone(UTC), each) for one, each in zip(demands, people, strict=True)
    ]
    with workspace.ledger.exclusive("receive"):
        events, names = list[tuple[str, Fact]](), dict[str, None]()
        standing = workspace.ledger.standing
        open_groups = standing.open_groups(person.token for each in people for person in each)
        groups = {token: (name, True) for token, name in open_groups.items()}
        joined = standing.groups(open_groups.values()) if open_groups else {}
        waiting = {name: group for name, group in joined.items() if group.request.state == lifecycle.UNVERIFIED}
        groups |= {group.request.token: (name, False) for name, group in waiting.items()}
        ids = {(i, person): _name(workspace, one, person) for i, (one, _, each) in enumerate(received) for person in each}
        again = [name for (number, _), name in ids.items() if received[number][0].delivery is not None]
        known = standing.requests(again) if again else {}  # of the others, no name was ever given before
        for number, (one, at, each) in enumerate(received):
            for person in each:
                name = ids[number, person]
                if name not in known and name not in names:
                    events += _received(workspace, name, person, one, groups, since=at, now=now)
                names[name] = None
            mine = [ids[number, person] for person in each]
            if one.callbacks and any(name not in known or known[name].state not in lifecycle.ENDED for name in mine):
                events += callbacks.asked(workspace, one.callbacks, mine)
        workspace.ledger.append_all(_once(workspace, events), at=now)
    made = {one.request_id: one for one in requests.chosen(workspace, list(names))} if names else {}
    return [[made[ids[number, person]] for person in each] for number, (_, _, each) in enumerate(received)]


def _once(workspace: Workspace, events: Sequence[tuple[str, Fact]]) -> list[tuple[str, Fact]]:
    """Without callbacks that were asked for before."""
    about = {subject for subject, fact in events if isinstance(fact, CallbackAsked)}
    before = {event.fact.callback for event in workspace.ledger.of(CallbackAsked, subjects=about)} if about else set()
    made: list[tuple[str, Fact]] = []
    for subject, fact in events:
        if isinstance(fact, CallbackAsked):
            if fact.callback in before:
                continue
            before.add(fact.callback)
        made.append((subject, fact))
    return made


class _Person(NamedTuple):
    """Somebody who asks, as a request keeps them."""

    token: str
    hidden: str
    near: tuple[str, ...] = ()


def _people(workspace: Workspace, demand: Asked, here: Present | None) -> list[_Person]:
    """Each once."""
    kind, keys = workspace.settings.subject.identifier, workspace.keys
    people = dict.fromkeys(known_as(workspace, demand.identifiers, here, hashed=demand.hashed))
    near = {hashing.fingerprint(one, kind): nearby(workspace, one) for one in asked(workspace, demand.identifiers)}
    both = zip(people, hashing.keyed(keys.index, people), hashing.keyed(keys.suppression, people), strict=True)
    return [_Person(token.hex(), hidden.hex(), near.get(inner, ())) for inner, token, hidden in both]


def _name(workspace: Workspace, demand: Asked, person: _Person) -> str:
    """What their request is called: the same whenever the same delivery comes."""
    if demand.delivery is None:
        return f"request-{secrets.token_hex(8)}"
    key = hashing.canonical(["unlearning/delivery/1", demand.delivery, person.token]).decode()
    return f"request-{hashing.label(workspace.keys.index, key)[:16]}"


def known_as(
    workspace: Workspace, identifiers: Iterable[str], here: Present | None = None, *, hashed: Sequence[bytes] = ()
) -> list[bytes]:
    """The fingerprints of these identifiers, and of every other one that `subject.aliases` gives the same people.

    hashed: people whose fingerprint came, not their identifier. Raises IdentifierError for one that may mean somebody else than
    it says, DataError for a table that does not tell people apart, NeedsReview for an identifier that the table of aliases
    gives to several people.
    """
    kind, aliases = workspace.settings.subject.identifier, workspace.settings.subject.aliases
    if typed := asked(workspace, identifiers):
        (here or present(workspace)).check_unmistaken(typed, index_tokens(workspace, typed))
    wanted = [*(hashing.fingerprint(identifier, kind) for identifier in typed), *hashed]
    if aliases is None or not wanted:
        return wanted
    table = tables.read(workspace.path(aliases), person=ALIAS, named=aliases)
    owners = tables.people(table, "person")
    of: dict[bytes, set[int]] = {}
    known: dict[int, list[bytes]] = {}
    for identifier, owner in zip(tables.identities(table, ALIAS).to_pylist(), owners.codes.tolist(), strict=True):
        inner = hashing.fingerprint(identifier, kind)
        of.setdefault(inner, set()).add(owner)
        known.setdefault(owner, []).append(inner)
    if unclear := sum(len(of.get(inner, ())) > 1 for inner in wanted):
        raise NeedsReview(f"{aliases} gives {unclear} of these identifiers to several people; correct it, then request again")
    return list(dict.fromkeys(one for inner in wanted for one in (inner, *(k for p in of.get(inner, ()) for k in known[p]))))


def remarks(
    workspace: Workspace, identifiers: Sequence[str], made: Sequence[ErasureRequest], here: Present, *, now: datetime
) -> list[str]:
    """What whoever handed these identifiers in should look at again: people who asked before, and those who are in no table.

    Also whose deadline has passed already. identifiers: those that `made` were made of.
    """
    typed = asked(workspace, identifiers)
    of_token, said, first = {one.token: one for one in made}, list[str](), dict[str, str]()
    for number, (one, token) in enumerate(zip(typed, index_tokens(workspace, typed), strict=True), 1):
        where, request = spellings.place(one, number), of_token[token]
        if token in first:
            said.append(f"{where}: the same person as {first[token]}")
            continue
        first[token] = where
        if request.group != request.request_id:
            said.append(f"{where}: joins {request.group}")
        if request.due_at is not None and request.due_at < now:
            said.append(f"{where}: OVERDUE since {request.due_at:%Y-%m-%d}; erase at once, or ask anew if the date is wrong")
        if not here.holds([token]):
            near = spellings.said(here.spelled_nearly(nearby(workspace, one)))
            said.append(f"{where}: in none of the tables as they are now; {near}")
    return said


def reopen(workspace: Workspace, people: Iterable[tuple[str, str]], *, regulation: Regulation, now: datetime) -> list[str]:
    """A new request for each of these people who has none open: they were erased and came back; the ids.

    people: (suppression token, index token); whoever watches knows no identifiers.
    """
    people = list(people)
    with workspace.ledger.exclusive("receive"):
        groups = workspace.ledger.standing.open_groups(token for _, token in people)
        events: list[tuple[str, Fact]] = []
        for hidden, token in people:
            if token not in groups:
                again, person = Asked(regulation=regulation), _Person(token, hidden)
                events += _received(workspace, _name(workspace, again, person), person, again, {}, since=now, now=now)
        workspace.ledger.append_all(events, at=now)
    return [subject for subject, fact in events if isinstance(fact, RequestReceived)]


def reopen_returned(workspace: Workspace, *, regulation: Regulation, now: datetime) -> list[ErasureRequest]:
    """The same for everyone who was erased and is in a table now."""
    found = [suppression.look(workspace, path, person) for path, person in Holdings.of(workspace).tables.items()]
    back = {person for one in found if one for person in one.people}
    made = reopen(workspace, sorted(back), regulation=regulation, now=now)
    return requests.chosen(workspace, made) if made else []


def confirm(workspace: Workspace, request_id: str, *, by: str, now: datetime) -> ErasureRequest:
    """Record that whoever asked is the person, who is left out of every training from now on. Raises Refused, WrongUse.

    by: who made sure, in words, for the ledger.
    """
    [known] = requests.chosen(workspace, [request_id])
    unnamed.require_unnamed(workspace, by, {known.token})
    if not by.strip():
        raise WrongUse('nobody is named who made sure; say in a few words who did, such as --by "the front desk"')
    with workspace.ledger.exclusive("receive"):
        [group] = workspace.ledger.standing.groups([known.group]).values()
        if group.request.state != lifecycle.UNVERIFIED:
            raise Refused(f"{request_id} is {known.state}; only one that is {lifecycle.UNVERIFIED} waits for that")
        workspace.ledger.append_all(_confirmed(known.group, known.token, group.hidden, by.strip()), at=now)
    return requests.chosen(workspace, [request_id])[0]


def _confirmed(request_id: str, token: str, hidden: str, by: str) -> list[tuple[str, Fact]]:
    suppressed = SubjectSuppressed(token=token, suppression_token=hidden)
    return [(request_id, IdentityConfirmed(by=by)), (request_id, suppressed)]


def _received(
    workspace: Workspace,
    request_id: str,
    person: _Person,
    demand: Asked,
    groups: dict[str, tuple[str, bool]],
    *,
    since: datetime,
    now: datetime,
) -> list[tuple[str, Fact]]:
    """The events of one request: received and, unless it joins an open one, suppressed; appended together or not at all.

    groups: index token → the open request of that person and whether it is verified; this one is put there.
    """
    token, hidden, near = person
    group, sure = groups.get(token, (None, False))
    received = RequestReceived(
        token=token,
        suppression_token=hidden,
        index_key=hashing.key_id(workspace.keys.index),
        regulation=demand.regulation,
        due_at=clocks.due_at(since, demand.regulation),
        group=group or request_id,
        nearby=near,
        received_at=since if since != now else None,
        reference=demand.reference,
        channel=demand.channel,
        unverified=not demand.verified,
    )
    groups[token] = group or request_id, sure or demand.verified
    events: list[tuple[str, Fact]] = [(request_id, received)]
    if demand.verified and group is None:
        events.append((request_id, SubjectSuppressed(token=token, suppression_token=hidden)))
    elif demand.verified and group is not None and not sure:
        events += _confirmed(group, token, hidden, f"{request_id}, a verified request of the same person")
    return events
