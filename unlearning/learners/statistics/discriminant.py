"""Linear discriminant analysis (Fisher 1936, doi:10.1111/j.1469-1809.1936.tb02137.x) and the nearest centroid.

With means μ_k, shares π_k and the scatter within labels W = Σ x xᵀ - Σ_k N_k μ_k μ_kᵀ over n records,

    LDA        Σ = (1 - s) W / n + s · tr(W / n) / d · I,   score_k = x · Σ⁻¹ μ_k - ½ μ_k · Σ⁻¹ μ_k + log π_k
    centroid   score_k = -½ ‖x - μ_k‖² / σ²,   σ² = tr(W) / (n d), labels equally probable before

s is the recipe's `shrinkage`; as scikit-learn's solver `lsqr`. The nearest centroid wins; σ² makes probabilities of the
distances, which are in units of the declared ranges, or with `standardize` of each feature's own standard deviation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unlearning.learners.statistics import fixed_point
from unlearning.learners.statistics.naive_bayes import Counted, Squared
from unlearning.learners.statistics.regression import NEGLIGIBLE
from unlearning.learners.statistics.solved import NEVER, Solved, log_shares

if TYPE_CHECKING:
    from unlearning.learners.statistics.fixed_point import Whole
    from unlearning.learners.statistics.recipe import StatisticsRecipe

Sums = Mapping[str, NDArray[np.int64]]


class Discriminant(Counted):
    """Sums of each label's records, and of all products."""

    def shapes(self, width: int, labels: int) -> dict[str, tuple[int, ...]]:
        """Every array of sums."""
        return {**super().shapes(width, labels), "products": (width * (width + 1) // 2,)}

    def contributions(self, whole: Whole, target: NDArray[Any], labels: int) -> dict[str, NDArray[np.int64]]:
        """target: (n,) positions of labels."""
        return {**super().contributions(whole, target, labels), "products": fixed_point.products(whole)}

    def solve(self, sums: Sums, rows: int, recipe: StatisticsRecipe) -> Solved:
        """Scores that are linear in z."""
        unit, width = recipe.scale.in_units, recipe.width
        within = fixed_point.scatter(fixed_point.square(sums["products"], width), sums["sums"], sums["counts"])
        covariance = within * np.outer(unit, unit) / max(1, rows)
        covariance = (1 - recipe.shrinkage) * covariance + recipe.shrinkage * np.trace(covariance) / width * np.eye(width)
        means = sums["sums"] / np.maximum(sums["counts"], 1)[:, None] * unit
        weights = means @ np.linalg.pinv(covariance, rcond=NEGLIGIBLE, hermitian=True)
        return Solved.linear(log_shares(sums["counts"]) - (weights * means).sum(axis=1) / 2, weights)


class Centroid(Squared):
    """Sums of each label's records and of their squares."""

    def solve(self, sums: Sums, rows: int, recipe: StatisticsRecipe) -> Solved:
        """Scores that are linear in z: ‖z‖² is the same for all labels."""
        counts, unit = sums["counts"], recipe.scale.in_units
        own = np.ones(recipe.width)
        if recipe.standardize:
            own = np.sqrt(fixed_point.spread_of_all(sums["squares"], sums["sums"], rows) / max(1, rows)) * unit
            own = np.where(own > 0, own, 1.0)
        unit = unit / own
        within = fixed_point.spread(sums["squares"], sums["sums"], counts).sum(axis=0) @ unit**2
        variance = within / (max(1, rows) * recipe.width) + float(np.mean(unit**2)) / 12  # and that of rounding
        means = sums["sums"] / np.maximum(counts, 1)[:, None] * unit
        bias = np.where(counts > 0, -np.square(means).sum(axis=1) / (2 * variance), NEVER)
        return Solved.linear(bias, means / (variance * own))
