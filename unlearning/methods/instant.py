"""The instant answer: every constituent falls back to its last checkpoint that nobody who leaves is in, or leaves the vote.

After Bourtoule et al. 2021, arXiv:1912.03817: a key of the chain says what a checkpoint saw, so that whatever is stored under a
key of the retained records is clean already. Nothing is trained, and the price does not depend on what training costs.

Guarantee: exact, in that each constituent is, byte for byte, what training gives on the retained records of its first slices.
Of the slices after them it knows nothing: the ensemble is of older constituents, or of fewer, until it is healed by a training.
Assumes a learner that is a pure function of its arguments, as `sisa` does.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from unlearning.domain.chain import Job, Part, Trained
from unlearning.domain.entities import Exact, Guarantee
from unlearning.domain.errors import Damaged, MethodFailed, VerificationFailed, WrongUse
from unlearning.domain.hashing import bytes_digest
from unlearning.domain.protocols import Assignment, Checkpoints, Learner, Records
from unlearning.methods import constituent


@dataclass(frozen=True)
class Instant:
    """Take what is stored; train nothing."""

    name: str = "instant"
    guarantee: Guarantee = field(default_factory=Exact)

    def plan(self, assignment: Assignment) -> Sequence[Job]:
        """A job for every shard with records; raises WrongUse for one shard of one slice, which has nothing to fall back to."""
        if len(assignment.target.shards) == 1 and len(assignment.target.shards[0].rows) == 1:
            raise WrongUse(
                f"{self.name} falls back to the slices before the touched one, or to the other shards; this model has one shard"
                " of one slice. Use the methods sisa or retrain, or more shards or slices"
            )
        return constituent.jobs(assignment, method=self.name, reuse=True)

    def passes(self, _job: Job) -> int:
        """Nobody is trained on."""
        return 0

    def run(self, job: Job, learner: Learner, records: Records, checkpoints: Checkpoints) -> Part:  # noqa: ARG002
        """The longest stored prefix of the shard's chain."""
        return self.stored(job, learner, checkpoints)

    def stored(self, job: Job, learner: Learner, checkpoints: Checkpoints) -> Part:
        """The same: no record is looked at. Without any readable prefix, the untrained start, which has no vote."""
        started, damaged = time.thread_time(), 0
        for key in reversed(job.keys[1:]):
            try:
                payload = checkpoints.get(key)
                if payload is not None:
                    learner.loads(payload)
                    return Part(job.shard, key, bytes_digest(payload), 0, 0, time.thread_time() - started)
            except Damaged:
                damaged += 1
        return Part(job.shard, job.keys[0], bytes_digest(b""), 0, 0, time.thread_time() - started)

    def merge(self, assignment: Assignment, parts: Sequence[Part]) -> Trained:
        """Those that have a vote; raises MethodFailed when none has."""
        chains = {shard.shard: shard for shard in assignment.target.shards if not shard.empty}
        if sorted(chains) != sorted(part.shard for part in parts) or any(p.key not in chains[p.shard].keys for p in parts):
            raise VerificationFailed(f"{self.name}: the parts are not those that were planned; run the jobs again")
        voting = [part for part in parts if part.key != chains[part.shard].keys[0]]
        if not voting:
            raise MethodFailed(f"{self.name}: no shard has a checkpoint without them; the next method trains one")
        kept = {part.shard for part in voting}
        return Trained(
            method=self.name,
            guarantee=str(self.guarantee),
            parts=tuple(sorted(voting, key=lambda part: part.shard)),
            dropped=tuple(shard.shard for shard in assignment.target.shards if shard.shard not in kept),
        )
