"""Where requests and people stand now, asked by key: nothing here reads or folds all events.

What is asked for comes as a `State` of those requests alone, which decides as the whole one does; lists of tokens come as such.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from unlearning.domain.entities import ErasureRequest
from unlearning.domain.lifecycle import ACTIVE, ERASED, UNVERIFIED, Group, State, open_requests, overdue
from unlearning.stores.sql.projection import among, first_of, group_of, listed, one_of, request_of
from unlearning.stores.sql.schema import groups, requests

Condition = sa.ColumnElement[bool]

_ACTIVE = groups.c.state.in_(sorted(ACTIVE))
_ERASED = groups.c.state.in_(sorted(ERASED))
_OUT = sa.and_(_ERASED, groups.c.readmitted.is_(None))
"""Erased, and nobody let them in again."""
_COMPLETED = groups.c.state.in_(["completed", "completed_with_residuals"])


def _theirs(which: Condition) -> Condition:
    """The same of a person, by whom the rows are found.

    They have few, and in one state there are as many as there are people: SQLite, which counts neither, would go by the state.
    """
    return sa.func.coalesce(which, sa.false())


class Gathered(NamedTuple):
    """People whose erasure may begin."""

    people: int
    received: datetime | None
    """The first receipt."""
    due: datetime | None
    """The earliest deadline."""


@dataclass(frozen=True)
class Standing:
    """What the ledger's projection answers."""

    asking: Callable[[], AbstractContextManager[sa.Connection]]
    """One consistent view of the projection; raises Damaged when it is not of this ledger."""

    # --- requests ---------------------------------------------------------------------------------------------------

    def requests(self, ids: Iterable[str]) -> dict[str, ErasureRequest]:
        """Those of the requests that were ever received, by id."""
        wanted = list(ids)
        return self._state(_OF_REQUESTS, _REQUESTS, wanted).requests

    def page(self, *, state: str | None = None, first: int = 0, most: int) -> tuple[int, list[ErasureRequest]]:
        """(how many there are, a page of them): those that wait before those that have ended, the earliest deadline first.

        state: only what is shown as this.
        """
        held = [name for name, group in self.held().groups.items() if group.on_hold]
        alone, waits, on_hold = requests.c.id == requests.c.of, _ACTIVE, among(groups.c.id, held)
        which: Condition
        if state == "duplicate":
            which = ~alone & waits
        elif state == "on_hold":
            which = alone & on_hold
        elif state in ACTIVE:
            which = alone & (groups.c.state == state) & ~on_hold
        else:
            which = sa.true() if state is None else groups.c.state == state
        joined = sa.join(requests, groups, requests.c.of == groups.c.id)
        found = sa.select(requests.c.id).select_from(joined).where(which)
        urgency = sa.case((waits, 0), else_=1), groups.c.due_s.is_(None), groups.c.due_s, requests.c.seq
        with self.asking() as connection:
            count = connection.scalar(sa.select(sa.func.count()).select_from(joined).where(which)) or 0
            names = list(connection.scalars(found.order_by(*urgency).offset(first).limit(most)))
        known = self.requests(names)
        return count, [known[name] for name in names]

    def open(self) -> list[ErasureRequest]:
        """Who still waits: one request a group, the earliest deadline first, those without one last."""
        with self.asking() as connection:
            return open_requests({row.id: first_of(row) for row in connection.execute(_OPEN_ONES)})

    def overdue(self, now: datetime) -> list[ErasureRequest]:
        """Open requests whose deadline has passed, the oldest first."""
        late = self._part(_ACTIVE & (groups.c.due_s <= int(now.timestamp())))
        return overdue(late.requests, now)

    def count_due(self, moment: datetime, *, unredacted: bool = False) -> int:
        """How many people's open requests are due by then, to the second. unredacted: only where no data is redacted yet."""
        due = _ACTIVE & (groups.c.due_s < moment.timestamp())
        which = due & groups.c.redacted.is_(False) if unredacted else due
        with self.asking() as connection:
            return connection.scalar(sa.select(sa.func.count()).where(which)) or 0

    def gathering(self) -> Gathered:
        """Who waits for an erasure to begin, of those who are said to be who they are; without reading them all."""
        waits = _ACTIVE & (groups.c.state != UNVERIFIED) & groups.c.erasure.is_(None)
        several = sa.select(sa.func.count(), sa.func.min(groups.c.received_at), sa.func.min(groups.c.due_s)).where(waits)
        with self.asking() as connection:
            people, first, due_s = connection.execute(several).one()
            due = connection.scalars(sa.select(groups.c.due_at).where(waits, groups.c.due_s == due_s)).all() if people else ()
        received = datetime.fromisoformat(first) if first else None
        return Gathered(people, received, min(map(datetime.fromisoformat, filter(None, due)), default=None))

    def referred_to(self, channel: str, reference: str | None = None) -> list[ErasureRequest]:
        """Requests that came this way, or those of them that the house calls so elsewhere, in order of receipt."""
        which = requests.c.channel == channel
        if reference is not None:
            which &= among(requests.c.reference, [reference])
        with self.asking() as connection:
            names = list(connection.scalars(sa.select(requests.c.id).where(which).order_by(requests.c.seq)))
        return list(self.requests(names).values())

    def counts(self) -> dict[str, int]:
        """State → how many people's requests are in it, holds aside."""
        with self.asking() as connection:
            found = connection.execute(sa.select(groups.c.state, sa.func.count()).group_by(groups.c.state)).all()
        return {state: number for state, number in found}

    def counts_shown(self) -> dict[str, int]:
        """State as requests are shown → how many requests are."""
        joined = sa.join(requests, groups, requests.c.of == groups.c.id)
        alone = requests.c.id == requests.c.of
        query = sa.select(groups.c.state, alone.label("alone"), sa.func.count().label("number")).select_from(joined)
        found: Counter[str] = Counter()
        with self.asking() as connection:
            for row in connection.execute(query.group_by(groups.c.state, alone)):
                found["duplicate" if row.state in ACTIVE and not row.alone else row.state] += row.number
        for group in self.held().groups.values():
            if group.on_hold:
                found[group.request.state] -= 1
                found["on_hold"] += 1
        return {state: number for state, number in found.items() if number}

    def people(self, tokens: Iterable[str]) -> State:
        """Everything of these people, by index token."""
        return self._part(among(groups.c.token, tokens))

    def of_people(self, tokens: Iterable[str]) -> list[ErasureRequest]:
        """Every request of these people, by index token, in order of receipt."""
        return list(self.people(tokens).requests.values())

    def of_erasure(self, erasure_id: str) -> list[ErasureRequest]:
        """Every request that an erasure reaches, in order of receipt."""
        return list(self._part(groups.c.erasure == erasure_id).requests.values())

    def in_states(self, states: Collection[str]) -> list[ErasureRequest]:
        """Every request that is shown in one of these states, in order of receipt."""
        found = self._part(groups.c.state.in_(sorted(states))).requests.values()
        return [one for one in found if one.state in states]

    def groups(self, ids: Iterable[str]) -> dict[str, Group]:
        """What was decided about people's requests, by the id of their first one."""
        return {**self._state(_GROUPS, _OF_GROUPS, ids).groups}

    def unfinished(self) -> list[str]:
        """Erasures with a request that is still open, in order of its receipt."""
        return self._erasures(_ACTIVE & (groups.c.erasure > ""))

    def unanswered(self) -> list[str]:
        """Erasures that lack but the end of their purge or a certificate: nobody waits for a decision."""
        free = self._part((groups.c.state == "purging") & (groups.c.erasure > ""))
        purging = [one.erasure_id for one in free.requests.values() if one.state == "purging"]
        missing = (groups.c.state == "not_found") & (groups.c.erasure > "") & groups.c.certificate.is_(None)
        return list(dict.fromkeys([*(one for one in purging if one), *self._erasures(missing)]))

    def finished(self) -> list[str]:
        """Erasures whose people are erased."""
        return self._erasures(_ERASED & (groups.c.erasure > ""))

    # --- holds and readmissions -------------------------------------------------------------------------------------

    def held(self) -> State:
        """Everyone with a legal hold that was not released."""
        return self._part(groups.c.hold.is_not(None))

    def readmitted(self) -> State:
        """Everyone whom a decision let in again, with all of their requests."""
        let_in = sa.select(groups.c.token).where(groups.c.readmitted.is_not(None))
        return self._part(groups.c.token.in_(let_in))

    def person(self, token: str, hidden: str) -> list[Group]:
        """What was decided about one person, in order of receipt; either token tells, since keys are rotated."""
        return list(self._part((groups.c.token == token) | (groups.c.hidden == hidden)).groups.values())

    # --- lists of people --------------------------------------------------------------------------------------------

    def asked(self, tokens: Iterable[str]) -> frozenset[str]:
        """Those of these index tokens that ever came with a request."""
        return self._tokens(sa.select(groups.c.token).where(among(groups.c.token, tokens)))

    def open_groups(self, tokens: Iterable[str]) -> dict[str, str]:
        """Index token → the open group of whoever of these people has one."""
        with self.asking() as connection:
            return {row.token: row.id for row in connection.execute(_OPEN, {"names": listed(tokens)})}

    def erased(self) -> tuple[frozenset[str], frozenset[str]]:
        """(suppression tokens, index tokens) of everyone who was erased and not readmitted."""
        return self._pairs(_OUT)

    def any_erased(self) -> bool:
        """Whether there is anybody on that list."""
        with self.asking() as connection:
            return connection.scalar(sa.select(groups.c.id).where(_OUT).limit(1)) is not None

    def erased_among(self, hidden: Collection[str], tokens: Collection[str]) -> tuple[frozenset[str], frozenset[str]]:
        """The same for these people alone, by either of their tokens."""
        return self._among(_OUT, hidden, tokens)

    def asked_for(self, tokens: Collection[str]) -> tuple[frozenset[str], frozenset[str]]:
        """Both tokens of those of these people, by their index tokens, whose erasure was ever asked for."""
        return self._pairs(among(groups.c.token, tokens))

    def reached_purge(self, tokens: Iterable[str] | None = None) -> frozenset[str]:
        """Index tokens of everyone, or of those of these, whose erasure reached its purge and is on no hold."""
        wanted = _ERASED if tokens is None else _theirs(_ERASED) & among(groups.c.token, tokens)
        free = self._tokens(sa.select(groups.c.token).where(wanted, groups.c.hold.is_(None)))
        held = self._part(wanted & groups.c.hold.is_not(None)).groups.values()
        return free.union(group.request.token for group in held if not group.on_hold)

    def purged(self) -> frozenset[str]:
        """Index tokens of everyone whose erasure has ended and who has no open request."""
        again = groups.alias()
        waits = sa.exists().where(again.c.token == groups.c.token, again.c.state.in_(sorted(ACTIVE)))
        return self._tokens(sa.select(groups.c.token).where(_COMPLETED, ~waits))

    def suppressed(self) -> Iterator[str]:
        """Suppression tokens of everyone to be left out of training now, each once, in order."""
        listed = sa.select(groups.c.hidden).distinct().where(_suppressed(None)).order_by(groups.c.hidden)
        with self.asking() as connection:
            yield from connection.execute(listed).yield_per(_PORTION).scalars()

    def suppressed_among(
        self, hidden: Collection[str], tokens: Collection[str], *, upto: int | None = None
    ) -> tuple[frozenset[str], frozenset[str]]:
        """(suppression tokens, index tokens) of those of these people who were to be left out of training.

        upto: as of this ledger position (included); without it, now.
        """
        return self._among(_suppressed(upto), hidden, tokens)

    # --- reading ----------------------------------------------------------------------------------------------------

    def _part(self, which: Condition) -> State:
        """The groups for which this is true, with all of their requests."""
        return self._state(*_those(which))

    def _state(self, chosen: sa.Select[Any], received: sa.Select[Any], names: Iterable[str] = ()) -> State:
        """What two statements find: groups, and requests. names: what both are asked for."""
        said = {"names": listed(names)}
        with self.asking() as connection:
            return State(
                {row.id: request_of(row) for row in connection.execute(received, said)},
                {row.id: group_of(row) for row in connection.execute(chosen, said)},
            )

    def _erasures(self, which: Condition) -> list[str]:
        query = sa.select(groups.c.erasure).where(which).group_by(groups.c.erasure).order_by(sa.func.min(groups.c.seq))
        with self.asking() as connection:
            return list(connection.scalars(query))

    def _tokens(self, query: sa.Select[tuple[str]]) -> frozenset[str]:
        with self.asking() as connection:
            return frozenset(connection.scalars(query))

    def _pairs(self, which: Condition) -> tuple[frozenset[str], frozenset[str]]:
        with self.asking() as connection:
            found = connection.execute(sa.select(groups.c.hidden, groups.c.token).where(which)).all()
        return frozenset(row.hidden for row in found), frozenset(row.token for row in found)

    def _among(
        self, which: Condition, hidden: Collection[str], tokens: Collection[str]
    ) -> tuple[frozenset[str], frozenset[str]]:
        enough = len(hidden) + len(tokens)  # a short list is read sooner than a long one is asked for name by name
        with self.asking() as connection:
            listed = connection.execute(sa.select(groups.c.hidden, groups.c.token).where(which).limit(enough + 1)).all()
        if len(listed) <= enough:
            by_either = _here(hidden, {row.hidden for row in listed}), _here(tokens, {row.token for row in listed})
            found = [row for row in listed if row.hidden in by_either[0] or row.token in by_either[1]]
            return frozenset(row.hidden for row in found), frozenset(row.token for row in found)
        by_hidden, by_token = (
            self._pairs(_theirs(which) & among(groups.c.hidden, hidden)),
            self._pairs(_theirs(which) & among(groups.c.token, tokens)),
        )
        return by_hidden[0] | by_token[0], by_hidden[1] | by_token[1]


def _here(names: Collection[str], listed: set[str]) -> Set[str]:
    """Those on the list that are among these names; a set of them that knows better how to tell is asked."""
    return names & listed if isinstance(names, Set) else listed.intersection(names)


_PORTION = 10_000


def _those(which: Condition) -> tuple[sa.Select[Any], sa.Select[Any]]:
    """The groups for which this is true, and all of their requests."""
    theirs = requests.c.of.in_(sa.select(groups.c.id).where(which))
    return sa.select(groups).where(which).order_by(groups.c.seq), sa.select(requests).where(theirs).order_by(requests.c.seq)


# What is asked most is built once: to build a statement costs as much as to ask it.
_GROUPS, _OF_GROUPS = _those(one_of(groups.c.id))
_OF_REQUESTS = _those(groups.c.id.in_(sa.select(requests.c.of).where(one_of(requests.c.id))))[0]
_REQUESTS = sa.select(requests).where(one_of(requests.c.id)).order_by(requests.c.seq)
_OPEN_ONES = (
    sa.select(groups, requests.c.reference, requests.c.channel)
    .select_from(sa.join(groups, requests, requests.c.id == groups.c.id))
    .where(_ACTIVE)
)
_OPEN = sa.select(groups.c.token, groups.c.id).where(one_of(groups.c.token), _theirs(_ACTIVE))


def _suppressed(upto: int | None) -> Condition:
    """As `Group.suppressed` says it."""
    since, until = groups.c.suppressed_at, groups.c.lifted_at
    if upto is None:
        return (since > 0) & until.is_(None)
    return (until.is_(None) & (since <= upto)) | ((until > upto) & (since <= upto))
