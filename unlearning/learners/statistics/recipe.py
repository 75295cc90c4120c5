"""How one model of sums is made from a table: which model, and in what range and resolution its numbers are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from unlearning.learners.statistics.discriminant import Centroid, Discriminant
from unlearning.learners.statistics.fixed_point import MAX_BITS, Column, Scale, indicator, number, refuse
from unlearning.learners.statistics.naive_bayes import Bernoulli, Gaussian, Multinomial
from unlearning.learners.statistics.regression import Regression
from unlearning.learners.statistics.solved import Solved, as_arrays
from unlearning.learners.statistics.state import npy
from unlearning.learners.tabular import TableRecipe, packaged

if TYPE_CHECKING:
    import pyarrow as pa

    from unlearning.domain.protocols import Answers, Encoded, Features, Records, Served
    from unlearning.learners.statistics.fixed_point import Whole
    from unlearning.learners.statistics.state import Sums

Range = tuple[float, float]


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
class StatisticsRecipe(TableRecipe):
    """How one model of sums over records is made from a table."""

    model: str
    """One of MODELS; `ridge` and `linear` are regressions, the others have labels."""
    ranges: Range | Mapping[str, Range]
    """Between which ends each number is, of features that are no categories and of a regression's target: by column, or all."""
    bits: int = 20
    """Resolution: 2^-bits of half a range, rounded up to a power of two. The sums hold 2^(63 - 2 bits) records."""
    missing: Mapping[str, float] = field(default_factory=dict)
    """What stands for a gap in a feature: the middle of its range where nothing is declared, 0 of a count."""
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
    one_hot: ClassVar[bool] = True

    @property
    def family(self) -> Family:
        """The mathematics."""
        return MODELS[self.model]

    @cached_property
    def scale(self) -> Scale:
        """How encoded features become whole numbers."""
        return Scale(tuple(self._encoded()), self.bits)

    @cached_property
    def goal(self) -> Scale:
        """How a regression's target becomes one."""
        return Scale((number(f"target {self.target!r}", *self._range(self.target)),), self.bits)

    def facts(self) -> dict[str, Any]:
        """Everything but code that shapes training."""
        named = (*self._numbers, *(() if self.labels else (self.target,)))
        own = {name: getattr(self, name) for name in ("model", "bits", "alpha", "shrinkage", "standardize", "components")}
        ranges = {name: [float(end) for end in self._range(name)] for name in named}
        return super().facts() | own | {"ranges": ranges, "missing": {name: float(gap) for name, gap in self.missing.items()}}

    def encode(self, table: pa.Table) -> Encoded:
        """As any table; raises DataError for a number out of its range, and for more records than the sums hold."""
        encoded = super().encode(table)
        refuse(list(self.findings(encoded.records.features, encoded.records.target)))
        return encoded

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

    def answers(self, solved: Solved, features: Features) -> Answers:
        """(n, labels) probabilities or (n, 1) values."""
        return solved.answers(self.scale.units(np.asarray(features, np.float64)), labels=bool(self.labels))

    def served(self, states: Sequence[Sums], solve: Callable[[Sums], Solved]) -> Served:
        """Arrays over the constituents, and the file that answers with them."""
        solved = [as_arrays(solve(state)) for state in states]
        arrays = {name: np.stack([one[name] for one in solved]) for name in solved[0]}
        arrays |= {"middle": self.scale.middle, "unit": self.scale.unit, "gap": self.scale.gap}
        files = {f"{name}.npy": npy(values) for name, values in arrays.items()}
        return packaged(self, f"sums: {self.model}", Path(__file__).with_name("serving.py"), files, needs=())

    def findings(self, features: NDArray[Any], target: NDArray[Any]) -> Iterator[str]:
        """What the sums cannot hold, in words."""
        yield from self.scale.findings(features)
        if not self.labels:
            yield from self.goal.findings(target[:, None])

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
        yield from self._about_ranges()

    def _about_ranges(self) -> Iterator[str]:
        wanted = (*self._numbers, *(() if self.labels else (self.target,)))
        if isinstance(self.ranges, Mapping) and (strangers := sorted(set(self.ranges) - set(wanted))):
            yield f"ranges are declared for {strangers}, which are no numbers of this model"
        for name in wanted:
            if isinstance(self.ranges, Mapping) and name not in self.ranges:
                yield f"{name!r} has no range; declare its smallest and largest value in `ranges`"
            elif not _is_range(self._range(name)):
                yield f"ranges[{name!r}] is no pair of finite numbers, the smaller first"
            elif self.model == "multinomial_nb" and self._range(name)[0] < 0:
                yield f"ranges[{name!r}] begins below 0; multinomial_nb counts"
            elif name in self.missing and not self._range(name)[0] <= self.missing[name] <= self._range(name)[1]:
                yield f"missing[{name!r}] is out of the range of {name!r}"
        if strangers := sorted(set(self.missing) - set(self._numbers)):
            yield f"missing is declared for {strangers}, which are no numbers among the features"

    @property
    def _numbers(self) -> tuple[str, ...]:
        return tuple(name for name in self.features if name not in self.categories)

    def _range(self, name: str) -> Range:
        return self.ranges[name] if isinstance(self.ranges, Mapping) else self.ranges

    def _encoded(self) -> Iterator[Column]:
        for name in self.features:
            if name in self.categories:
                yield from (indicator(f"feature {name!r}") for _ in self.categories[name])
            else:
                low, high = self._range(name)
                gap = self.missing.get(name, low if self.model == "multinomial_nb" else None)
                yield number(f"feature {name!r}", low, high, gap)


def _is_range(pair: Any) -> bool:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        return False
    numbers = all(isinstance(end, (int, float)) and math.isfinite(end) for end in pair)
    return numbers and pair[0] < pair[1] and math.isfinite(pair[1] - pair[0])
