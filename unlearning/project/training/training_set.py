"""A training table as records by shard and slice, with the chain that names every step of their training."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from unlearning.domain.chain import Chain
from unlearning.domain.errors import RecipeError
from unlearning.domain.partition import Places, chain, partition
from unlearning.domain.protocols import Recipe, Records
from unlearning.project.people import people_in
from unlearning.project.placement import grouped

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from unlearning.project.workspace import Workspace
    from unlearning.stores.rolls import Roll


_ALONE = 16
"""Rows that are encoded once more by themselves."""


@dataclass(frozen=True)
class TrainingSet:
    """The retained records in canonical order, and the names of every checkpoint they lead to."""

    records: Records
    """Each once in every shard of its person; of the shards that are held."""
    chain: Chain
    people: int
    excluded: int
    """Records left out because their person is suppressed or to be forgotten."""
    shards: frozenset[int] | None = None
    """Those whose records are held; None for all."""
    everybody: Callable[[], TrainingSet] | None = field(default=None, repr=False, compare=False)
    """The same with all records, where some are not held."""

    @property
    def rows(self) -> int:
        """Records, each counted once."""
        return sum(sum(shard.rows) for shard in self.chain.shards) // self.chain.members_of_person

    def holding(self, shards: Collection[int]) -> TrainingSet:
        """This one where it holds the records of these shards, or that of everybody."""
        if self.shards is None or self.shards.issuperset(shards) or self.everybody is None:
            return self
        return self.everybody()


def training_set(
    workspace: Workspace, table: pa.Table, people: Roll | None = None, *, exclude: Collection[str] = ()
) -> TrainingSet:
    """Encode, leave out `exclude` (index tokens), partition and name.

    people: whose the table's rows are, where that was read before.
    """
    recipe = workspace.recipe
    people = grouped(workspace, table, people or people_in(workspace, table, recipe.person))
    keep = ~people.mask(exclude)
    made = arranged(workspace, *encoded(recipe, table, people, keep))
    here = int(np.count_nonzero(np.bincount(people.codes[keep])))
    return TrainingSet(made.records, made.chain, people=here, excluded=int((~keep).sum()))


@dataclass(frozen=True)
class Arranged:
    """Records in canonical order, and the keys that they lead to."""

    records: Records
    chain: Chain


def arranged(workspace: Workspace, records: Records, where: Places) -> Arranged:
    """Records by shard and slice, named. where: whose each is."""
    part = workspace.settings.partition
    bags, placement = part.members_of_person, part.placement
    placed = partition(records, where, shards=part.shards, slices=part.slices, members_of_person=bags, placement=placement)
    records, where = replace(records[placed.order], keys=placed.keys), where[placed.order]
    made = chain(workspace.recipe_digest, part.seed, records, where, placed.bounds, members_of_person=bags, placement=placement)
    return Arranged(records, made)


def _check_alone(recipe: Recipe, table: pa.Table, everybody: Records) -> None:
    """Raises RecipeError where a few rows by themselves are encoded otherwise than among all.

    Then something of everybody, whoever leaves included, is in everybody's records, and no chain of keys would tell.
    """
    some = np.unique(np.linspace(0, len(table) - 1, _ALONE).astype(np.int64)) if len(table) else np.zeros(0, np.int64)
    for rows in (some[::-1], *some[:, None]):  # one by one too: few rows may show all there is to learn from many
        alone = recipe.encode(table.take(rows)).records
        for name, values in alone.arrays.items():
            if not np.array_equal(values, everybody.arrays[name][rows], equal_nan=values.dtype.kind == "f"):
                raise RecipeError(
                    f"the recipe's encode gives {name} of a record that depend on the other records, so that everybody is in "
                    "everybody's; declare what it looks up, or fit it inside the learner, which sees one shard"
                )


def encoded(recipe: Recipe, table: pa.Table, people: Roll, keep: NDArray[np.bool_]) -> tuple[Records, Places]:
    """The records of these rows of a table, and whose each is: one a row or, where the recipe gathers them, one a person."""
    return _whose(recipe, _every(recipe, table)[keep], people, people.codes[keep])


def encoded_rows(recipe: Recipe, table: pa.Table, people: Roll, codes: NDArray[np.int64]) -> tuple[Records, Places]:
    """The same of a table that holds these rows and no others. codes: (n,) whose each is, an index into the roll."""
    return _whose(recipe, _every(recipe, table), people, codes)


def _every(recipe: Recipe, table: pa.Table) -> Records:
    everybody = recipe.encode(table).records
    _check_alone(recipe, table, everybody)
    return everybody


def _whose(recipe: Recipe, records: Records, people: Roll, codes: NDArray[np.int64]) -> tuple[Records, Places]:
    gathered = getattr(recipe, "gathered", None)
    if gathered is None:
        return records, people.where[codes]
    # By their tokens and not by their codes: spellings of one person have one code each.
    everyone, person = np.unique(people.where, axis=0, return_inverse=True)
    whose, owner = np.unique(person.reshape(-1)[codes], return_inverse=True)
    where = everyone[whose]
    return gathered(records, owner, where[:, 3]), where
