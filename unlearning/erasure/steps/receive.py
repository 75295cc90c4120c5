"""Step 1, receive: identifiers become tokens, tokens become requests with a deadline, people become suppressed.

The raw identifier exists in memory only, until it is a token.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from unlearning.domain import clocks, hashing, lifecycle
from unlearning.domain.entities import ErasureRequest, Regulation
from unlearning.domain.errors import IdentifierError, NeedsReview, NotFound
from unlearning.domain.events import Fact, RequestReceived, SubjectSuppressed
from unlearning.project import suppression
from unlearning.project.holdings import ALIAS, Holdings
from unlearning.stores.tables import tables

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace


def read_identifiers(path: Path) -> list[str]:
    """One identifier a line; blank lines are skipped. Raises NotFound or IdentifierError, never repeating a value."""
    try:
        return parse_identifiers(path.read_bytes(), str(path))
    except FileNotFoundError as error:
        raise NotFound(f"identifier file {path} does not exist; expected one identifier a line") from error


def parse_identifiers(content: bytes, source: str) -> list[str]:
    """The identifiers in the bytes of a file or of standard input. Raises IdentifierError."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise IdentifierError(f"{source} is not UTF-8 (byte {error.start}); save it as UTF-8, one identifier a line") from None
    lines = [line.strip() for line in text.splitlines()]
    identifiers = [line for line in lines if line]
    if not identifiers:
        raise IdentifierError(f"{source} holds no identifier; expected one a line")
    return identifiers


def receive(workspace: Workspace, identifiers: Iterable[str], *, regulation: Regulation, now: datetime) -> list[ErasureRequest]:
    """Record a request for each person and suppress them from every future training; a second request joins the first.

    All identifiers are read before anything is recorded: one bad line records nothing. Whoever is known by several identifiers
    gets a request for each. Raises NeedsReview for an identifier that means several people.
    """
    people = dict.fromkeys(known_as(workspace, identifiers))
    keys = workspace.keys
    index, suppression = hashing.keyed(keys.index, people), hashing.keyed(keys.suppression, people)
    with workspace.ledger.exclusive("receive"):
        groups = _open_groups(workspace)
        events: list[tuple[str, Fact]] = []
        for token, hidden in zip(index, suppression, strict=True):
            group = groups.get(token.hex())
            events += _received(workspace, token.hex(), hidden.hex(), group=group, regulation=regulation, now=now)
        workspace.ledger.append_all(events, at=now)
    requests = workspace.ledger.state().requests
    return [requests[subject] for subject, fact in events if isinstance(fact, RequestReceived)]


def known_as(workspace: Workspace, identifiers: Iterable[str]) -> list[bytes]:
    """The fingerprints of these identifiers, and of every other one that `subject.aliases` gives the same people.

    Raises NeedsReview for an identifier that the table gives to several people.
    """
    kind, aliases = workspace.settings.subject.identifier, workspace.settings.subject.aliases
    asked = [hashing.fingerprint(identifier, kind) for identifier in identifiers]
    if aliases is None:
        return asked
    table = tables.read(workspace.path(aliases), person=ALIAS, named=aliases)
    owners = tables.people(table, "person")
    of: dict[bytes, set[int]] = {}
    known: dict[int, list[bytes]] = {}
    for identifier, owner in zip(tables.identities(table, ALIAS).to_pylist(), owners.codes.tolist(), strict=True):
        inner = hashing.fingerprint(identifier, kind)
        of.setdefault(inner, set()).add(owner)
        known.setdefault(owner, []).append(inner)
    if unclear := sum(len(of.get(inner, ())) > 1 for inner in asked):
        raise NeedsReview(f"{aliases} gives {unclear} of these identifiers to several people; correct it, then request again")
    return list(dict.fromkeys(one for inner in asked for one in (inner, *(k for p in of.get(inner, ()) for k in known[p]))))


def reopen(workspace: Workspace, people: Iterable[tuple[str, str]], *, regulation: Regulation, now: datetime) -> list[str]:
    """A new request for each of these people who has none open: they were erased and came back; the ids.

    people: (suppression token, index token); whoever watches knows no identifiers.
    """
    with workspace.ledger.exclusive("receive"):
        groups = _open_groups(workspace)
        events: list[tuple[str, Fact]] = []
        for hidden, token in people:
            if token not in groups:
                events += _received(workspace, token, hidden, group=None, regulation=regulation, now=now)
        workspace.ledger.append_all(events, at=now)
    return [subject for subject, fact in events if isinstance(fact, RequestReceived)]


def reopen_returned(workspace: Workspace, *, regulation: Regulation, now: datetime) -> list[ErasureRequest]:
    """The same for everyone who was erased and is in a table now."""
    found = [suppression.look(workspace, path, person) for path, person in Holdings.of(workspace).tables.items()]
    back = {person for one in found if one for person in one.people}
    made = reopen(workspace, sorted(back), regulation=regulation, now=now)
    requests = workspace.ledger.state().requests
    return [requests[name] for name in made]


def _open_groups(workspace: Workspace) -> dict[str, str]:
    return {r.token: r.group for r in lifecycle.open_requests(workspace.ledger.state().requests)}


def _received(
    workspace: Workspace, token: str, hidden: str, *, group: str | None, regulation: Regulation, now: datetime
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
    )
    suppressed = SubjectSuppressed(token=token, suppression_token=hidden)
    return [(request_id, received)] if group else [(request_id, received), (request_id, suppressed)]
