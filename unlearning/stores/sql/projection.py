"""What follows from the ledger's events, as tables: written in the transaction that appends, made again at will.

The chain of events stays the one truth. The tables say at which event they stand; whoever asks them is refused when the ledger
ends at another, or once an audit found a row that does not follow from the events.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from unlearning.domain.codec import read, write
from unlearning.domain.entities import ErasureRequest
from unlearning.domain.errors import Damaged
from unlearning.domain.events import ErasureStarted, Event, RequestHeld, RequestReceived
from unlearning.domain.hashing import canonical
from unlearning.domain.lifecycle import Group, Readmission, State
from unlearning.domain.spellings import Difference
from unlearning.stores.sql.schema import erasures, groups, projections, requests
from unlearning.stores.sql.schema import events as events_table

V = TypeVar("V")
Row = Mapping[str, Any]
Load = Callable[[Collection[str]], Mapping[str, V]]

AGAIN = "`unlearn audit` says where they differ, and `unlearn audit --rebuild` makes the projection again from the events"

_SURROGATE = re.compile("[\ud800-\udfff]")
"""In what an argument holds that is no text; no database stores it."""

_PORTION = 10_000
"""Rows that are written at once."""


class Kept(MutableMapping[str, V]):
    """A table as a mapping: rows are read when somebody asks for their key, what is set is known to be written."""

    def __init__(self, load: Load[V]) -> None:
        self._load = load
        self._known: dict[str, V | None] = {}
        self.new: dict[str, V] = {}
        """Set, and not stored before."""
        self.changed: dict[str, V] = {}
        """Set, and stored as something else."""

    def fetch(self, keys: Iterable[str]) -> None:
        """Read these rows together."""
        missing = [key for key in dict.fromkeys(keys) if key not in self._known]
        if missing:
            self._known.update({**dict.fromkeys(missing), **self._load(missing)})

    def __getitem__(self, key: str) -> V:
        self.fetch([key])
        if (found := self._known[key]) is None:
            raise KeyError(key)
        return found

    def __setitem__(self, key: str, value: V) -> None:
        stored = key in self and key not in self.new
        (self.changed if stored else self.new)[key] = self._known[key] = value

    def __iter__(self) -> Iterator[str]:
        """The keys that were asked for and are there."""
        return (key for key, value in self._known.items() if value is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __delitem__(self, key: str) -> None:
        raise TypeError(f"nothing that follows from an event is ever taken back: {key}")


class Stored(State):
    """The state that the tables hold, read by key; what new events change of it is to be written."""

    received: Kept[ErasureRequest]
    groups: Kept[Group]
    newest: Kept[str]
    erasures: Kept[tuple[str, ...]]

    def __init__(self, connection: sa.Connection) -> None:
        def rows(query: sa.Select[Any], names: Collection[str]) -> sa.CursorResult[Any]:
            return connection.execute(query, {"names": listed(names)})

        super().__init__(
            Kept(lambda ids: {row.id: request_of(row) for row in rows(_REQUESTS, ids)}),
            Kept(lambda ids: {row.id: group_of(row) for row in rows(_GROUPS, ids)}),
            Kept(lambda tokens: {row.token: row.id for row in rows(_NEWEST, tokens)}),
            Kept(lambda ids: {row.id: tuple(json.loads(row.groups)) for row in rows(_ERASURES, ids)}),
        )

    def take_in(self, events: list[Event[Any]]) -> None:
        """Follow events that are about to be written; what they are about is read together. Raises Refused."""
        facts, subjects = [event.fact for event in events], [event.subject for event in events]
        asked = [fact for fact in facts if isinstance(fact, RequestReceived)]
        started = [request for fact in facts if isinstance(fact, ErasureStarted) for request in fact.requests]
        self.received.fetch([*subjects, *started])
        self.erasures.fetch(subjects)
        self.newest.fetch(fact.token for fact in asked)
        of = [self.received[one].group for one in (*subjects, *started) if one in self.received]
        reached = [name for one in subjects if one in self.erasures for name in self.erasures[one]]
        self.groups.fetch([*subjects, *of, *reached, *(self.newest[one.token] for one in asked if one.token in self.newest)])
        self.follow(events, fresh=True)


def follow(connection: sa.Connection, events: list[Event[Any]]) -> None:
    """Take in events that are about to be written, in their transaction. Raises Refused."""
    state = Stored(connection)
    state.take_in(events)
    seqs = {event.subject: event.seq for event in events if isinstance(event.fact, RequestReceived)}
    _insert(connection, requests, (_request(one, seqs) for one in state.received.new.values()))
    _insert(connection, groups, (_group(one, seqs) for one in state.groups.new.values()))
    _insert(connection, erasures, (_erasure(*item) for item in state.erasures.new.items()))
    _update(connection, groups, [_group(one, {}) for one in state.groups.changed.values()])
    _update(connection, erasures, [_erasure(*item) for item in state.erasures.changed.items()])
    if events:
        _stand_at(connection, events[-1].seq, events[-1].hash)


def make(connection: sa.Connection, events: Iterable[Event[Any]], *, position: int, head: str) -> None:
    """All tables anew, from all events. Raises Refused for one that cannot follow those before it."""
    state, seqs = folded(events)
    for table in (requests, groups, erasures, projections):
        connection.execute(table.delete())
    _insert(connection, requests, (_request(one, seqs) for one in state.received.values()))
    _insert(connection, groups, (_group(one, seqs) for one in state.groups.values()))
    _insert(connection, erasures, (_erasure(*item) for item in state.erasures.items()))
    _stand_at(connection, position, head)


def stands(connection: sa.Connection, position: int, head: str) -> bool:
    """Whether the tables follow from the events up to this head; False when they were never made.

    Raises Damaged when they stand elsewhere, or an audit found that they do not follow from the events.
    """
    row = connection.execute(_STANDS).first()
    return position == 0 if row is None else _follows(row, position, head)


def stands_at_the_end(connection: sa.Connection) -> bool:
    """The same for the last event, asked at once; False also of a ledger without events."""
    row = connection.execute(_AT_THE_END).first()
    return row is not None and row.seq is not None and _follows(row, row.seq, row.hash)


_LAST = sa.select(events_table.c.seq, events_table.c.hash).order_by(events_table.c.seq.desc()).limit(1).subquery()
_AT_THE_END = sa.select(projections, _LAST).select_from(sa.outerjoin(projections, _LAST, sa.true()))


def _follows(row: Any, position: int, head: str) -> bool:
    if row.finding is not None:
        raise Damaged(f"the ledger's projection does not follow from its events: {row.finding}; {AGAIN}")
    if (row.position, row.head) != (position, head):
        at, here = f"event {row.position} ({row.head[:12]}…)", f"event {position} ({head[:12]}…)"
        raise Damaged(f"the ledger's projection is one of {at}, and the ledger ends with {here}: one was changed; {AGAIN}")
    return True


def distrust(connection: sa.Connection, finding: str) -> None:
    """Nobody is answered from the tables until they are made again."""
    connection.execute(projections.update().values(finding=finding))


def differences(connection: sa.Connection, events: Iterable[Event[Any]]) -> Iterator[str]:
    """Where the tables are not what a fresh fold of all events gives, in words."""
    state, seqs = folded(events)
    expected = {
        requests: {name: _request(one, seqs) for name, one in state.received.items()},
        groups: {name: _group(one, seqs) for name, one in state.groups.items()},
        erasures: {name: _erasure(name, of) for name, of in state.erasures.items()},
    }
    for table, rows in expected.items():
        for stored in connection.execute(sa.select(table).order_by(table.c.id)).mappings().yield_per(_PORTION):
            if (row := rows.pop(stored["id"], None)) is None:
                yield f"{table.name} has {stored['id']}, of which the events say nothing"
            elif wrong := [name for name, value in row.items() if stored[name] != value]:
                yield f"{table.name} of {stored['id']} has another {', '.join(wrong)} than the events give"
        yield from (f"{table.name} lacks {name}" for name in rows)


def folded(events: Iterable[Event[Any]]) -> tuple[State, dict[str, int]]:
    """The state after all events, and at which position each request was received."""
    state, seqs = State(), dict[str, int]()
    for event in events:
        state.follow([event])
        if isinstance(event.fact, RequestReceived):
            seqs[event.subject] = event.seq
    return state, seqs


class _each(sa.sql.functions.FunctionElement[Any]):  # noqa: N801  # as SQL spells it
    """The members of a JSON list, one a row."""

    inherit_cache = True


@compiles(_each, "sqlite")
def _each_sqlite(element: _each, compiler: Any, **options: Any) -> str:
    return f"(SELECT value FROM json_each({compiler.process(element.clauses, **options)}))"


@compiles(_each, "postgresql")
def _each_postgresql(element: _each, compiler: Any, **options: Any) -> str:
    return f"(SELECT json_array_elements_text(CAST({compiler.process(element.clauses, **options)} AS json)))"


def among(column: sa.ColumnElement[str], values: Iterable[str]) -> sa.ColumnElement[bool]:
    """The column is one of these, however many they are: they travel as one parameter."""
    return column.op("IN", is_comparison=True)(_each(listed(values)))


def one_of(column: sa.ColumnElement[str], name: str = "names") -> sa.ColumnElement[bool]:
    """The same of a statement that is built once: the values come as `listed`, by this parameter."""
    return column.op("IN", is_comparison=True)(_each(sa.bindparam(name, type_=sa.Text)))


def listed(values: Iterable[str]) -> str:
    """Values as one parameter, without those that no database stores."""
    return json.dumps([one for one in values if "\0" not in one and not _SURROGATE.search(one)])


# Built once: to build a statement, and to find its SQL again, costs as much as to ask it.
_REQUESTS = sa.select(requests).where(one_of(requests.c.id))
_GROUPS = sa.select(groups).where(one_of(groups.c.id))
_NEWEST = sa.select(groups.c.token, groups.c.id).where(one_of(groups.c.token)).order_by(groups.c.seq)
_ERASURES = sa.select(erasures).where(one_of(erasures.c.id))
_INSERTS = {table: table.insert() for table in (requests, groups, erasures)}
_STAND = projections.update().values(position=sa.bindparam("to"), head=sa.bindparam("hash"))
_STANDS = sa.select(projections)


def request_of(row: Any) -> ErasureRequest:
    """A request as it was received."""
    return ErasureRequest(
        request_id=row.id,
        token=row.token,
        state="received",
        regulation=row.regulation,
        received_at=_at(row.received_at),
        due_at=_moment(row.due_at),
        group=row.of,
        reference=row.reference,
        channel=row.channel,
    )


def first_of(row: Any) -> ErasureRequest:
    """The first request of a group, as it is shown. row: also with its `reference` and `channel`."""
    first = _first(row, reference=row.reference, channel=row.channel)
    return replace(first, state="on_hold") if row.hold is not None and group_of(row).on_hold else first


def _first(row: Any, **more: str | None) -> ErasureRequest:
    return ErasureRequest(
        request_id=row.id,
        token=row.token,
        state=row.state,
        regulation=row.regulation,
        received_at=_at(row.received_at),
        due_at=_moment(row.due_at),
        group=row.id,
        erasure_id=row.erasure,
        certificate=row.certificate,
        nearest=_value(tuple[Difference, ...], row.nearest),
        **more,
    )


def group_of(row: Any) -> Group:
    """A person's requests that are decided together."""
    request = _first(row)
    return Group(
        request=request,
        hidden=row.hidden,
        hold=_value(RequestHeld, row.hold),
        redacted=row.redacted,
        extended=row.extended,
        joined_due_at=_moment(row.joined_due_at),
        suppressed_at=row.suppressed_at,
        lifted_at=row.lifted_at,
        readmitted=_value(Readmission, row.readmitted),
    )


def _request(one: ErasureRequest, seqs: Mapping[str, int]) -> Row:
    return {
        "id": one.request_id,
        "seq": seqs[one.request_id],
        "token": one.token,
        "regulation": one.regulation,
        "received_at": one.received_at.isoformat(),
        "due_at": _text(one.due_at),
        "of": one.group,
        "reference": one.reference,
        "channel": one.channel,
    }


def _group(group: Group, seqs: Mapping[str, int]) -> Row:
    """seqs: without the request's, the row is to be changed and stays where it is."""
    one = group.request
    return {
        "id": one.request_id,
        **({"seq": seqs[one.request_id]} if one.request_id in seqs else {}),
        "token": one.token,
        "hidden": group.hidden,
        "state": one.state,
        "regulation": one.regulation,
        "received_at": one.received_at.isoformat(),
        "due_at": _text(one.due_at),
        "due_s": None if one.due_at is None else math.floor(one.due_at.timestamp()),
        "erasure": one.erasure_id,
        "certificate": one.certificate,
        "nearest": _json(one.nearest),
        "hold": _json(group.hold),
        "redacted": group.redacted,
        "extended": group.extended,
        "joined_due_at": _text(group.joined_due_at),
        "suppressed_at": group.suppressed_at,
        "lifted_at": group.lifted_at,
        "readmitted": _json(group.readmitted),
    }


def _erasure(name: str, of: Iterable[str]) -> Row:
    return {"id": name, "groups": json.dumps(list(of))}


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterable[Row]) -> None:
    for some in _portions(rows):
        connection.execute(_INSERTS[table], some)


def _update(connection: sa.Connection, table: sa.Table, rows: list[Row]) -> None:
    if rows:
        changes: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in rows[0]}
        query = table.update().where(table.c.id == changes["id"]).values(changes)
        connection.execute(query, [{f"new_{name}": value for name, value in row.items()} for row in rows])


def _portions(rows: Iterable[Row]) -> Iterator[list[Row]]:
    remaining = iter(rows)
    while some := list(islice(remaining, _PORTION)):
        yield some


def _stand_at(connection: sa.Connection, position: int, head: str) -> None:
    if not connection.execute(_STAND, {"to": position, "hash": head}).rowcount:
        connection.execute(projections.insert().values(position=position, head=head))


def _moment(text: str | None) -> datetime | None:
    return None if text is None else _at(text)


def _at(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Damaged(f"the ledger's projection holds no moment where one is expected; {AGAIN}") from None


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _value(kind: Any, text: str | None) -> Any:
    try:
        return None if text is None else read(kind, json.loads(text))
    except (ValueError, Damaged):
        raise Damaged(f"the ledger's projection holds a value that cannot be read; {AGAIN}") from None


def _json(value: object) -> str | None:
    return None if value is None else canonical(write(value)).decode()
