"""A training table as records by shard and slice, with the chain that names every step of their training."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from unlearning.domain.chain import Chain
from unlearning.domain.partition import Places, chain, partition
from unlearning.domain.protocols import Recipe, Records
from unlearning.project.people import people_in

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

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
    records, where = encoded(recipe, table, people, keep)
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


def encoded(recipe: Recipe, table: pa.Table, people: Roll, keep: NDArray[np.bool_]) -> tuple[Records, Places]:
    """The records of these rows of a table, and whose each is: one a row or, where the recipe gathers them, one a person."""
    records, codes = recipe.encode(table).records[keep], people.codes[keep]
    gathered = getattr(recipe, "gathered", None)
    if gathered is None:
        return records, people.where[codes]
    # By their tokens and not by their codes: spellings of one person have one code each.
    everyone, person = np.unique(people.where, axis=0, return_inverse=True)
    whose, owner = np.unique(person.reshape(-1)[codes], return_inverse=True)
    where = everyone[whose]
    return gathered(records, owner, where[:, 3]), where
