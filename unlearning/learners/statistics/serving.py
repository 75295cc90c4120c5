"""The served model: the mean answer of constituents that are a few numbers each.

The folder it is given holds, besides what every model of a table has, arrays in numpy's own form. `middle`, `unit` and `gap`
(d,) say how features are measured; `bias` (c, k), `weights`, `centres` and `precision` (c, k, d) how c constituents score.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np

from unlearning.learners.tabular.serving import TableModel

ARRAYS = ("middle", "unit", "gap", "bias", "weights", "centres", "precision")
FLOOR = 1e-12


class Ensemble(TableModel):
    """Scores that are linear, or quadratic in each feature."""

    def open(self, folder: Path) -> None:
        """Open the arrays."""
        self.arrays = {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in ARRAYS}

    def votes(self, features: Any) -> Any:
        """(constituents, n, k)."""
        middle, unit, gap, bias, weights, centres, precision = (self.arrays[name] for name in ARRAYS)
        wide = features.astype(np.float64)
        units = (np.where(np.isnan(wide), gap, wide) - middle) / unit
        scores = units @ weights.transpose(0, 2, 1) + bias[:, None]
        for at in np.argwhere(precision.any(axis=2)).tolist():
            scores[at[0], :, at[1]] -= np.square(units - centres[*at]) @ precision[*at] / 2
        if not self.facts["labels"]:
            return scores
        powers = np.exp(scores - scores.max(axis=2, keepdims=True))
        chances = np.maximum(powers / powers.sum(axis=2, keepdims=True), FLOOR)
        return chances / chances.sum(axis=2, keepdims=True)


mlflow.models.set_model(Ensemble())
