"""Naive Bayes: labels by their share of the records, features independent given the label.

With N_k records of label k and sums over them,

    Gaussian      x_j | k ~ N(μ_kj, σ²_kj + ε),  μ = Σ x / N_k, σ² = Σ x² / N_k - μ²,  ε = 1e-9 · the largest σ²
    Bernoulli     p_kj = (Σ u_j + α) / (N_k + 2α),  u in [0, 1] the place of x in its declared range; 0 and 1 for a category
    multinomial   θ_kj = (Σ x_j + α) / (Σ_j Σ x_j + α d),  x ≥ 0

Manning, Raghavan & Schütze 2008, "Introduction to Information Retrieval", chapter 13; ε as
scikit-learn has it, of all records' σ². To ε the
variance of rounding to the resolution is added, step² / 12, so that a label of equal records has a density.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unlearning.learners.statistics import fixed_point
from unlearning.learners.statistics.solved import Solved, log_shares

if TYPE_CHECKING:
    from unlearning.learners.statistics.fixed_point import Whole
    from unlearning.learners.statistics.recipe import StatisticsRecipe

SMOOTHING = 1e-9
Sums = Mapping[str, NDArray[np.int64]]


class Counted:
    """Sums of each label's records."""

    def shapes(self, width: int, labels: int) -> dict[str, tuple[int, ...]]:
        """Every array of sums."""
        return {"counts": (labels,), "sums": (labels, width)}

    def contributions(self, whole: Whole, target: NDArray[Any], labels: int) -> dict[str, NDArray[np.int64]]:
        """target: (n,) positions of labels."""
        counts = np.bincount(target, minlength=labels).astype(np.int64)
        return {"counts": counts, "sums": fixed_point.by_label(whole, target, labels)}

    def totals(self, sums: Sums, recipe: StatisticsRecipe) -> NDArray[np.float64]:
        """(labels, d) Σ x, in the feature's own numbers."""
        scale = recipe.scale
        totals: NDArray[np.float64] = sums["sums"] * scale.step + sums["counts"][:, None] * scale.middle
        return totals


class Bernoulli(Counted):
    """Something is there, or not."""

    def solve(self, sums: Sums, rows: int, recipe: StatisticsRecipe) -> Solved:
        """Scores that are linear in u."""
        del rows
        scale = recipe.scale
        width = scale.high - scale.low
        counts = sums["counts"][:, None]
        there = (self.totals(sums, recipe) - counts * scale.low) / width
        log_there = np.log((there + recipe.alpha) / (counts + 2 * recipe.alpha))
        log_not = np.log((counts - there + recipe.alpha) / (counts + 2 * recipe.alpha))
        odds = log_there - log_not
        bias = log_shares(sums["counts"]) + log_not.sum(axis=1) + odds @ ((scale.middle - scale.low) / width)
        return Solved.linear(bias, odds * (scale.unit / width))  # u = (middle - low + z · unit) / width


class Multinomial(Counted):
    """How often, of all that was counted."""

    def solve(self, sums: Sums, rows: int, recipe: StatisticsRecipe) -> Solved:
        """Scores that are linear in x."""
        del rows
        scale = recipe.scale
        counted = self.totals(sums, recipe) + recipe.alpha
        logs = np.log(counted) - np.log(counted.sum(axis=1, keepdims=True))
        return Solved.linear(log_shares(sums["counts"]) + logs @ scale.middle, logs * scale.unit)


class Squared(Counted):
    """Sums of each label's records and of their squares."""

    def shapes(self, width: int, labels: int) -> dict[str, tuple[int, ...]]:
        """Every array of sums."""
        return {**super().shapes(width, labels), "squares": (labels, width)}

    def contributions(self, whole: Whole, target: NDArray[Any], labels: int) -> dict[str, NDArray[np.int64]]:
        """target: (n,) positions of labels."""
        squares = fixed_point.by_label(np.square(whole), target, labels)
        return {**super().contributions(whole, target, labels), "squares": squares}


class Gaussian(Squared):
    """A normal distribution for each label and feature."""

    def solve(self, sums: Sums, rows: int, recipe: StatisticsRecipe) -> Solved:
        """Scores that are quadratic in z."""
        counts, unit = sums["counts"], recipe.scale.in_units
        together = fixed_point.spread_of_all(sums["squares"], sums["sums"], rows) / max(1, rows) * unit**2
        least = SMOOTHING * together.max() + unit**2 / 12
        held = np.maximum(counts, 1)[:, None]
        variances = fixed_point.spread(sums["squares"], sums["sums"], counts) / held * unit**2 + least
        means = sums["sums"] / held * unit
        bias = log_shares(counts) - np.log(2 * np.pi * variances).sum(axis=1) / 2
        return Solved(bias, np.zeros_like(means), means, 1 / variances)
