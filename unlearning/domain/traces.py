"""Traces of people: who is wanted, what a place holds of them, and what could not be seen or deleted."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar

from unlearning.domain.codec import LEFT_OUT
from unlearning.domain.entities import Level
from unlearning.domain.foreign import encodable


@dataclass(frozen=True)
class Wanted:
    """Who is searched for."""

    tokens: frozenset[str]
    """Index tokens."""
    known: Mapping[str, frozenset[Trace]] = field(default_factory=dict)
    """Place → what earlier searches found there: it holds the people wherever it turns up again."""
    identifiers: tuple[str, ...] = field(default=(), repr=False)
    """Raw, in memory only; without them, files that are no tables cannot be searched for bytes."""
    trust_index: bool = False
    """Believe the lineage index about versions it knows; a sweep opens them again."""
    kept: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """DVC object → the people whom a legal hold on its data set keeps in it."""
    readmitted: frozenset[str] = frozenset()
    """Index tokens of people who were let in again: of them, only what a place can tell to be of before is searched for."""
    admitted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """DVC object → those of them who may be in it."""

    instead: str = ""
    """What comes before a purge for people whose data no purge may touch yet; empty when it may."""
    purgeable: bool = True
    """A purge may touch the data of some of them."""

    def first(self, remedy: str) -> str:
        """The remedy for whoever was erased, after what has to come before it."""
        if not self.instead:
            return remedy
        return f"{self.instead}; of the others, {remedy}" if self.purgeable else self.instead

    def beside(self, remedy: str) -> str:
        """The remedy for what nobody could say, which goes for everybody, with what has to come before a purge in it."""
        waits = self.instead and "`unlearn purge" in remedy
        return f"{remedy} (before a purge: {self.instead})" if waits else remedy

    @property
    def everyone(self) -> frozenset[str]:
        """Of whom a place that tells what is of before searches for something."""
        return self.tokens | self.readmitted


PURGE_DELETES = "`unlearn purge` deletes it"
"""What a place says of traces that its `erase` takes away."""
KEPT_BY_HOLD = ": kept by a legal hold"
"""How the name of a place ends in which a hold keeps the rows of those whom it is about, and of nobody else."""
MLFLOW_GC = "mlflow gc --backend-store-uri DATABASE --tracking-uri SERVER"
MLFLOW_GC_TAKES = "it also collects each logged model, unless named, and each experiment that is marked as deleted"
"""MLflow 3.17 narrows runs and logged models to those that are named, one by one, and experiments to none."""


@dataclass(frozen=True)
class Found:
    """What one place holds of the people."""

    traces: tuple[Trace, ...] = ()
    searched: int = 0
    """Things that were looked at."""
    unclear: tuple[Residual, ...] = ()
    """What nobody can say: while one of them bears the name of the place, the place is not verified."""
    derived: tuple[Trace, ...] = ()
    """What was made from their data and cannot be read: deleted only when that is asked for."""
    remedy: str = ""
    """What to do about the traces: the place alone knows whether a purge deletes them."""


class Place(Protocol):
    """Where people leave traces, one a file: sweeping is `find` over all places, purging is `find` and `erase`."""

    @property
    def name(self) -> str:
        """What the report calls it."""

    @property
    def level(self) -> Level:
        """Rows and files, bytes of storage, or what a model learned."""

    @property
    def how(self) -> str:
        """How it is searched, in one sentence."""

    def find(self, wanted: Wanted) -> Found:
        """What holds them now. Changes nothing; raises Unavailable when the place does not answer."""

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Delete these; what is gone already is no error. Returns what could not be deleted; raises Unavailable."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One thing that holds people, by a name that says nothing about them: an object, a checkpoint, a run."""

    name: str
    kind: str = ""
    """What it is, where a place holds several kinds."""
    location: str = ""
    """Where its content lies, when the name alone does not say so."""


@dataclass(frozen=True, slots=True)
class Residual:
    """A place where a trace is left, or that is out of reach: said, never hidden."""

    place: str
    level: Literal["logical", "physical", "model"]
    outcome: Literal["residual", "unverified", "out_of_reach"]
    count: int | None
    why: str
    remedy: str
    names: tuple[str, ...] = field(default=(), metadata=LEFT_OUT)
    """Which ones: paths, runs, objects, by names that say nothing about people."""

    def __post_init__(self) -> None:
        # A file may be called what no ledger and no certificate can hold.
        object.__setattr__(self, "names", tuple(map(encodable, self.names)))
        for name in ("why", "remedy"):
            object.__setattr__(self, name, encodable(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class Inventory:
    """What is to be deleted, listed before anything is."""

    traces: Mapping[str, tuple[Trace, ...]]
    """Place → what holds the people there."""
    derived: tuple[str, ...] = ()
    """Objects made from their data that nobody can read."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What was deleted in one place."""

    place: str
    count: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Deleted:
    """What a purge did, and what it left."""

    removed: tuple[Removed, ...]
    residuals: tuple[Residual, ...]
    out_of_reach: tuple[Residual, ...]
    twins: int = 0
    """Objects that stand in for erased ones."""
    twin_commits: int = 0
    without_twin: tuple[str, ...] = ()
    """Erased objects that nothing stands in for, with the reason."""


class Judged(Protocol):
    """What a search or a purge says of one place."""

    @property
    def place(self) -> str:
        """What it is called."""

    @property
    def outcome(self) -> str:
        """How it was left."""


J = TypeVar("J", bound=Judged)

OPEN = ("residual", "unverified")
"""Outcomes of a place within reach that is not shown to be clean."""


def left(*said: Iterable[J]) -> tuple[J, ...]:
    """What is left within reach or could not be seen, each once, however many say it: the one count of a request's end.

    Of what several say, the first words count.
    """
    found: dict[tuple[str, str], J] = {}
    for one in itertools.chain.from_iterable(said):
        if one.outcome in OPEN:
            found.setdefault((one.place, one.outcome), one)
    return tuple(found.values())


def say_left(places: Sequence[Judged]) -> str:
    """The same in words, wherever the end of a request is told."""
    named = "; ".join(f"{one.place} ({one.outcome})" for one in places)
    return f"{count_left(len(places))}: {named}" if places else count_left(0)


def count_left(number: int) -> str:
    """How many, in words."""
    if not number:
        return "nothing is left within reach"
    return f"{number} place is left or unverified" if number == 1 else f"{number} places are left or unverified"
