"""A registered model version as it predicts: the vote of its constituents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unlearning.domain.chain import Trained
from unlearning.domain.errors import Damaged
from unlearning.domain.protocols import Learner, Records, State
from unlearning.stores.tables import tables

if TYPE_CHECKING:
    from unlearning.domain.protocols import Answers, Features
    from unlearning.project.workspace import Workspace


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

    def predict(self, features: Features) -> Answers:
        """(n, k) mean of the constituents' answers, shards in order."""
        votes = [self.learner.predict(self.states[shard], features) for shard in sorted(self.states)]
        mean: Answers = np.mean(votes, axis=0)
        return mean


def read_records(workspace: Workspace, path: str) -> Records:
    """A current table as encoded records, in storage order."""
    table = tables.read(workspace.path(path), person=workspace.recipe.person, named=path)
    with tables.about(path):
        return workspace.recipe.encode(table).records
