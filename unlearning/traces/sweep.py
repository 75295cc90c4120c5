"""The search for traces: every place within reach looked at again, everything else named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from unlearning.domain.entities import Level
from unlearning.domain.errors import Unavailable
from unlearning.domain.traces import Place, Residual, Wanted
from unlearning.project.people import index_tokens
from unlearning.project.requests import chosen
from unlearning.traces import within_reach
from unlearning.traces.out_of_reach import out_of_reach
from unlearning.traces.within_reach import Reach

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace

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

    @property
    def clean(self) -> bool:
        """Nothing that is within reach was found."""
        return not any(looked.outcome == "residual" for looked in self.places)


def sweep(workspace: Workspace, tokens: Iterable[str], *, identifiers: Sequence[str] = ()) -> Sweep:
    """Search every place for these people. Raises Unavailable when the list of places cannot be made.

    identifiers: raw, for a search by bytes too; they stay in memory.
    """
    reach = Reach(workspace)
    wanted = reach.wanted(tokens, identifiers=identifiers)
    places = reach.places(by_bytes=bool(identifiers))
    looked = [row for place in places for row in _look(place, wanted)]
    return Sweep(len(wanted.tokens), tuple(looked), out_of_reach(workspace.settings))


def people(workspace: Workspace, requests: Sequence[str], subjects: Sequence[str]) -> frozenset[str]:
    """Tokens of the named requests and people; of everyone erased when neither is named. Raises NotFound."""
    tokens = set(index_tokens(workspace, subjects))
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
    outcome: Outcome = "residual" if found.traces else "verified"
    remedy = "`unlearn purge` deletes it" if found.traces else ""
    if found.traces or place.name not in {unclear.place for unclear in found.unclear}:
        yield Looked(place.name, place.level, outcome, place.how, len(found.traces), found.searched, remedy)
    for unclear in found.unclear:
        yield Looked(
            unclear.place, unclear.level, unclear.outcome, unclear.why, unclear.count, 0, unclear.remedy, unclear.names
        )


def lines(done: Sweep) -> list[str]:
    """The search for people: a table, and what nobody could look at."""
    width = max(len(row.place) for row in done.places)
    rows = [f"{row.outcome:<10}  {row.level:<8}  {row.place:<{width}}  {_count(row)}" for row in done.places]
    beyond = [f"out of reach          {residual.place}: {residual.remedy}" for residual in done.out_of_reach]
    todo = [f"to do                 {row.place}: {row.remedy}" for row in done.places if row.remedy]
    return [f"searched for {done.people} people", *rows, *todo, *beyond]


def _count(row: Looked) -> str:
    return f"{'?' if row.count is None else row.count} of {row.searched}" if row.searched else row.how
