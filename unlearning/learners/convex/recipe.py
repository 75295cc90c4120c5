"""How one linear or logistic model with noise in its objective is made from a table."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.protocols import Records
from unlearning.learners.statistics.ranged import RangedRecipe
from unlearning.learners.statistics.solved import Solved

LOGISTIC, LINEAR = "logistic", "linear"


@dataclass(frozen=True, kw_only=True)
class ConvexRecipe(RangedRecipe):
    """A model that minimises Σ loss(w · x, y) + penalty / 2 ‖w‖² + b · w, with secret b ~ N(0, noise² I) (arXiv:1911.03030).

    x is a record's numbers within [-1, 1] and its one-hot categories, with a 1 for the intercept, divided by the root of how
    many columns that is: so its Euclidean norm is at most 1, whoever it is. More than two labels are as many models, each of
    one against the rest.
    """

    penalty: float = 1.0
    """Not multiplied by the number of records: it stays when somebody leaves."""
    noise: float = 1.0
    """Standard deviation of each entry of b: more noise, more removals until the budget is spent, less accuracy."""
    learner: str = "convex"

    engine: ClassVar[str] = "convex/1"

    @property
    def models(self) -> int:
        """Weight vectors: one, or one for each of more than two labels."""
        return len(self.labels) if len(self.labels) > 2 else 1

    @property
    def logistic(self) -> bool:
        """The loss is log(1 + exp(-s)) of the score's right side, or else half the squared error."""
        return self.model == LOGISTIC

    def facts(self) -> dict[str, Any]:
        """Everything but code that shapes training; not the noise itself, which is secret."""
        return super().facts() | {"penalty": self.penalty, "noise": self.noise}

    def inputs(self, features: NDArray[Any]) -> NDArray[np.float64]:
        """(n, d + 1) x, of norm at most 1; numbers out of their range, which no table holds, count as the end of it."""
        units = np.clip(self.scale.units(np.asarray(features, np.float64)), -1, 1)
        inputs: NDArray[np.float64] = np.column_stack([units, np.ones(len(units))]) / self._norm
        return inputs

    def wanted(self, records: Records) -> NDArray[np.float64]:
        """(n, models) y: 1 for a record of the model's label and 0 otherwise, or the value in units of its range."""
        if not self.labels:
            values: NDArray[np.float64] = self.goal.units(records.target[:, None])
            return values
        among = np.arange(self.models) if self.models > 1 else np.ones(1)
        belongs: NDArray[np.float64] = np.equal(records.target[:, None], among).astype(np.float64)
        return belongs

    def solved(self, weights: NDArray[np.float64]) -> Solved:
        """What (models, d + 1) weights answer with."""
        weights = weights / self._norm
        bias, slopes = weights[:, -1], weights[:, :-1]
        if not self.labels:
            return Solved.linear(bias * self.goal.unit + self.goal.middle, slopes * self.goal.unit[:, None])
        if self.models == 1:
            nothing = np.zeros((max(1, len(self.labels)) - 1, slopes.shape[1]))
            bias, slopes = np.concatenate([np.zeros(len(nothing)), bias]), np.concatenate([nothing, slopes])
        return Solved.linear(bias, slopes)

    def contradictions(self) -> Iterable[str]:
        """Those of any model of ranges, and numbers that certify nothing."""
        yield from super().contradictions()
        if self.model not in (LOGISTIC, LINEAR):
            yield f"model is {self.model!r}; expected {LOGISTIC} or {LINEAR}"
        elif (self.model == LOGISTIC) != bool(self.labels):
            said = "classification: declare its" if self.model == LOGISTIC else "regression: it has no"
            yield f"{self.model} is a {said} labels"
        if len(self.labels) == 1:
            yield "labels name one; expected at least two"
        for name in ("penalty", "noise"):
            value = getattr(self, name)
            if not value > 0 or math.isinf(value):
                yield f"{name} is {value!r}; expected a number above 0"

    @property
    def _norm(self) -> float:
        return math.sqrt(len(self.features) + 1)
