"""How one model of boosted trees is made from a table: the recipe a user writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from unlearning.learners.boosting import parameters as said
from unlearning.learners.tabular import TableRecipe


@dataclass(frozen=True, kw_only=True)
class BoostingRecipe(TableRecipe):
    """How one classifier or regression of boosted trees is made from a table."""

    library: str
    """`xgboost`, `lightgbm` or `catboost`."""
    rounds: int
    """Trees, of each label where there are more than two; the slices share them out."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """The library's own, by its own names."""
    learner: str = "boosting"

    engine: ClassVar[str] = "boosting/3"

    @property
    def one_hot(self) -> bool:  # type: ignore[override]
        """CatBoost's own categories are target statistics, which a later stage cannot go on from."""
        return self.library == "catboost"

    def facts(self) -> dict[str, Any]:
        """Everything that shapes training besides the library's version."""
        return super().facts() | {"library": self.library, "rounds": self.rounds, "parameters": dict(self.parameters)}

    def contradictions(self) -> Iterable[str]:
        """Those of any table, and what would make other bytes of the same records."""
        if self.rounds < 1:
            yield f"rounds={self.rounds}; expected at least 1"
        if len(self.labels) == 1:
            yield "labels has one value; expected two or more, or none for a target that is a number"
        if self.library not in said.RULES:
            yield f"library={self.library!r}; expected one of {', '.join(said.RULES)}"
        else:
            yield from said.findings(self.library, self.parameters, labels=len(self.labels))
        yield from super().contradictions()
