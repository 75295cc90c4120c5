"""What the solved sums answer with: one form for every model here.

    score_k(z) = bias_k + weights_k · z - ½ Σ_j precision_kj (z_j - centres_kj)²,   z in units of the declared ranges

A regression's answer is its score; a classification's is the softmax of the scores, where no probability is below FLOOR: a
label that nobody retained has is improbable, and its loss is still a number. `serving.py` does the same without this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from unlearning.domain.protocols import Answers

Values = NDArray[np.float64]

FLOOR = 1e-12
NEVER = -1e300
"""The score of a label that has no record."""


@dataclass(frozen=True)
class Solved:
    """The numbers of one constituent."""

    bias: Values
    """(k,)"""
    weights: Values
    """(k, d)"""
    centres: Values
    """(k, d)"""
    precision: Values
    """(k, d) zeros where scores are linear."""

    @classmethod
    def linear(cls, bias: Values, weights: Values) -> Solved:
        """Scores without a quadratic part."""
        nothing = np.zeros_like(weights)
        return cls(bias, weights, nothing, nothing)

    def answers(self, units: Values, *, labels: bool) -> Answers:
        """(n, k) from (n, d)."""
        scores = units @ self.weights.T + self.bias
        if self.precision.any():
            for label, (centre, precision) in enumerate(zip(self.centres, self.precision, strict=True)):
                scores[:, label] -= np.square(units - centre) @ precision / 2
        if not labels:
            return scores
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        chances = np.maximum(powers / powers.sum(axis=1, keepdims=True), FLOOR)
        answers: Answers = chances / chances.sum(axis=1, keepdims=True)
        return answers


def log_shares(counts: NDArray[np.int64]) -> Values:
    """(labels,) logarithm of each label's share of the records; NEVER for one without any."""
    shares = counts / max(1, int(counts.sum()))
    return np.where(counts > 0, np.log(np.where(counts > 0, shares, 1.0)), NEVER)


def as_arrays(solved: Solved) -> dict[str, NDArray[Any]]:
    """Every array by name."""
    return dict(vars(solved))
