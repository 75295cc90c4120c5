"""A table of purchases, likes or ratings as a recipe sees it: a record is a person with the set of their items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.errors import RecipeError
from unlearning.domain.item_lists import shown_and_left_out, unpacked
from unlearning.domain.protocols import Encoded, Records
from unlearning.domain.tasks import OWNED, RANKING
from unlearning.learners.tabular.recipe import columns_in, people_in, positions, refuse
from unlearning.stores.tables import tables

if TYPE_CHECKING:
    import pyarrow as pa

    from unlearning.domain.draws import Keys
    from unlearning.domain.protocols import Answers, Features


@dataclass(frozen=True, kw_only=True)
class ItemListRecipe:
    """Which column says what people have; raises RecipeError when its parts contradict each other."""

    item: str
    """Column of the items; a row is one thing that a person has, bought or liked."""
    person: str
    """Column that says whose row it is."""
    items: Sequence[str]
    """The catalogue, never read off the data: an item that only one person had would stay in it."""
    left_out: float = 0.2
    """Share of each person's items that models are judged by: who is asked shows the others."""
    sources: Sequence[str] = ()
    """Further files, relative to the project, whose content shapes training: that of the catalogue."""
    learner: str

    engine: ClassVar[str]
    """Changes when the training engine would make other states from the same recipe."""
    task: ClassVar[str] = RANKING.name

    def __post_init__(self) -> None:
        if findings := list(self.contradictions()):
            raise RecipeError("the recipe contradicts itself:\n  " + "\n  ".join(findings))

    @property
    def features(self) -> Sequence[str]:
        """What a model is asked with."""
        return (self.item,)

    @property
    def target(self) -> str:
        """What it answers with."""
        return self.item

    @property
    def labels(self) -> Sequence[str]:
        """Every item that it may answer with."""
        return self.items

    @property
    def categories(self) -> Mapping[str, Sequence[str]]:
        """Column → its declared values."""
        return {self.item: self.items}

    def facts(self) -> dict[str, Any]:
        """Everything but code that shapes training, as plain values."""
        own = ("learner", "engine", "task", "item", "person", "left_out")
        return {**{name: getattr(self, name) for name in own}, "items": list(self.items)}

    def contradictions(self) -> Iterable[str]:
        """What cannot be meant, in words; a recipe with more fields adds its own."""
        if isinstance(self.items, str) or not all(isinstance(one, str) for one in self.items):
            yield "items must be a sequence of strings"
        elif len(self.items) < 2 or len(set(self.items)) != len(self.items):
            yield "items must name at least two, and none twice"
        if self.person == self.item:
            yield f"person and item are the same column, {self.person!r}"
        if not 0 < self.left_out <= 0.5:
            yield f"left_out is {self.left_out!r}; expected a share above 0, and at most 0.5"

    def encode(self, table: pa.Table) -> Encoded:
        """The position of each row's item, a row each: `gathered` makes people of them; raises DataError with every finding."""
        findings: list[str] = []
        columns = columns_in(table, (self.item, *tables.columns_of(self.person)), findings)
        target = positions(self.item, self.items, columns, findings, called="items")
        people = people_in(self.person, table, columns, findings)
        refuse(findings)
        return Encoded(Records(np.zeros((len(target), 0), np.float32), target), people)

    def gathered(self, records: Records, owner: NDArray[np.int64], keys: Keys) -> Records:
        """A record a person: the items that are shown of them, and those left out."""
        return Records(*shown_and_left_out(owner, records.target, keys, width=len(self.items), share=self.left_out))

    def without_owned(self, answers: Answers, features: Features) -> Answers:
        """(n, items) the scores, but OWNED for what is shown; changed in place."""
        answers[unpacked(features, len(self.items)).astype(np.bool_)] = OWNED
        return answers
