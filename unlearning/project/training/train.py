"""A table becomes an ensemble: encode, leave out the suppressed, partition, name, train what is missing.

Training and unlearning are this same module; what differs is the records and which checkpoints already exist.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.chain import Chain, Job, Part, Replay, Trained
from unlearning.domain.errors import WrongUse
from unlearning.domain.protocols import Assignment, Records
from unlearning.project import plugins
from unlearning.project.training.jobs import run_job
from unlearning.project.training.training_set import TrainingSet
from unlearning.stores import spool

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
    only: Collection[int] | None = None,
    map: Map = map,
) -> Trained:
    """Train the constituents that a method asks for, and merge them.

    only: shards to make (replay of the touched ones); None makes all.
    """
    chosen = plugins.method(method)
    if save:
        workspace.attempts.record(workspace.own.model, retain.chain)
    records = retain.records if forget is None else retain.records.followed_by(forget)
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
        learner=workspace.learner,
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
