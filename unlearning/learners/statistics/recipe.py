"""How one model of sums is made from a table: which model, and in what range and resolution its numbers are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from unlearning.learners.statistics.discriminant import Centroid, Discriminant
from unlearning.learners.statistics.fixed_point import MAX_BITS
from unlearning.learners.statistics.naive_bayes import Bernoulli, Gaussian, Multinomial
from unlearning.learners.statistics.ranged import RangedRecipe
from unlearning.learners.statistics.regression import Regression

if TYPE_CHECKING:
    from unlearning.domain.protocols import Records, Served
    from unlearning.learners.statistics.fixed_point import Whole
    from unlearning.learners.statistics.solved import Solved
    from unlearning.learners.statistics.state import Sums


class Family(Protocol):
    """The whole mathematics of a model: what a record adds to the sums, and what the sums answer with."""

    def shapes(self, width: int, labels: int) -> dict[str, tuple[int, ...]]:
        """Every array of sums by name, in the order in which they are stored."""

    def contributions(self, whole: Whole, target: NDArray[Any], labels: int) -> dict[str, NDArray[np.int64]]:
        """The sums of (n, d) records, n at most `Scale.rows`; target: (n,) positions of labels, or whole numbers."""

    def solve(self, sums: Mapping[str, NDArray[np.int64]], rows: int, recipe: StatisticsRecipe) -> Solved:
        """What a constituent of so many records answers with; also of none."""


MODELS: Mapping[str, Family] = {
    "ridge": Regression(),
    "linear": Regression(),
    "gaussian_nb": Gaussian(),
    "bernoulli_nb": Bernoulli(),
    "multinomial_nb": Multinomial(),
    "lda": Discriminant(),
    "nearest_centroid": Centroid(),
}


@dataclass(frozen=True, kw_only=True)
class StatisticsRecipe(RangedRecipe):
    """How one model of sums over records is made from a table."""

    model: str
    """One of MODELS; `ridge` and `linear` are regressions, the others have labels."""
    bits: int = 20
    """Resolution: 2^-bits of half a range, rounded up to a power of two. The sums hold 2^(63 - 2 bits) records."""
    alpha: float = 1.0
    """The penalty of `ridge`, or what `bernoulli_nb` and `multinomial_nb` add to each count."""
    shrinkage: float = 0.0
    """0 to 1: how far `lda` shrinks its covariance to a multiple of the identity."""
    standardize: bool = False
    """`ridge` and `nearest_centroid` measure a feature by its own standard deviation, from the same sums, not by its range."""
    components: int = 0
    """`ridge` and `linear` see so many principal components of the features, from the same sums; 0: the features."""
    learner: str = "statistics"

    engine: ClassVar[str] = "statistics/2"

    @property
    def family(self) -> Family:
        """The mathematics."""
        return MODELS[self.model]

    @property
    def resolution(self) -> int:
        """The declared bits."""
        return self.bits

    @property
    def counts(self) -> bool:
        """Of multinomial naive Bayes."""
        return self.model == "multinomial_nb"

    def facts(self) -> dict[str, Any]:
        """Everything but code that shapes training."""
        own = {name: getattr(self, name) for name in ("bits", "alpha", "shrinkage", "standardize", "components")}
        return super().facts() | own

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every array of sums by name."""
        return self.family.shapes(self.width, len(self.labels))

    @property
    def rows(self) -> int:
        """Records whose products float64 sums exactly."""
        return self.scale.rows

    def contributions(self, part: Records) -> dict[str, NDArray[np.int64]]:
        """The sums of these records."""
        target = part.target if self.labels else self.goal.whole(part.target[:, None])[:, 0]
        return self.family.contributions(self.scale.whole(part.features), target, len(self.labels))

    def solve(self, sums: Mapping[str, NDArray[np.int64]], rows: int) -> Solved:
        """What the sums answer with."""
        return self.family.solve(sums, rows, self)

    def served(self, states: Sequence[Sums], solve: Callable[[Sums], Solved]) -> Served:
        """Arrays over the constituents, and the file that answers with them."""
        return self.served_as("sums", [solve(state) for state in states])

    def contradictions(self) -> Iterable[str]:
        """Those of any table, and ranges that are none."""
        yield from super().contradictions()
        if self.model not in MODELS:
            yield f"model is {self.model!r}; expected {', '.join(MODELS)}"
        elif isinstance(MODELS[self.model], Regression) == bool(self.labels):
            yield f"{self.model} is a {'regression: it has no' if self.labels else 'classification: declare its'} labels"
        if type(self.bits) is not int or not 1 <= self.bits <= MAX_BITS:
            yield f"bits is {self.bits!r}; expected a whole number from 1 to {MAX_BITS}"
        if not self.alpha > 0 or math.isinf(self.alpha):
            yield f"alpha is {self.alpha!r}; expected a number above 0 (without a penalty, the model is `linear`)"
        if not 0 <= self.shrinkage <= 1:
            yield f"shrinkage is {self.shrinkage!r}; expected a number from 0 to 1"
        if type(self.components) is not int or not 0 <= self.components <= self.width:
            yield f"components is {self.components!r}; expected a whole number from 0 to {self.width}, the encoded features"
        elif self.components and self.labels:
            yield f"components are for ridge and linear, and the model is {self.model}"
