"""Ridge and linear regression (Hoerl & Kennard 1970, doi:10.1080/00401706.1970.10488634).

With S = Σ (z - z̄)(z - z̄)ᵀ and c = Σ (z - z̄)(y - ȳ), both from the sums of products of (z, y),

    w = (S + α I)⁻¹ c,   intercept = ȳ - w · z̄.

z is in units of the declared ranges, or with `standardize` of each feature's own standard deviation, which the same sums hold.
Linear regression has α = 0 and takes the shortest w of those that fit equally well. With `components`, z is first projected on
the directions V in which the records differ most, the first eigenvectors of S: principal components, of the same sums
(Hotelling 1957, doi:10.1111/j.2044-8317.1957.tb00179.x), w = V (Vᵀ S V + α I)⁻¹ Vᵀ c.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unlearning.learners.statistics import fixed_point
from unlearning.learners.statistics.solved import Solved

if TYPE_CHECKING:
    from unlearning.learners.statistics.fixed_point import Whole
    from unlearning.learners.statistics.recipe import StatisticsRecipe

NEGLIGIBLE = 1e-11
"""Share of the largest eigenvalue below which a direction is rounding: two features say the same."""


class Regression:
    """(z, y) → sums of (z, y) and of its products."""

    def shapes(self, width: int, labels: int) -> dict[str, tuple[int, ...]]:
        """Every array of sums."""
        del labels
        return {"sums": (width + 1,), "products": ((width + 1) * (width + 2) // 2,)}

    def contributions(self, whole: Whole, target: NDArray[Any], labels: int) -> dict[str, NDArray[np.int64]]:
        """target: (n,) whole numbers."""
        del labels
        both = np.column_stack([whole, target])
        return {"sums": fixed_point.exact(both.sum(axis=0)), "products": fixed_point.products(both)}

    def solve(self, sums: Mapping[str, NDArray[np.int64]], rows: int, recipe: StatisticsRecipe) -> Solved:
        """One weight a feature, and the intercept."""
        goal = recipe.goal
        units = np.concatenate([recipe.scale.in_units, goal.in_units])
        square = fixed_point.square(sums["products"], len(units))
        around = fixed_point.scatter(square, sums["sums"][None], np.array([rows])) * np.outer(units, units)
        means = sums["sums"] / max(1, rows) * units
        spread = np.sqrt(np.maximum(np.diag(around)[:-1], 0) / max(1, rows))
        own = np.where(recipe.standardize & (spread > 0), spread, 1.0)
        gram, towards = around[:-1, :-1] / np.outer(own, own), around[:-1, -1] / own
        penalty = recipe.alpha if recipe.model == "ridge" else 0.0
        if recipe.components:
            main = np.linalg.eigh(gram)[1][:, -recipe.components :]
            weights = main @ _solve(main.T @ gram @ main, main.T @ towards, penalty) / own
        else:
            weights = _solve(gram, towards, penalty) / own
        bias = means[-1] - weights @ means[:-1]
        return Solved.linear(bias * goal.unit + goal.middle, (weights * goal.unit)[None])


def _solve(gram: NDArray[np.float64], towards: NDArray[np.float64], penalty: float) -> NDArray[np.float64]:
    if penalty > 0:
        return np.linalg.solve(gram + penalty * np.eye(len(gram)), towards).astype(np.float64)
    shortest: NDArray[np.float64] = np.linalg.pinv(gram, rcond=NEGLIGIBLE, hermitian=True) @ towards
    return shortest
