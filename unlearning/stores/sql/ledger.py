"""The ledger: append-only events in SQL, each carrying the hash of the one before.

    hash(n) = SHA-256(canonical JSON of [seq, at, kind, subject, body, previous])
    previous(n) = hash(n-1), previous(1) = 64 zeros

Whoever keeps a (seq, hash) elsewhere, as in a certificate, can see that nothing up to it was edited, removed or reordered.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar, cast

import sqlalchemy as sa

from unlearning.domain.errors import Damaged, Unavailable
from unlearning.domain.events import Event, Fact, RequestReceived, decode, encode, kind_of
from unlearning.domain.hashing import canonical, digest
from unlearning.domain.lifecycle import FOLDED, State
from unlearning.stores.sql import database, projection
from unlearning.stores.sql.schema import events as table
from unlearning.stores.sql.standing import Standing

GENESIS = "0" * 64
"""What the first event names as the one before it."""

_SAID = 20
"""So many differences of a projection are said; the first is enough to make it anew."""

_HEAD = sa.select(table.c.seq, table.c.hash).order_by(table.c.seq.desc()).limit(1)
_INSERT = table.insert()

F = TypeVar("F", bound=Fact)
_FOLDED = tuple(kind.__name__ for kind in FOLDED)

progress = logging.getLogger("unlearning.progress")


class SqlLedger:
    """The ledger in a database; any number of processes may append at once."""

    def __init__(self, engine: sa.Engine, *, used: Callable[[SqlLedger], object] | None = None) -> None:
        """used: called once, after the first append."""
        self._engine, self._used = engine, used
        self.standing = Standing(self._asking)

    @property
    def engine(self) -> sa.Engine:
        """The database, for what looks after its free pages."""
        return self._engine

    def append(self, subject: str, fact: F, *, at: datetime) -> Event[F]:
        """Chain one event to the last; it is durable when this returns. Raises Refused when it cannot follow.

        at: aware, else ValueError. What a fact holds is plain, else TypeError or ValueError: it must come back as it was.
        """
        [event] = self.append_all([(subject, fact)], at=at)
        return cast("Event[F]", event)

    def append_all(self, lines: Iterable[tuple[str, Fact]], *, at: datetime) -> list[Event[Fact]]:
        """Chain several events (subject, fact) in one transaction: all of them are recorded, or none.

        The one door to the ledger: what could not be folded afterwards is not written. No other process writes meanwhile.
        """
        wanted = [(subject, kind_of(fact), _body(fact)) for subject, fact in lines]
        if at.tzinfo is None:
            raise ValueError(f"the moment {at.isoformat()} has no time zone; expected an aware datetime")
        moment, events = at.astimezone(UTC), []
        with database.writing(self._engine, "ledger") as connection:
            position, previous = self._projected(connection)
            for seq, (subject, kind, body) in enumerate(wanted, start=position + 1):
                sealed = _seal(seq, moment.isoformat(), kind, subject, body, previous)
                events.append(Event(seq, moment, subject, decode(kind, body, seq=seq), body, previous, sealed))
                previous = sealed
            projection.follow(connection, events)
            if events:
                connection.execute(_INSERT, [_row(event) for event in events])
        if events and self._used is not None:
            used, self._used = self._used, None
            used(self)
        return events

    def state(self) -> State:
        """Where every request stands, folded from all events: the slow truth that `standing` is held against.

        Raises Damaged for an event that cannot be read.
        """
        with database.reading(self._engine) as connection:
            return projection.folded(_folded_events(connection))[0]

    @contextmanager
    def _asking(self) -> Iterator[sa.Connection]:
        """One view of the projection, which is made first where there is none. Raises Damaged for one of another ledger."""
        with database.reading(self._engine) as connection:
            if projection.stands_at_the_end(connection) or projection.stands(connection, *_head(connection)):
                yield connection
                return
        with database.writing(self._engine, "ledger") as connection:
            self._projected(connection)
        with database.reading(self._engine) as connection:
            yield connection

    def _projected(self, connection: sa.Connection) -> tuple[int, str]:
        """The head, once the projection stands there: that of a ledger of an earlier version of this package is made now."""
        position, head = _head(connection)
        if not projection.stands(connection, position, head):
            progress.info("ledger of an earlier version: working out where its requests stand, from %d events, once", position)
            projection.make(connection, _folded_events(connection), position=position, head=head)
        return position, head

    def differences(self) -> list[str]:
        """Where the projection is not what a fresh fold gives, in words; empty when nothing was projected yet.

        Once something was found, whoever asks the projection is refused until `rebuild`. Raises Damaged for an event that
        cannot be read, Refused for one that cannot follow those before it.
        """
        with database.reading(self._engine) as connection:
            try:
                if not projection.stands(connection, *_head(connection)):
                    return []
                refused = []
            except Damaged as error:
                refused = [str(error)]
            found = list(islice(projection.differences(connection, _folded_events(connection)), _SAID))
        if found:
            with suppress(Unavailable), database.writing(self._engine, "ledger") as connection:
                projection.distrust(connection, found[0])
        return refused + found

    def rebuild(self) -> None:
        """The projection anew, from the events. Raises Damaged or Refused, and leaves it as it was, where they do not tell."""
        with database.writing(self._engine, "ledger") as connection:
            position, head = _head(connection)
            projection.make(connection, _folded_events(connection), position=position, head=head)

    def events(
        self,
        *,
        subject: str | None = None,
        subjects: Iterable[str] | None = None,
        kinds: Iterable[type] | None = None,
        after: int = 0,
        last: int | None = None,
    ) -> list[Event[Fact]]:
        """Events in order, of one subject or of several, and of these kinds when given. Raises Damaged for an unreadable one.

        after: only those beyond this position. last: only so many, the newest.
        """
        names = None if kinds is None else tuple(kind.__name__ for kind in kinds)
        query = _events(subject is not None, subjects is not None, names, last is not None)
        said = {"after": after, "subject": subject, "last": last, "names": projection.listed(subjects or ())}
        with database.reading(self._engine) as connection:
            found = [_event(row) for row in connection.execute(query, said)]
        return found if last is None else found[::-1]

    def of(
        self, kind: type[F], *, subject: str | None = None, subjects: Iterable[str] | None = None, last: int | None = None
    ) -> list[Event[F]]:
        """Events of one kind in order, as `events`."""
        return cast("list[Event[F]]", self.events(subject=subject, subjects=subjects, kinds=[kind], last=last))

    def received(self, tokens: Iterable[str]) -> list[Event[RequestReceived]]:
        """The receipt of every request of these people, by index token."""
        return self.of(RequestReceived, subjects=[one.request_id for one in self.standing.of_people(tokens)])

    def count(self, kind: type[Fact]) -> int:
        """How many events of one kind there are."""
        with database.reading(self._engine) as connection:
            return connection.scalar(sa.select(sa.func.count()).where(table.c.kind == kind.__name__)) or 0

    def head(self) -> tuple[int, str]:
        """Position and hash of the last event; (0, 64 zeros) while there is none."""
        with database.reading(self._engine) as connection:
            return _head(connection)

    def first(self) -> str | None:
        """The hash of the first event, by which a ledger is told from every other; None while there is none."""
        with database.reading(self._engine) as connection:
            found: str | None = connection.scalar(sa.select(table.c.hash).where(table.c.seq == 1))
        return found

    def hashes(self) -> list[tuple[int, str]]:
        """Position and hash of every event in order, also of events that cannot be read any more."""
        with database.reading(self._engine) as connection:
            return [
                (row.seq, row.hash) for row in connection.execute(sa.select(table.c.seq, table.c.hash).order_by(table.c.seq))
            ]

    def verify(self, expected: tuple[int, str] | None = None) -> list[str]:
        """What is wrong with the chain, in words; empty when every event is as it was written.

        expected: a (seq, hash) noted elsewhere; without one, a cut at the end or a chain written anew cannot be seen.
        """
        with database.reading(self._engine) as connection:
            rows = connection.execute(sa.select(table).order_by(table.c.seq)).yield_per(1000)
            return list(_findings(rows, expected))

    def exclusive(self, name: str, *, timeout: float = 600) -> AbstractContextManager[None]:
        """A lock across processes; others may append meanwhile, and it is gone when its process dies.

        Raises Unavailable after `timeout` seconds.
        """
        return database.exclusive(self._engine, name, timeout=timeout)


@lru_cache(maxsize=256)
def _events(one: bool, several: bool, kinds: tuple[str, ...] | None, newest: bool) -> sa.Select[Any]:
    """A statement of `events`: to build it costs as much as to ask it."""
    query = sa.select(table).where(table.c.seq > sa.bindparam("after"))
    if one:
        query = query.where(table.c.subject == sa.bindparam("subject"))
    if several:
        query = query.where(projection.one_of(table.c.subject))
    if kinds is not None:
        # Of a subject there are few events, of a kind as many as requests: SQLite, which counts neither, would go by the kind.
        query = query.where((table.c.kind.concat("") if one or several else table.c.kind).in_(kinds))
    if newest:
        return query.order_by(table.c.seq.desc()).limit(sa.bindparam("last"))
    return query.order_by(table.c.seq)


def _folded_events(connection: sa.Connection) -> Iterator[Event[Fact]]:
    """Everything that the state of a request follows from, in order."""
    query = sa.select(table).where(table.c.kind.in_(_FOLDED)).order_by(table.c.seq)
    return map(_event, connection.execute(query).yield_per(1000))


def _head(connection: sa.Connection) -> tuple[int, str]:
    row = connection.execute(_HEAD).first()
    return (row.seq, row.hash) if row else (0, GENESIS)


def _seal(seq: int, at: str, kind: str, subject: str, body: Any, previous: str) -> str:
    return digest([seq, at, kind, subject, body, previous])


def _body(fact: Fact) -> dict[str, Any]:
    body = encode(fact)
    _require_plain(body, kind_of(fact))
    return body


def _row(event: Event[Fact]) -> dict[str, Any]:
    body, at = canonical(event.body).decode(), event.at.isoformat()
    return {column.name: getattr(event, column.name) for column in table.c} | {"body": body, "at": at}


def _event(row: sa.Row[Any]) -> Event[Fact]:
    try:
        body, at = json.loads(row.body), datetime.fromisoformat(row.at)
    except ValueError as error:
        raise Damaged(
            f"ledger event {row.seq} ({row.kind}) cannot be read: {error}; verify the ledger, restore a backup"
        ) from error
    return Event(row.seq, at, row.subject, decode(row.kind, body, seq=row.seq), body, row.previous, row.hash)


def _findings(rows: Iterable[sa.Row[Any]], expected: tuple[int, str] | None) -> Iterator[str]:
    seq, previous = 0, GENESIS
    for row in rows:
        if row.seq != seq + 1:
            yield f"events {seq + 1} to {row.seq - 1} are missing"
        if row.previous != previous:
            yield f"event {row.seq} ({row.kind}) does not follow event {seq}: one of them was removed, reordered or edited"
        if _resealed(row) != row.hash:
            yield f"event {row.seq} ({row.kind}) was edited: its content does not match its hash"
        if expected is not None and row.seq == expected[0] and row.hash != expected[1]:
            yield f"event {row.seq} is not the one that was expected: {row.hash[:12]}… instead of {expected[1][:12]}…"
        seq, previous = row.seq, row.hash
    if expected is not None and seq < expected[0]:
        yield f"the ledger ends at event {seq}, but event {expected[0]} was expected: it was cut off"


def _resealed(row: sa.Row[Any]) -> str | None:
    try:
        return _seal(row.seq, row.at, row.kind, row.subject, json.loads(row.body), row.previous)
    except ValueError:
        return None


def _require_plain(value: Any, where: str) -> None:
    """Raises TypeError for anything that JSON would change on its way, ValueError for NaN and infinity."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if type(key) is not str:
                raise TypeError(f"{where}: a key is {type(key).__name__}, expected str")
            _require_plain(item, f"{where}.{key}")
    elif type(value) is list:
        for item in value:
            _require_plain(item, f"{where}[]")
    elif type(value) is float and not math.isfinite(value):
        raise ValueError(f"{where}: {value} is no JSON number")
    elif value is not None and type(value) not in (str, int, float, bool):
        raise TypeError(f"{where}: a {type(value).__name__} is no plain JSON value; pass it through codec.write")
