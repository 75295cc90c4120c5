"""A registered model version as it predicts: the vote of its constituents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from unlearning.domain.chain import Trained
from unlearning.domain.errors import Damaged
from unlearning.domain.partition import drawn
from unlearning.domain.protocols import Learner, Records, State
from unlearning.project.people import people_of, read_some, read_with_people
from unlearning.project.training.training_set import encoded, encoded_rows
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
    keys: Mapping[int, str] = field(default_factory=dict)
    """Shard → the name of that state: the same name stands for the same bytes."""

    @classmethod
    def of(cls, workspace: Workspace, trained: Trained, *, like: Ensemble | None = None) -> Ensemble:
        """The constituents of a candidate or a version; raises Damaged when one has left the checkpoint store.

        like: another one, whose states are taken over where both have the same.
        """
        states: dict[int, State] = {}
        for part in trained.parts:
            if like is not None and like.keys.get(part.shard) == part.key:
                states[part.shard] = like.states[part.shard]
                continue
            payload = workspace.checkpoints.get(part.key)
            if payload is None:
                raise Damaged(
                    f"shard {part.shard} of {workspace.own.model!r} has no checkpoint {part.key[:12]}…; "
                    "run `unlearn train`, which makes every missing one"
                )
            states[part.shard] = workspace.learner.loads(payload)
        return cls(workspace.learner, states, {part.shard: part.key for part in trained.parts})

    def predict(self, features: Features) -> Answers:
        """(n, k) mean of the constituents' answers, shards in order."""
        return _mean(self.votes(features))

    def votes(self, features: Features, *, known: Mapping[str, Answers] | None = None) -> list[Answers]:
        """(n, k) answers of each constituent, shards in order. known: by the name of a state, what it answered."""
        known = known or {}
        return [
            known[key] if (key := self.keys.get(shard, "")) in known else self.learner.predict(self.states[shard], features)
            for shard in sorted(self.states)
        ]

    def with_other(self, other: Ensemble | None, features: Features) -> tuple[Answers, Answers | None]:
        """What both answer; whom they have in common is asked once."""
        votes = self.votes(features)
        mine = _mean(votes)
        if other is None:
            return mine, None
        known = {self.keys[shard]: vote for shard, vote in zip(sorted(self.states), votes, strict=True) if shard in self.keys}
        return mine, _mean(other.votes(features, known=known))


def _mean(votes: Sequence[Answers]) -> Answers:
    mean: Answers = np.mean(votes, axis=0)
    return mean


def read_records(workspace: Workspace, path: str, *, most: int | None = None) -> Records:
    """A current table as encoded records, in storage order, or one a person where the recipe gathers them.

    most: of a table with more rows, those of drawn people, about so many.
    """
    recipe, file = workspace.recipe, workspace.path(path)
    if most is not None and (rows := len(people_of(workspace, file, recipe.person, named=path, past=True).codes)) > most:
        table, people, chosen = read_some(
            workspace, file, recipe.person, lambda roll: drawn(roll.where, most / rows)[roll.codes], named=path
        )
        with tables.about(path):
            return encoded_rows(recipe, table, people, people.codes[chosen])[0]
    if not hasattr(recipe, "gathered"):
        table = tables.read(file, person=recipe.person, named=path)
        with tables.about(path):
            return recipe.encode(table).records
    table, people = read_with_people(workspace, file, recipe.person, named=path)
    with tables.about(path):
        return encoded(recipe, table, people, ~people.mask(()))[0]
