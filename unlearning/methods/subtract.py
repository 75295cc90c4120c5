"""Subtract the forgotten from a model that is sums over records (Cao & Yang 2015, doi:10.1109/SP.2015.35).

    sums(retained) = sums(all) - sums(forgotten)

Guarantee: exact, byte for byte, whatever the requests depend on: the result is a function of the retained records alone.
Assumes one shard and a learner whose sums are exact, `Subtractive`. Once the parent's sums are read, a request costs what its
own records cost. The difference is only taken where it is known to be of the retained records; where the parent's sums are
missing, damaged, or of other records (the table was changed since, someone was suppressed already), those are summed up again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from unlearning.domain.chain import Job, Part, Trained
from unlearning.domain.entities import Exact, Guarantee
from unlearning.domain.errors import Damaged, WrongUse
from unlearning.domain.hashing import bytes_digest
from unlearning.domain.protocols import Assignment, Checkpoints, Learner, Records, Subtractive
from unlearning.methods import constituent


@dataclass(frozen=True)
class Subtract:
    """Take the forgotten out of the parent's sums; without a parent, sum up the records."""

    name: str = "subtract"
    guarantee: Guarantee = field(default_factory=Exact)

    def plan(self, assignment: Assignment) -> Sequence[Job]:
        """One job; raises WrongUse for a learner without the role, and for an ensemble."""
        if not hasattr(assignment.learner, "subtract"):  # and not by isinstance: a learner may be wrapped
            raise WrongUse(
                f"{self.name} needs a learner in the role Subtractive (see docs/writing-a-learner.md), which"
                f" {type(assignment.learner).__name__} does not play; use the methods sisa or retrain, which any learner serves"
            )
        if assignment.forget is not None and len(assignment.target.shards) != 1:
            raise WrongUse(
                f"{self.name} changes one model, this one has {len(assignment.target.shards)} shards; set"
                " unlearning.partition.shards to 1, or use the methods sisa or retrain"
            )
        planned = constituent.jobs(assignment, method=self.name, reuse=True)
        if assignment.forget is None or len(assignment.parent) != 1:
            return planned
        return [replace(planned[0], parent=assignment.parent[0], forget=assignment.forget)]

    def passes(self, _job: Job) -> int:
        """Nobody who stays is trained on again."""
        return 0

    def run(self, job: Job, learner: Learner, records: Records, checkpoints: Checkpoints) -> Part:
        """The sums without the forgotten, under the name of the retained; summed up again where they cannot be had so."""
        started = time.thread_time()
        payload = None
        if job.parent and job.forget and not (job.reuse and job.keys[-1] in checkpoints):
            payload = _taken_out(job, learner, records, checkpoints)
        if payload is None:
            return constituent.make(job, learner, records, checkpoints)
        digest = checkpoints.put(job.keys[-1], payload) if job.save else bytes_digest(payload)
        return Part(
            shard=job.shard,
            key=job.keys[-1],
            digest=digest,
            slices_trained=1,
            rows_trained=0,  # nobody was trained on
            cpu_seconds=time.thread_time() - started,
        )

    def merge(self, assignment: Assignment, parts: Sequence[Part]) -> Trained:
        """The one changed model."""
        return constituent.merged(assignment, parts, method=self.name, guarantee=self.guarantee)


def _taken_out(job: Job, learner: Learner, records: Records, checkpoints: Checkpoints) -> bytes | None:
    """The state without the forgotten; None unless it is that of the retained records, and of no others."""
    exact = cast("Subtractive", learner)
    try:
        parent = checkpoints.get(str(job.parent))
        if parent is None:
            return None
        left = exact.subtract(learner.loads(parent), records[slice(*job.forget)])  # type: ignore[misc]
    except Damaged:
        return None
    return learner.dumps(left) if exact.made_of(left, records[job.bounds[0] : job.bounds[-1]]) else None
