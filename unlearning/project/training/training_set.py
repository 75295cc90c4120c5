"""A training table as records by shard and slice, with the chain that names every step of their training."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from unlearning.domain.chain import Chain
from unlearning.domain.partition import chain, partition
from unlearning.domain.protocols import Records
from unlearning.project.people import people_in

if TYPE_CHECKING:
    import pyarrow as pa

    from unlearning.project.workspace import Workspace
    from unlearning.stores.rolls import Roll


@dataclass(frozen=True)
class TrainingSet:
    """The retained records in canonical order, and the names of every checkpoint they lead to."""

    records: Records
    """Each once in every shard of its person."""
    chain: Chain
    people: int
    excluded: int
    """Records left out because their person is suppressed or to be forgotten."""

    @property
    def rows(self) -> int:
        """Records, each counted once."""
        return len(self.records) // self.chain.members_of_person


def training_set(
    workspace: Workspace, table: pa.Table, people: Roll | None = None, *, exclude: Collection[str] = ()
) -> TrainingSet:
    """Encode, leave out `exclude` (index tokens), partition and name.

    people: whose the table's rows are, where that was read before.
    """
    recipe, part = workspace.recipe, workspace.settings.partition
    people = people or people_in(workspace, table, recipe.person)
    keep = ~people.mask(exclude)
    records = recipe.encode(table).records[keep]
    where = people.where[people.codes[keep]]
    placed = partition(records, where, shards=part.shards, slices=part.slices, members_of_person=part.members_of_person)
    records, where = replace(records[placed.order], keys=placed.keys), where[placed.order]
    return TrainingSet(
        records=records,
        chain=chain(
            workspace.recipe_digest, part.seed, records, where, placed.bounds, members_of_person=part.members_of_person
        ),
        people=len(np.unique(people.codes[keep])),
        excluded=int((~keep).sum()),
    )
