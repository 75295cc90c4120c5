"""One shard's chain made whole: load the longest stored prefix, train what is missing, store every step.

Incremental training after Bourtoule et al. 2021, arXiv:1912.03817: stage r passes over the cumulative slices 1..r. A stage is
a pure function of (recipe, seed, shard, r, retained records in key order), so training and retraining are this one
function and give the same bytes.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from unlearning.domain.chain import Job, Part, Trained
from unlearning.domain.entities import Exact, Guarantee
from unlearning.domain.errors import Damaged, VerificationFailed, WouldEmptyData, WrongUse
from unlearning.domain.hashing import bytes_digest, seed_from
from unlearning.domain.protocols import Assignment, Checkpoints, Learner, Records, State


@dataclass(frozen=True)
class _Resumed:
    """Where training goes on: the state after `stage` slices, or the untrained start."""

    stage: int
    state: State
    payload: bytes | None
    damaged: int


@dataclass(frozen=True)
class ByConstituent:
    """A method that makes every constituent along its chain: exact, whatever checkpoints there are."""

    name: str
    reuse: bool
    """Start from the longest stored prefix of each chain; False trains from scratch."""
    guarantee: Guarantee = field(default_factory=Exact)

    def plan(self, assignment: Assignment) -> Sequence[Job]:
        """A job for every shard with records; with reuse, an untouched one finds its last checkpoint and trains nothing."""
        return jobs(assignment, method=self.name, reuse=self.reuse)

    def run(self, job: Job, learner: Learner, records: Records, checkpoints: Checkpoints) -> Part:
        """Make what is missing of the shard's chain."""
        return make(job, learner, records, checkpoints)

    def stored(self, job: Job, learner: Learner, checkpoints: Checkpoints) -> Part | None:
        """The shard's constituent where its last checkpoint is there, whole and readable; None otherwise."""
        started = time.thread_time()
        try:
            payload = checkpoints.get(job.keys[-1]) if self.reuse else None
            if payload is None:
                return None
            learner.loads(payload)
        except Damaged:
            return None
        return Part(job.shard, job.keys[-1], bytes_digest(payload), 0, 0, time.thread_time() - started)

    def merge(self, assignment: Assignment, parts: Sequence[Part]) -> Trained:
        """The ensemble; shards without records have no vote."""
        return merged(assignment, parts, method=self.name, guarantee=self.guarantee)


def jobs(assignment: Assignment, *, method: str, reuse: bool) -> list[Job]:
    """One job for every shard that still has records; raises WouldEmptyData when none has."""
    kept, stops = [shard for shard in assignment.target.shards if not shard.empty], dict(assignment.stops)
    if not kept:
        raise WouldEmptyData(f"{method}: no record is left in any shard, so there is no model to train; withdraw the model")
    return [
        Job(
            method=method,
            root=assignment.root,
            recipe=assignment.recipe,
            recipe_digest=assignment.target.recipe,
            device=assignment.device,
            checkpoints=assignment.checkpoints,
            records=assignment.records,
            seed=assignment.target.seed,
            shard=shard.shard,
            keys=shard.keys,
            bounds=assignment.bounds[shard.shard],
            reuse=reuse,
            save=assignment.save,
            stop=stops.get(shard.shard),
        )
        for shard in kept
    ]


def merged(assignment: Assignment, parts: Sequence[Part], *, method: str, guarantee: Guarantee) -> Trained:
    """The ensemble of these parts, shards in order; raises VerificationFailed for a part that was not asked for."""
    stops = dict(assignment.stops)
    heads = {one.shard: one.keys[stops.get(one.shard, -1)] for one in assignment.target.shards if not one.empty}
    counts = Counter(part.shard for part in parts)
    strange = sorted({part.shard for part in parts if heads.get(part.shard) != part.key or counts[part.shard] > 1})
    if strange:
        raise VerificationFailed(f"{method}: parts for shards {strange} are not the ones that were planned; run the jobs again")
    return Trained(
        method=method,
        guarantee=str(guarantee),
        parts=tuple(sorted(parts, key=lambda part: part.shard)),
        dropped=tuple(shard.shard for shard in assignment.target.shards if shard.empty),
    )


def make(job: Job, learner: Learner, records: Records, checkpoints: Checkpoints) -> Part:
    """The shard's constituent under its name; a damaged checkpoint counts as missing and is made again."""
    started = time.thread_time()
    first = _first_stage(job)
    epochs, last = _epochs(job, learner), _last(job)
    resumed = _resume(job, first, learner, records, checkpoints)
    state, payload, fitted, rows = resumed.state, resumed.payload, 0, 0
    for stage in range(resumed.stage + 1, last + 1):
        if job.bounds[stage] > job.bounds[stage - 1]:
            seen = records[job.bounds[0] : job.bounds[stage]]
            seed = seed_from("stage", job.seed, job.shard, stage)
            state, payload = learner.fit(state, seen, epochs=epochs[stage - 1], seed=seed), None
            fitted, rows = fitted + 1, rows + epochs[stage - 1] * len(seen)
        # A slice without records trains nothing and carries the state, under its own name so that prefixes stay findable.
        payload = learner.dumps(state) if payload is None else payload
        if job.save:
            checkpoints.put(job.keys[stage], payload)
    return Part(
        shard=job.shard,
        key=job.keys[last],
        digest=bytes_digest(payload or b""),
        slices_trained=fitted,
        rows_trained=rows,
        cpu_seconds=time.thread_time() - started,
        repaired=resumed.damaged if job.save else 0,
    )


def _last(job: Job) -> int:
    return len(job.keys) - 1 if job.stop is None else job.stop


def _first_stage(job: Job) -> int:
    """1-based number of the first slice with records."""
    for stage in range(1, len(job.bounds)):
        if job.bounds[stage] > job.bounds[stage - 1]:
            return stage
    raise WouldEmptyData(f"shard {job.shard} has no records; plan no job for it")


def _epochs(job: Job, learner: Learner) -> Sequence[int]:
    """(R,) passes after each slice, checked: the learner may be a plugin's."""
    slices = len(job.keys) - 1
    epochs = learner.stage_epochs(slices)
    if len(epochs) != slices or len(job.bounds) != slices + 1:
        raise WrongUse(
            f"shard {job.shard}: {len(epochs)} stage epochs and {len(job.bounds)} bounds for {slices} slices;"
            f" expected {slices} and {slices + 1}"
        )
    return epochs


def _resume(job: Job, first: int, learner: Learner, records: Records, checkpoints: Checkpoints) -> _Resumed:
    """The longest stored prefix that can be read, or a fresh start.

    Nothing is looked up or stored before the first slice with records: preprocessing is fitted on that slice, and a
    name before it does not speak of that slice's people, so it would outlive their erasure.
    """
    damaged = 0
    for stage in range(_last(job), first - 1, -1) if job.reuse else ():
        try:
            payload = checkpoints.get(job.keys[stage])
            if payload is not None:
                return _Resumed(stage, learner.loads(payload), payload, damaged)
        except Damaged:
            damaged += 1
    first_slice = records[job.bounds[first - 1] : job.bounds[first]]
    fresh = learner.fresh(seed_from("fresh", job.seed, job.shard), first_slice)
    return _Resumed(first - 1, fresh, None, damaged)
