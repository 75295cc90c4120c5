"""A table becomes an ensemble: encode, leave out the suppressed, partition, name, train what is missing.

Training and unlearning are this same module; what differs is the records and which checkpoints already exist.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.chain import Chain, Engine, Job, MadeWith, Part, Replay, Trained
from unlearning.domain.errors import VerificationFailed, WrongUse
from unlearning.domain.hashing import bytes_digest
from unlearning.domain.protocols import Assignment, Method, Records
from unlearning.project import plugins, recipes
from unlearning.project.training.environment import engine, otherwise
from unlearning.project.training.jobs import run_job
from unlearning.project.training.training_set import TrainingSet
from unlearning.stores import sealed, spool
from unlearning.stores.checkpoints import Recording

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace

Map = Callable[[Callable[[Job], Part], Iterable[Job]], Iterable[Part]]
"""`map` itself, or a task runner's."""


def make(
    workspace: Workspace,
    retain: TrainingSet,
    *,
    method: str,
    forget: Records | None = None,
    parent: Sequence[str] = (),
    save: bool = True,
    noted: bool = True,
    only: Collection[int] | None = None,
    stops: Mapping[int, int] = MappingProxyType({}),
    map: Map = map,
) -> Trained:
    """Train the constituents that a method asks for, and merge them.

    only: shards to make (replay of the touched ones); None makes all. noted: so that a purge finds what is stored; False for a
    store that is deleted with everything in it. stops: shard → slices, where not all are asked for.
    """
    chosen = plugins.method(method)
    if save and noted:
        workspace.attempts.record(workspace.own.model, retain.chain)
    here = engine(workspace.learner)

    def planned(held: TrainingSet) -> tuple[Assignment, list[Job]]:
        edges = None if forget is None else (len(held.records), len(held.records) + len(forget))
        work = assignment(workspace, held.chain, method=method, parent=parent, forget=edges, save=save, held=held.shards)
        work = replace(work, stops=tuple(stops.items()))
        return work, [replace(job, engine=here) for job in chosen.plan(work) if only is None or job.shard in only]

    work, jobs = planned(retain)
    made = {job.shard: part for job in jobs if (part := _stored(workspace, chosen, job, here))}
    if (held := retain.holding([job.shard for job in jobs if job.shard not in made])) is not retain:
        work, jobs = planned(held)
    left = [job for job in jobs if job.shard not in made]
    records = held.records if forget is None or not left else held.records.followed_by(forget)
    parts = [*made.values()]
    if left:
        with _spooled(workspace, records, left) as given:
            parts += map(run_job, given)
    if save and workspace.settings.run.elsewhere:
        _require_stored(workspace, parts)
    return _by_engines(chosen.merge(work, parts))


def _stored(workspace: Workspace, method: Method, job: Job, here: Engine) -> Part | None:
    """What a job would find made already, and needs no record for; None where it has to run, or the method does not say."""
    ask, store = getattr(method, "stored", None), Recording(workspace.checkpoints, here)
    part = ask(job, workspace.learner, store) if ask else None
    return part and replace(part, engines=store.engines(here=False))


def _by_engines(trained: Trained) -> Trained:
    """What made the constituents, said once for all that have it in common."""
    shards: dict[tuple[Engine, ...], list[int]] = {}
    for part in trained.parts:
        shards.setdefault(part.engines, []).append(part.shard)
    made = tuple(MadeWith(engines, tuple(those)) for engines, those in sorted(shards.items()))
    return replace(trained, parts=tuple(replace(part, engines=()) for part in trained.parts), made_with=made)


@contextmanager
def _spooled(workspace: Workspace, records: Records, jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """The jobs with an address of their records, while the block runs: one memory map for all, or a sealed object each."""
    url = workspace.settings.run.spool
    if url is None:
        with spool.spooled(workspace.path(".unlearning/tmp")) as folder:
            spool.write(folder, records)
            yield [replace(job, records=str(folder)) for job in jobs]
        return
    code = recipes.code_of(workspace.root, workspace.own.recipe, workspace.recipe)
    with workspace.sealed_spool(url).opened() as (address, key):
        yield [_sealed(job, records, f"{address}/{job.shard}", key, code) for job in jobs]


def _sealed(job: Job, records: Records, address: str, key: str, code: Mapping[str, str]) -> Job:
    """A job that finds its own rows, and nobody else's, under an address; its offsets count from the first of them."""
    first, rows = job.bounds[0], job.bounds[-1] - job.bounds[0]
    theirs, forget = records[first : first + rows], job.forget
    if forget is not None:
        lost = records[slice(*forget)]
        theirs, forget = theirs.followed_by(lost), (rows, rows + len(lost))
    sealed.write(address, key, theirs, code)
    bounds = tuple(edge - first for edge in job.bounds)
    return replace(job, records=address, records_key=key, bounds=bounds, forget=forget)


def _require_stored(workspace: Workspace, parts: Sequence[Part]) -> None:
    """Raises VerificationFailed for a worker elsewhere whose bytes are not those that are stored here."""
    for part in parts:
        payload = workspace.checkpoints.get(part.key)
        if payload is None or bytes_digest(payload) != part.digest:
            raise VerificationFailed(
                f"shard {part.shard}: a worker says that it is trained, and stores.checkpoints has "
                f"{'no' if payload is None else 'another'} state of it; give the workers the same store, and run again"
            )


def replay(workspace: Workspace, retain: TrainingSet, trained: Trained, *, shards: Collection[int], map: Map = map) -> Replay:
    """Train constituents again from scratch, storing nothing: the strongest evidence of what went into them.

    One that is behind its chain is trained as far as it goes.

    shards: which ones, at least one; a comparison of nothing would show nothing.
    """
    if not shards:
        raise WrongUse("a replay of no shard shows nothing; name at least one")
    began = time.perf_counter()
    behind = {shard: slices for shard, slices in trained.behind(retain.chain).items() if shard in shards}
    again = make(workspace, retain, method="retrain", save=False, only=shards, stops=behind, map=map)
    digests = {part.shard: part.digest for part in again.parts}
    was = {part.shard: part.digest for part in trained.parts if part.shard in shards}
    return Replay(
        equal=digests == was,
        digests=digests,
        otherwise=_explained(workspace, trained, digests, was),
        seconds=round(time.perf_counter() - began, 3),
        cpu_seconds=again.cpu_seconds,
    )


def _explained(workspace: Workspace, trained: Trained, again: Mapping[int, str], was: Mapping[int, str]) -> tuple[str, ...]:
    """What is other now; nothing where a constituent differs that was made as it would be made now, or nobody knows how."""
    now = engine(workspace.learner) if trained.made_with else ()
    other = {shard: otherwise(made.engines, now) for made in trained.made_with for shard in made.shards if shard in was}
    if any(not other.get(shard) for shard in {*again, *was} if again.get(shard) != was.get(shard)):
        return ()
    return tuple(sorted({one for said in other.values() for one in said}))


def assignment(
    workspace: Workspace,
    target: Chain,
    *,
    method: str,
    parent: Sequence[str] = (),
    forget: tuple[int, int] | None = None,
    save: bool = True,
    held: Collection[int] | None = None,
) -> Assignment:
    """What a method is asked to do in this project; its jobs can be planned, and run once they have records.

    held: the shards whose records they will have; None for all.
    """
    return Assignment(
        root=str(workspace.root),
        recipe=workspace.own.recipe,
        device=workspace.settings.run.device,
        checkpoints=workspace.checkpoints_url,
        records="",
        learner=workspace.learner,
        target=target,
        bounds=tuple(tuple(int(edge) for edge in edges) for edges in bounds(target, held)),
        parent=tuple(parent),
        forget=forget,
        params=tuple(sorted(workspace.settings.policy.params.get(method, {}).items())),
        save=save,
    )


def bounds(target: Chain, held: Collection[int] | None = None) -> NDArray[np.int64]:
    """(S, R+1) offsets that the slices of a chain have in canonical order.

    held: the shards whose records are there; None for all.
    """
    shards = target.shards
    rows = [one.rows if held is None or one.shard in held else (0,) * len(one.rows) for one in shards]
    ends = np.concatenate(([0], np.cumsum(rows)))
    slices = len(shards[0].rows)
    edges: NDArray[np.int64] = ends[np.arange(len(shards))[:, None] * slices + np.arange(slices + 1)]
    return edges
