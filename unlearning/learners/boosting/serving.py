"""The served model: the mean answer of boosted trees, each in a file of its library.

The folder it is given holds, besides what every model of a table has, for every shard that votes one of

    shard-003.ubj    XGBoost
    shard-003.txt    LightGBM
    shard-003.cbm    CatBoost

An empty file is a model without trees: every label as probable, or 0.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np

from unlearning.learners.tabular.serving import TableModel

Raw = Callable[[Any], Any]
"""(n, d) float32 → log-odds of the labels, or values."""


def _ubj(content: bytes, *, labels: bool) -> Raw:
    import xgboost

    booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(content))

    def raw(features: Any) -> Any:
        data = xgboost.DMatrix(features, feature_types=booster.feature_types, enable_categorical=True, nthread=1)
        return booster.predict(data, output_margin=labels)

    return raw


def _txt(content: bytes, *, labels: bool) -> Raw:
    import lightgbm

    booster = lightgbm.Booster(model_str=content.decode())
    return lambda features: booster.predict(features, raw_score=labels, num_threads=1)


def _cbm(content: bytes, *, labels: bool) -> Raw:
    import catboost

    del labels  # the objectives of values have no other scale
    model = catboost.CatBoost()
    model.load_model(blob=content)
    return lambda features: model.predict(features, prediction_type="RawFormulaVal", thread_count=1)


OPENERS = {".ubj": _ubj, ".txt": _txt, ".cbm": _cbm}


class Ensemble(TableModel):
    """Every constituent is a file of trees."""

    def open(self, folder: Path) -> None:
        """Open the files of trees; None stands for one that is empty."""
        labels = bool(self.facts["labels"])
        files = sorted(file for file in folder.iterdir() if file.suffix in OPENERS)
        contents = [(OPENERS[file.suffix], file.read_bytes()) for file in files]
        self.constituents = [opener(content, labels=labels) if content else None for opener, content in contents]

    def votes(self, features: Any) -> Any:
        """(constituents, n, k)."""
        return np.stack([self._vote(raw, features) for raw in self.constituents])

    def _vote(self, raw: Raw | None, features: Any) -> Any:
        labels = len(self.facts["labels"])
        if raw is None or not len(features):
            return np.full((len(features), max(1, labels)), 1 / labels if labels else 0.0)
        scores = np.asarray(raw(features), np.float64).reshape(len(features), -1)
        if not labels:
            return scores
        if labels == 2:
            scores = np.concatenate((np.zeros_like(scores), scores), axis=1)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


mlflow.models.set_model(Ensemble())
