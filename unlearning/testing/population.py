"""A small world to try methods in: people with records, a store in memory, and one call from records to an ensemble."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.chain import Chain, Job, Part, Placement, Trained
from unlearning.domain.draws import Keys, mixed
from unlearning.domain.entities import Exact
from unlearning.domain.errors import Damaged, WrongUse
from unlearning.domain.hashing import bytes_digest, digest
from unlearning.domain.item_lists import shown_and_left_out
from unlearning.domain.partition import Partition, Places, chain, keyed, partition, places, shard_and_slice
from unlearning.domain.protocols import Assignment, Checkpoints, Learner, Method, Records
from unlearning.domain.tasks import CLASSIFICATION, RANKING, Task
from unlearning.methods.sisa import Sisa

FEATURES = 4
LABELS = 3
ITEMS = 64
"""Shape of every record here, of lists the number of items; a learner under test must be made for it."""

Map = Callable[[Callable[[Job], Part], Iterable[Job]], Iterable[Part]]


class MemoryCheckpoints:
    """A checkpoint store in a dictionary; `damage` makes one fail its digest."""

    def __init__(self) -> None:
        self.payloads: dict[str, bytes] = {}
        self._damaged: set[str] = set()

    def get(self, key: str) -> bytes | None:
        """The payload, or None; raises Damaged after `damage`."""
        _checked(key)
        if key in self._damaged:
            raise Damaged(f"checkpoint {key} was damaged by the test")
        return self.payloads.get(key)

    def put(self, key: str, payload: bytes) -> str:
        """Store; returns the payload's SHA-256."""
        self.payloads[_checked(key)] = payload
        self._damaged.discard(key)
        return bytes_digest(payload)

    def __contains__(self, key: str) -> bool:
        return key in self.payloads

    def delete(self, key: str) -> bool:
        """True when something was deleted."""
        return self.payloads.pop(_checked(key), None) is not None

    def keys(self) -> Iterator[str]:
        """Every stored name."""
        return iter(tuple(self.payloads))

    def damage(self, key: str) -> None:
        """Let this checkpoint fail its digest until it is put again."""
        self._damaged.add(key)


@dataclass(frozen=True)
class Population:
    """Records in storage order and the person, a number, that each belongs to."""

    records: Records
    people: NDArray[np.int64]
    """(n,)"""

    @property
    def where(self) -> Places:
        """(n, 4) partition tokens."""
        tokens = [bytes.fromhex(digest(["unlearning/testing", int(person)])) for person in self.people]
        return places(tokens) if tokens else np.zeros((0, 4), np.uint64)

    def of(self, people: Collection[int]) -> Population:
        """These people's records alone."""
        return self._take(np.isin(self.people, list(people)))

    def without(self, people: Collection[int]) -> Population:
        """Everyone else's records."""
        return self._take(~np.isin(self.people, list(people)))

    def noised(self, people: Collection[int]) -> Population:
        """The same, with these people's features and labels replaced by others."""
        rows = np.isin(self.people, list(people))
        changed = altered(self.records, rows)
        if changed.target.ndim == 1:
            changed.features[rows] = np.random.default_rng(99).normal(3, 2, (int(rows.sum()), FEATURES))
        return replace(self, records=changed)

    def cells(self, *, shards: int, slices: int) -> dict[tuple[int, int], list[int]]:
        """(shard, slice), both 0-based → the people there, in numerical order."""
        found: dict[tuple[int, int], set[int]] = {}
        for person, shard, piece in zip(self.people, *shard_and_slice(self.where, shards=shards, slices=slices), strict=True):
            found.setdefault((int(shard), int(piece)), set()).add(int(person))
        return {cell: sorted(members) for cell, members in sorted(found.items())}

    def _take(self, rows: NDArray[np.bool_]) -> Population:
        return replace(self, records=self.records[rows], people=self.people[rows])


def altered(records: Records, rows: int | NDArray[np.bool_]) -> Records:
    """The same, but that these rows have other features and another target, or other items."""
    features, target = records.features.copy(), records.target.copy()
    if target.ndim > 1:
        features[rows] = ~(features[rows] | target[rows])
    else:
        features[rows] += 1
        target[rows] = (target[rows] + 1) % LABELS
    return Records(features, target, records.keys)


def population(*, people: int = 17, rows: int = 41, seed: int = 0, task: Task = CLASSIFICATION) -> Population:
    """A population whose targets can be learned from the features; the first `people` rows give everyone a record."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, LABELS, rows)
    features = (np.eye(LABELS, FEATURES)[labels] * 2 + generator.normal(0, 1, (rows, FEATURES))).astype(np.float32)
    belongs = np.concatenate([np.arange(people), generator.integers(0, people, max(0, rows - people))])[:rows]
    target = labels.astype(np.int64) if task is CLASSIFICATION else features.sum(axis=1, dtype=np.float64)
    keys = mixed(np.arange(1, rows + 1, dtype=np.uint64))
    if task is RANKING:
        return Population(_lists(labels, keys, generator), belongs.astype(np.int64))
    return Population(Records(features, target, keys), belongs.astype(np.int64))


def _lists(tastes: NDArray[np.int64], keys: Keys, generator: np.random.Generator) -> Records:
    """Lists of items, most of them of the record's taste, the first of each taste more often than the last."""
    chance = np.where(np.arange(ITEMS) % LABELS == tastes[:, None], 0.6, 0.1) * np.linspace(1, 0.2, ITEMS)
    has = generator.random(chance.shape) < chance
    has[:, :LABELS] = True  # so that something is shown of each, and something left out
    owner, items = np.nonzero(has)
    return Records(*shown_and_left_out(owner, items, keys, width=ITEMS, share=0.3), keys)


@dataclass(frozen=True)
class Outcome:
    """What one call of a method made."""

    trained: Trained
    chain: Chain
    jobs: tuple[Job, ...]
    states: dict[int, bytes]
    """Shard → stored bytes of its constituent."""

    @property
    def digests(self) -> dict[int, str]:
        """Shard → SHA-256 of the stored bytes."""
        return {shard: bytes_digest(payload) for shard, payload in self.states.items()}


@dataclass(frozen=True)
class Bench:
    """One method, one learner and one store."""

    method: Method
    learner: Learner
    shards: int = 3
    slices: int = 4
    members_of_person: int = 1
    placement: Placement | None = None
    """Then `Population.where` must say the groups."""
    seed: int = 7
    recipe: str = "recipe"
    store: Checkpoints = field(default_factory=MemoryCheckpoints)

    def train(self, people: Population, *, map: Map = map) -> Outcome:
        """The first model: by the method itself when it is exact, else by SISA."""
        trainer = self if isinstance(self.method.guarantee, Exact) else replace(self, method=Sisa())
        return trainer._make(people, forget=None, parent=None, map=map)

    def erase(self, people: Population, leaving: Collection[int], parent: Outcome, *, map: Map = map) -> Outcome:
        """The model after these people left; `people` are all whose records were there before."""
        return self._make(people.without(leaving), forget=people.of(leaving), parent=parent, map=map)

    def scratch(self, people: Population) -> Outcome:
        """The same training with an empty store: the slow truth."""
        return replace(self, store=MemoryCheckpoints()).train(people)

    def stored(self) -> dict[str, bytes | None]:
        """Everything in the store, by name."""
        names = self.store.keys()
        return {key: self.store.get(key) for key in names}

    def assignment(
        self, people: Population, *, forget: Population | None, parent: Outcome | None
    ) -> tuple[Assignment, Records]:
        """What the method is asked, and the spool it reads."""
        where, bags = people.where, self.members_of_person
        placed = partition(
            people.records, where, shards=self.shards, slices=self.slices, members_of_person=bags, placement=self.placement
        )
        retain = _take(people.records, placed)
        spool = retain if forget is None else frozen(retain.followed_by(keyed(forget.records, forget.where)))
        target = chain(
            self.recipe, self.seed, retain, where[placed.order], placed.bounds, members_of_person=bags, placement=self.placement
        )
        heads = {part.shard: part.key for part in parent.trained.parts} if parent else {}
        assignment = Assignment(
            root=".",
            recipe="recipe.py:recipe",
            device="cpu",
            checkpoints="memory://testing",
            records="spool",
            learner=self.learner,
            target=target,
            bounds=tuple(tuple(int(edge) for edge in edges) for edges in placed.bounds),
            parent=tuple(heads.get(s.shard, s.head) for s in parent.chain.shards) if parent else (),
            forget=None if forget is None else (len(retain), len(spool)),
        )
        return assignment, spool

    def _make(self, people: Population, *, forget: Population | None, parent: Outcome | None, map: Map) -> Outcome:
        assignment, spool = self.assignment(people, forget=forget, parent=parent)
        jobs = tuple(self.method.plan(assignment))
        parts = list(map(partial(_run, self, spool), jobs))
        trained = self.method.merge(assignment, parts)
        states = {part.shard: self.store.get(part.key) or b"" for part in trained.parts}
        return Outcome(trained, assignment.target, jobs, states)


def _checked(key: str) -> str:
    if not re.fullmatch("[0-9a-f]{64}", key):
        raise WrongUse(f"checkpoint name {key[:80]!r}; expected 64 lower-case hex digits")
    return key


def _run(bench: Bench, spool: Records, job: Job) -> Part:
    return bench.method.run(job, bench.learner, spool, bench.store)


def _take(records: Records, placed: Partition) -> Records:
    return frozen(replace(records[placed.order], keys=placed.keys))


def frozen(records: Records) -> Records:
    """Read-only, as a memory-mapped spool is."""
    for values in records.arrays.values():
        values.setflags(write=False)
    return records
