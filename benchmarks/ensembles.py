"""People, their records, and the chains that a method trains from them: what every benchmark of training needs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.chain import Chain, Part, Trained
from unlearning.domain.hashing import bytes_digest, keyed
from unlearning.domain.partition import Places, chain, partition, places
from unlearning.domain.protocols import Assignment, Checkpoints, Learner, Method, Records

if TYPE_CHECKING:
    from unlearning.domain.protocols import Features

KEY = b"the partition key of the benchmarks"


@dataclass(frozen=True)
class Population:
    """Records and the person each one belongs to."""

    records: Records
    people: NDArray[np.int64]
    """(n,) number of the person."""

    def without(self, gone: Collection[int]) -> Population:
        """Everyone but these people."""
        kept = ~np.isin(self.people, np.fromiter(gone, np.int64))
        return Population(self.records[kept], self.people[kept])

    @property
    def where(self) -> Places:
        """(n, 4) partition token of each record's person."""
        unique, codes = np.unique(self.people, return_inverse=True)
        inner = (bytes_digest(str(person).encode()).encode() for person in unique)
        return places(keyed(KEY, inner))[codes]


@dataclass(frozen=True)
class Ensemble:
    """A population in canonical order, and the names of the checkpoints it leads to."""

    records: Records
    chain: Chain
    bounds: NDArray[np.int64]

    @classmethod
    def of(cls, population: Population, *, shards: int, slices: int, members_of_person: int = 1, seed: int = 0) -> Ensemble:
        where = population.where
        placed = partition(population.records, where, shards=shards, slices=slices, members_of_person=members_of_person)
        records = replace(population.records[placed.order], keys=placed.keys)
        names = chain("benchmark", seed, records, where[placed.order], placed.bounds, members_of_person=members_of_person)
        return cls(records, names, placed.bounds)

    def assignment(
        self, learner: Learner, *, save: bool = True, parent: Trained | None = None, forgotten: Records | None = None
    ) -> Assignment:
        """What a method plans its jobs for."""
        return Assignment(
            root="",
            recipe="",
            device="",
            checkpoints="",
            records="",
            learner=learner,
            target=self.chain,
            bounds=tuple(tuple(int(edge) for edge in edges) for edges in self.bounds),
            save=save,
            parent=tuple(part.key for part in parent.parts) if parent else (),
            forget=None if forgotten is None else (len(self.records), len(self.records) + len(forgotten)),
        )

    def make(
        self,
        method: Method,
        learner: Learner,
        checkpoints: Checkpoints,
        *,
        save: bool = True,
        parent: Trained | None = None,
        forgotten: Records | None = None,
    ) -> Trained:
        """What the method makes of it, one job after the other; of the parent without the forgotten where it goes that way."""
        records = self.records if forgotten is None else self.records.followed_by(forgotten)
        work = self.assignment(learner, save=save, parent=parent, forgotten=forgotten)
        return method.merge(work, [method.run(job, learner, records, checkpoints) for job in method.plan(work)])


def digests(trained: Trained) -> dict[int, str]:
    """Shard → digest of its constituent."""
    return {part.shard: part.digest for part in trained.parts}


def answers(learner: Learner, checkpoints: Checkpoints, parts: Collection[Part], features: Features) -> NDArray[np.float64]:
    """(n, labels) the mean of the constituents' answers."""
    answered = [learner.predict(learner.loads(checkpoints.get(part.key) or b""), features) for part in parts]
    return np.asarray(np.mean(answered, axis=0), np.float64)


def votes(learner: Learner, checkpoints: Checkpoints, parts: Collection[Part], features: Features) -> NDArray[np.int64]:
    """(n,) label that the mean of the constituents' answers chooses."""
    chosen: NDArray[np.int64] = answers(learner, checkpoints, parts, features).argmax(axis=1)
    return chosen
