"""The search for traces: every place within reach looked at again, everything else named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from unlearning.domain.entities import Level
from unlearning.domain.errors import Unavailable
from unlearning.domain.foreign import shown
from unlearning.domain.traces import OPEN, Place, Residual, Wanted, left
from unlearning.project import guards
from unlearning.project.people import asked, index_tokens
from unlearning.project.requests import chosen
from unlearning.traces import within_reach
from unlearning.traces.accounts import Declared
from unlearning.traces.out_of_reach import out_of_reach
from unlearning.traces.within_reach import Reach

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace

_NAMES = 12
"""As many are shown on a terminal."""

Outcome = Literal["verified", "residual", "unverified", "out_of_reach"]


@dataclass(frozen=True, slots=True)
class Looked:
    """What looking at one place showed."""

    place: str
    level: Level
    outcome: Outcome
    how: str
    count: int | None
    """Traces found; None when nobody can say."""
    searched: int
    """Things that were looked at."""
    remedy: str = ""
    """What to do about it; empty when nothing is found."""
    names: tuple[str, ...] = ()
    """Which ones, of what is listed: paths, runs, objects, by names that say nothing about people."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """One search."""

    people: int
    places: tuple[Looked, ...]
    out_of_reach: tuple[Residual, ...]
    free_of_people: tuple[Declared, ...] = ()
    """Believed, not read: what the project says of files of a form that nobody here knows."""

    @property
    def left(self) -> tuple[Residual, ...]:
        """What is left within reach or could not be seen."""
        return left(map(_listed, (one for one in self.places if one.outcome in OPEN)))

    @property
    def clean(self) -> bool:
        """Every place within reach was looked at, and nothing was found."""
        return not self.left


def sweep(
    workspace: Workspace,
    tokens: Iterable[str],
    *,
    identifiers: Sequence[str] = (),
    known: bool = True,
    spelled: Sequence[str] = (),
) -> Sweep:
    """Search every place for these people. Raises Unavailable when the list of places cannot be made.

    identifiers: raw, for a search by bytes too; they stay in memory. known: also what earlier purges found of others.
    spelled: the same people raw, which makes the search by token shorter and changes nothing else.
    """
    guards.books(workspace)
    reach = Reach(workspace, tuple(spelled))
    wanted = reach.wanted(tokens, identifiers=identifiers)
    wanted = wanted if known else replace(wanted, known={})
    places = reach.places(by_bytes=bool(identifiers))
    looked = [row for place in places for row in _look(place, wanted)]
    beyond = (*out_of_reach(workspace.settings), *reach.beyond(wanted))
    return Sweep(len(wanted.everyone), tuple(looked), beyond, within_reach.declared(workspace))


def people(workspace: Workspace, requests: Sequence[str], subjects: Sequence[str]) -> frozenset[str]:
    """Tokens of the named requests and people; of everyone erased when neither is named. Raises NotFound."""
    tokens = set(index_tokens(workspace, asked(workspace, subjects)))
    if requests or not subjects:
        known = [one.request_id for one in chosen(workspace, requests)] if requests else []
        tokens |= within_reach.erased(workspace, known)
    return frozenset(tokens)


def _look(place: Place, wanted: Wanted) -> Iterator[Looked]:
    try:
        found = place.find(wanted)
    except Unavailable as error:
        yield Looked(place.name, place.level, "unverified", f"not searched: {error}", None, 0, "run again when it answers")
        return
    if found.traces or not any(_speaks_for(unclear, place) for unclear in found.unclear):
        outcome: Outcome = "residual" if found.traces else "verified"
        remedy = within_reach.remedy(place, found, wanted)
        yield Looked(place.name, place.level, outcome, place.how, len(found.traces), found.searched, remedy)
    for unclear in found.unclear:
        yield Looked(
            unclear.place,
            unclear.level,
            unclear.outcome,
            unclear.why,
            unclear.count,
            found.searched if _speaks_for(unclear, place) else 0,
            _remedy(unclear, wanted),
            unclear.names,
        )


def _remedy(unclear: Residual, wanted: Wanted) -> str:
    """Of what was found, only once a purge may touch it; of what nobody could say, always."""
    found = unclear.outcome == "residual" and "`unlearn purge" in unclear.remedy
    return wanted.first(unclear.remedy) if found else wanted.beside(unclear.remedy)


def _speaks_for(unclear: Residual, place: Place) -> bool:
    """What is open in a part of a place is open in the place: it is not verified beside that."""
    return unclear.outcome in OPEN and (unclear.place == place.name or unclear.place.startswith(f"{place.name}: "))


def _listed(row: Looked) -> Residual:
    outcome: Literal["residual", "unverified"] = "residual" if row.outcome == "residual" else "unverified"
    return Residual(row.place, row.level, outcome, row.count, row.how, row.remedy, row.names)


def lines(done: Sweep) -> list[str]:
    """The search for people: a table, and what nobody could look at."""
    width = max(len(row.place) for row in done.places)
    rows = [f"{row.outcome:<10}  {row.level:<8}  {row.place:<{width}}  {_count(row)}" for row in done.places]
    beyond = [f"out of reach          {residual.place}: {residual.remedy}" for residual in done.out_of_reach]
    todo = [line for row in done.places if row.remedy for line in _todo(row)]
    free = [f"declared              {one.paths} is free of people: {one.reason}" for one in done.free_of_people]
    return [_who(done.people), *rows, *todo, *free, *beyond]


def _who(people: int) -> str:
    if people:
        return f"searched for {people} people"
    return "searched for nobody: the ledger knows of no erasure, so nothing here is said of anyone (--subject names people)"


def _todo(row: Looked) -> list[str]:
    why = f"{row.how}; " if row.outcome == "unverified" else ""
    named = [*row.names[:_NAMES], *([f"and {len(row.names) - _NAMES} more: --json lists all"] if row.names[_NAMES:] else [])]
    return [
        f"to do                 {row.place}: {why}{row.remedy}",
        *(f"                        {shown(name)}" for name in named),
    ]


def _count(row: Looked) -> str:
    return f"{'?' if row.count is None else row.count} of {row.searched}" if row.searched else row.how
