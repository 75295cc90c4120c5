"""SISA: sharded, isolated, sliced, aggregated training (Bourtoule et al. 2021, arXiv:1912.03817).

Guarantee: exact, byte for byte, for requests that do not depend on the published model (Gupta et al. 2021, arXiv:2106.04378).
Assumes a learner that is a pure function of its arguments and preprocessing that never leaves its shard. A request costs the
touched shard's stages from the touched slice on; every other constituent is only verified.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from unlearning.domain.chain import Job, Part, Trained
from unlearning.domain.entities import Exact, Guarantee
from unlearning.domain.protocols import Assignment, Checkpoints, Learner, Records
from unlearning.methods import constituent


@dataclass(frozen=True)
class Sisa:
    """Train again only what an erasure touches, from the last checkpoint that never saw the forgotten."""

    name: str = "sisa"
    guarantee: Guarantee = field(default_factory=Exact)

    def plan(self, assignment: Assignment) -> Sequence[Job]:
        """A job for every shard with records; an untouched one finds its last checkpoint and trains nothing."""
        return constituent.jobs(assignment, method=self.name, reuse=True)

    def run(self, job: Job, learner: Learner, records: Records, checkpoints: Checkpoints) -> Part:
        """Load the longest stored prefix of the shard's chain and train the rest."""
        return constituent.make(job, learner, records, checkpoints)

    def merge(self, assignment: Assignment, parts: Sequence[Part]) -> Trained:
        """The ensemble; shards without records have no vote."""
        return constituent.merged(assignment, parts, method=self.name, guarantee=self.guarantee)
