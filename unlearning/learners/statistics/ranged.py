"""Numbers with declared ranges, one-hot categories, and answers from one form of solved numbers: what such recipes share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from unlearning.learners.statistics.fixed_point import Column, Scale, indicator, number, refuse
from unlearning.learners.statistics.solved import Solved, as_arrays
from unlearning.learners.statistics.state import npy
from unlearning.learners.tabular import TableRecipe, packaged

if TYPE_CHECKING:
    import pyarrow as pa

    from unlearning.domain.protocols import Answers, Encoded, Features, Served

Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class RangedRecipe(TableRecipe):
    """How one model of numbers within declared ranges is made from a table."""

    model: str
    ranges: Range | Mapping[str, Range]
    """Between which ends each number is, of features that are no categories and of a regression's target: by column, or all."""
    missing: Mapping[str, float] = field(default_factory=dict)
    """What stands for a gap in a feature: the middle of its range where nothing is declared, 0 of a count."""

    one_hot: ClassVar[bool] = True

    @property
    def resolution(self) -> int:
        """Bits of the whole numbers that a value becomes, where it becomes one."""
        return 1

    @property
    def counts(self) -> bool:
        """The numbers are counts: none is below 0, and a gap is none."""
        return False

    @cached_property
    def scale(self) -> Scale:
        """How encoded features become numbers in [-1, 1], or whole ones."""
        return Scale(tuple(self._encoded()), self.resolution)

    @cached_property
    def goal(self) -> Scale:
        """How a regression's target becomes one."""
        return Scale((number(f"target {self.target!r}", *self._range(self.target)),), self.resolution)

    def facts(self) -> dict[str, Any]:
        """Everything but code that shapes training."""
        named = (*self._numbers, *(() if self.labels else (self.target,)))
        ranges = {name: [float(end) for end in self._range(name)] for name in named}
        gaps = {name: float(gap) for name, gap in self.missing.items()}
        return super().facts() | {"model": self.model, "ranges": ranges, "missing": gaps}

    def encode(self, table: pa.Table) -> Encoded:
        """As any table; raises DataError for a number out of its range, and for more records than the model holds."""
        encoded = super().encode(table)
        refuse(list(self.findings(encoded.records.features, encoded.records.target)))
        return encoded

    def answers(self, solved: Solved, features: Features) -> Answers:
        """(n, labels) probabilities or (n, 1) values."""
        return solved.answers(self.scale.units(np.asarray(features, np.float64)), labels=bool(self.labels))

    def served_as(self, kind: str, solved: Sequence[Solved]) -> Served:
        """Arrays over the constituents, and the file that answers with them."""
        each = [as_arrays(one) for one in solved]
        arrays = {name: np.stack([one[name] for one in each]) for name in each[0]}
        arrays |= {"middle": self.scale.middle, "unit": self.scale.unit, "gap": self.scale.gap}
        files = {f"{name}.npy": npy(values) for name, values in arrays.items()}
        return packaged(self, f"{kind}: {self.model}", Path(__file__).with_name("serving.py"), files, needs=())

    def findings(self, features: NDArray[Any], target: NDArray[Any]) -> Iterator[str]:
        """What the model cannot hold, in words."""
        yield from self.scale.findings(features)
        if not self.labels:
            yield from self.goal.findings(target[:, None])

    def contradictions(self) -> Iterable[str]:
        """Those of any table, and ranges that are none."""
        yield from super().contradictions()
        if self.embeddings:
            yield "embeddings are for the learners torch, sklearn and boosting; here each number needs a range"
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
            elif self.counts and self._range(name)[0] < 0:
                yield f"ranges[{name!r}] begins below 0; {self.model} counts"
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
                gap = self.missing.get(name, low if self.counts else None)
                yield number(f"feature {name!r}", low, high, gap)


def _is_range(pair: Any) -> bool:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        return False
    numbers = all(isinstance(end, (int, float)) and math.isfinite(end) for end in pair)
    return numbers and pair[0] < pair[1] and math.isfinite(pair[1] - pair[0])
