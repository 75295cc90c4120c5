"""Step 1, receive: identifiers become tokens, tokens become requests with a deadline, people become suppressed.

The raw identifier exists in memory only, until it is a token.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from unlearning.domain import clocks, hashing, spellings
from unlearning.domain.entities import ErasureRequest, Regulation
from unlearning.domain.errors import NeedsReview
from unlearning.domain.events import Fact, RequestReceived, SubjectSuppressed
from unlearning.project import requests, suppression
from unlearning.project.holdings import ALIAS, Holdings
from unlearning.project.people import asked, index_tokens, nearby
from unlearning.project.tables import present
from unlearning.stores.tables import tables

if TYPE_CHECKING:
    from unlearning.project.people import Present
    from unlearning.project.workspace import Workspace


def receive(
    workspace: Workspace, identifiers: Iterable[str], *, regulation: Regulation, now: datetime, here: Present | None = None
) -> list[ErasureRequest]:
    """Record a request for each person and suppress them from every future training; a second request joins the first.

    All identifiers are read before anything is recorded: one bad line records nothing. Whoever is known by several identifiers
    gets a request for each. here: who is in the tables, where it was read already. Raises as `known_as`.
    """
    given, kind, keys = list(identifiers), workspace.settings.subject.identifier, workspace.keys
    people = dict.fromkeys(known_as(workspace, given, here))
    near = {hashing.fingerprint(one, kind): nearby(workspace, one) for one in asked(workspace, given)}
    index, masked = hashing.keyed(keys.index, people), hashing.keyed(keys.suppression, people)
    with workspace.ledger.exclusive("receive"):
        groups = workspace.ledger.standing.open_groups(token.hex() for token in index)
        events: list[tuple[str, Fact]] = []
        for inner, token, hidden in zip(people, index, masked, strict=True):
            who = (token.hex(), hidden.hex(), near.get(inner, ()))
            events += _received(workspace, *who, group=groups.get(token.hex()), regulation=regulation, now=now)
        workspace.ledger.append_all(events, at=now)
    names = [subject for subject, fact in events if isinstance(fact, RequestReceived)]
    return requests.chosen(workspace, names) if names else []


def known_as(workspace: Workspace, identifiers: Iterable[str], here: Present | None = None) -> list[bytes]:
    """The fingerprints of these identifiers, and of every other one that `subject.aliases` gives the same people.

    Raises IdentifierError for one that may mean somebody else than it says, DataError for a table that does not tell people
    apart, NeedsReview for an identifier that the table of aliases gives to several people.
    """
    kind, aliases = workspace.settings.subject.identifier, workspace.settings.subject.aliases
    if not (typed := asked(workspace, identifiers)):
        return []
    (here or present(workspace)).check_unmistaken(typed, index_tokens(workspace, typed))
    wanted = [hashing.fingerprint(identifier, kind) for identifier in typed]
    if aliases is None:
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


def remarks(workspace: Workspace, identifiers: Sequence[str], made: Sequence[ErasureRequest], here: Present) -> list[str]:
    """What whoever handed these identifiers in should look at again: people who asked before, and those who are in no table.

    identifiers: those that `made` were made of.
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
                events += _received(workspace, token, hidden, (), group=None, regulation=regulation, now=now)
        workspace.ledger.append_all(events, at=now)
    return [subject for subject, fact in events if isinstance(fact, RequestReceived)]


def reopen_returned(workspace: Workspace, *, regulation: Regulation, now: datetime) -> list[ErasureRequest]:
    """The same for everyone who was erased and is in a table now."""
    found = [suppression.look(workspace, path, person) for path, person in Holdings.of(workspace).tables.items()]
    back = {person for one in found if one for person in one.people}
    made = reopen(workspace, sorted(back), regulation=regulation, now=now)
    return requests.chosen(workspace, made) if made else []


def _received(
    workspace: Workspace,
    token: str,
    hidden: str,
    near: tuple[str, ...],
    *,
    group: str | None,
    regulation: Regulation,
    now: datetime,
) -> list[tuple[str, Fact]]:
    """The events of one request: received and, unless it joins an open one, suppressed; appended together or not at all."""
    request_id = f"request-{secrets.token_hex(8)}"
    received = RequestReceived(
        token=token,
        suppression_token=hidden,
        index_key=hashing.key_id(workspace.keys.index),
        regulation=regulation,
        due_at=clocks.due_at(now, regulation),
        group=group or request_id,
        nearby=near,
    )
    suppressed = SubjectSuppressed(token=token, suppression_token=hidden)
    return [(request_id, received)] if group else [(request_id, received), (request_id, suppressed)]
