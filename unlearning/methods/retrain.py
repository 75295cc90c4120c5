"""Training from scratch on what is retained: the definition that every other method is measured by.

Guarantee: exact. Assumes that nothing else in the recipe (frozen preprocessing, a tuned setting, a parent model) saw the
forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from unlearning.domain.chain import Job, Part, Trained
from unlearning.domain.entities import Exact, Guarantee
from unlearning.domain.protocols import Assignment, Checkpoints, Learner, Records
from unlearning.methods import constituent


@dataclass(frozen=True)
class Retrain:
    """Train every constituent from scratch; stored checkpoints are written, never read."""

    name: str = "retrain"
    guarantee: Guarantee = field(default_factory=Exact)

    def plan(self, assignment: Assignment) -> Sequence[Job]:
        """A job for every shard with records."""
        return constituent.jobs(assignment, method=self.name, reuse=False)

    def run(self, job: Job, learner: Learner, records: Records, checkpoints: Checkpoints) -> Part:
        """Train the shard's whole chain."""
        return constituent.make(job, learner, records, checkpoints)

    def merge(self, assignment: Assignment, parts: Sequence[Part]) -> Trained:
        """The ensemble; shards without records have no vote."""
        return constituent.merged(assignment, parts, method=self.name, guarantee=self.guarantee)
