"""A table becomes an ensemble: encode, leave out the suppressed, partition, name, train what is missing.

Training and unlearning are this same module; what differs is the records and which checkpoints already exist.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearning.domain import hashing
from unlearning.domain.entities import Chain, Job, Part, Trained
from unlearning.domain.errors import Damaged, NeedsReview, WrongUse
from unlearning.domain.partition import Places, chain, partition, places
from unlearning.domain.protocols import Assignment, Learner, Records, State
from unlearning.project import plugins
from unlearning.project.training.jobs import run_job
from unlearning.stores import spool
from unlearning.stores.tables import tables

if TYPE_CHECKING:
    import pyarrow as pa

    from unlearning.domain.protocols import Features, Probabilities
    from unlearning.project.workspace import Workspace

Map = Callable[[Callable[[Job], Part], Iterable[Job]], Iterable[Part]]
"""`map` itself, or a task runner's."""


@dataclass(frozen=True)
class People:
    """Who the records of a table belong to: keyed tokens only."""

    tokens: tuple[str, ...]
    """(u,) index token of each person."""
    where: Places
    """(u, 4) partition token of each person."""
    codes: NDArray[np.int64]
    """(n,) person of each record, an index into the two above."""
    shared: frozenset[str] = frozenset()
    """Index tokens of people who are named in one cell with others."""

    @property
    def everyone(self) -> frozenset[str]:
        """The index token of everyone who is named in any way."""
        return frozenset(self.tokens) | self.shared

    def mask(self, tokens: Collection[str]) -> NDArray[np.bool_]:
        """(n,) true where a record belongs to one of these people.

        Raises NeedsReview when one of them shares a record with somebody else: removing it, or leaving it, would be a guess.
        """
        wanted = frozenset(tokens)
        if together := len(wanted & self.shared):
            raise NeedsReview(
                f"{together} of these people {'is' if together == 1 else 'are'} named in one cell together with others; nobody "
                "can guess whose record that is: make one row a person of it, record the new version with DVC, and run again"
            )
        return np.fromiter((token in wanted for token in self.tokens), bool, len(self.tokens))[self.codes]


@dataclass(frozen=True)
class Replay:
    """The same training again from nothing, stored nowhere."""

    equal: bool
    """Whether every constituent came out with the same bytes."""
    digests: Mapping[int, str]
    """Shard → digest of what came out."""
    seconds: float
    """Wall time of the replay."""
    cpu_seconds: float


@dataclass(frozen=True)
class TrainingSet:
    """The retained records in canonical order, and the names of every checkpoint they lead to."""

    records: Records
    chain: Chain
    people: int
    excluded: int
    """Records left out because their person is suppressed or to be forgotten."""


def people_in(workspace: Workspace, table: pa.Table, column: str) -> People:
    """The people of a table; raises DataError when the column is missing or holds nulls."""
    who, kind = tables.people(table, column), workspace.settings.subject.identifier
    inner = [hashing.fingerprint(identifier, kind) for identifier in who.values]
    return People(
        tokens=tuple(token.hex() for token in hashing.keyed(workspace.keys.index, inner)),
        where=places(hashing.keyed(workspace.keys.partition, inner)),
        codes=who.codes,
        shared=frozenset(token.hex() for token in tables.shared_tokens(who, kind=kind, key=workspace.keys.index)),
    )


def training_set(workspace: Workspace, table: pa.Table, *, exclude: Collection[str] = ()) -> TrainingSet:
    """Encode, leave out `exclude` (index tokens), partition and name."""
    recipe, part = workspace.recipe, workspace.settings.partition
    people = people_in(workspace, table, recipe.person)
    keep = ~people.mask(exclude)
    records = take(recipe.encode(table).records, np.flatnonzero(keep))
    where = people.where[people.codes[keep]]
    placed = partition(records, where, shards=part.shards, slices=part.slices)
    records, where = take(records, placed.order), where[placed.order]
    return TrainingSet(
        records=records,
        chain=chain(workspace.recipe_digest, part.seed, records, where, placed.bounds),
        people=len(np.unique(people.codes[keep])),
        excluded=int((~keep).sum()),
    )


def take(records: Records, rows: NDArray[np.int64]) -> Records:
    """The records at these positions."""
    return Records(records.features[rows], records.labels[rows])


def join(first: Records, second: Records) -> Records:
    """Two record sets, one after the other."""
    return Records(np.concatenate((first.features, second.features)), np.concatenate((first.labels, second.labels)))


def make(
    workspace: Workspace,
    retain: TrainingSet,
    *,
    method: str,
    forget: Records | None = None,
    parent: Sequence[str] = (),
    save: bool = True,
    only: Collection[int] | None = None,
    map: Map = map,
) -> Trained:
    """Train the constituents that a method asks for, and merge them.

    only: shards to make (replay of the touched ones); None makes all.
    """
    chosen = plugins.method(method)
    if save:
        workspace.attempts.record(workspace.own.model, retain.chain)
    records = retain.records if forget is None else join(retain.records, forget)
    with spool.spooled(workspace.path(".unlearning/tmp")) as folder:
        spool.write(folder, records)
        work = assignment(
            workspace,
            retain.chain,
            method=method,
            records=str(folder),
            parent=parent,
            forget=None if forget is None else (len(retain.records), len(records)),
            save=save,
        )
        jobs = [job for job in chosen.plan(work) if only is None or job.shard in only]
        return chosen.merge(work, list(map(run_job, jobs)))


def replay(workspace: Workspace, retain: TrainingSet, trained: Trained, *, shards: Collection[int], map: Map = map) -> Replay:
    """Train constituents again from scratch, storing nothing: the strongest evidence of what went into them.

    shards: which ones, at least one; a comparison of nothing would show nothing.
    """
    if not shards:
        raise WrongUse("a replay of no shard shows nothing; name at least one")
    began = time.perf_counter()
    again = make(workspace, retain, method="retrain", save=False, only=shards, map=map)
    digests = {part.shard: part.digest for part in again.parts}
    return Replay(
        equal=digests == {part.shard: part.digest for part in trained.parts if part.shard in shards},
        digests=digests,
        seconds=round(time.perf_counter() - began, 3),
        cpu_seconds=again.cpu_seconds,
    )


def assignment(
    workspace: Workspace,
    target: Chain,
    *,
    method: str,
    records: str = "",
    parent: Sequence[str] = (),
    forget: tuple[int, int] | None = None,
    save: bool = True,
) -> Assignment:
    """What a method is asked to do in this project; without records it can be planned, not run."""
    return Assignment(
        root=str(workspace.root),
        recipe=workspace.own.recipe,
        device=workspace.settings.run.device,
        checkpoints=workspace.checkpoints_url,
        records=records,
        target=target,
        bounds=tuple(tuple(int(edge) for edge in edges) for edges in bounds(target)),
        parent=tuple(parent),
        forget=forget,
        params=tuple(sorted(workspace.settings.policy.params.get(method, {}).items())),
        save=save,
    )


def bounds(target: Chain) -> NDArray[np.int64]:
    """(S, R+1) offsets that the slices of a chain have in canonical order."""
    ends = np.concatenate(([0], np.cumsum([rows for shard in target.shards for rows in shard.rows])))
    slices = len(target.shards[0].rows)
    edges: NDArray[np.int64] = ends[np.arange(len(target.shards))[:, None] * slices + np.arange(slices + 1)]
    return edges


@dataclass(frozen=True)
class Ensemble:
    """Trained constituents, loaded."""

    learner: Learner
    states: Mapping[int, State]
    """Shard → state."""

    @classmethod
    def of(cls, workspace: Workspace, trained: Trained) -> Ensemble:
        """The constituents of a candidate or a version; raises Damaged when one has left the checkpoint store."""
        states: dict[int, State] = {}
        for part in trained.parts:
            payload = workspace.checkpoints.get(part.key)
            if payload is None:
                raise Damaged(
                    f"shard {part.shard} of {workspace.own.model!r} has no checkpoint {part.key[:12]}…; "
                    "run `unlearn train`, which makes every missing one"
                )
            states[part.shard] = workspace.learner.loads(payload)
        return cls(workspace.learner, states)

    def predict(self, features: Features) -> Probabilities:
        """(n, labels) mean of the constituents' softmax, shards in order."""
        votes = [self.learner.predict(self.states[shard], features) for shard in sorted(self.states)]
        mean: Probabilities = np.mean(votes, axis=0)
        return mean


def read_records(workspace: Workspace, path: str) -> Records:
    """A current table as encoded records, in storage order."""
    table = tables.read(workspace.path(path), person=workspace.recipe.person, named=path)
    with tables.about(path):
        return workspace.recipe.encode(table).records
