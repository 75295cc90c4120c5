"""The served model: the mean answer of boosted trees, each in files of its library.

The folder it is given holds, besides what every model of a table has, for every shard that votes some of

    shard-003-000.ubj    XGBoost
    shard-003-000.txt    LightGBM
    shard-003-000.cbm    CatBoost

one a stage of training, whose answers add up in this order. An empty file is a model without trees: every label as probable,
or 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import mlflow
import numpy as np

from unlearning.learners.tabular.serving import TableModel

Link = Callable[[Any, Any], Any]
"""(n, d) float32, and (n, k) what the links before answer or None → (n, k) log-odds of the labels, or values."""


def _ubj(content: bytes) -> Link:
    import xgboost

    booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(content))

    def link(features: Any, before: Any) -> Any:
        kinds = booster.feature_types
        data = xgboost.DMatrix(features, base_margin=before, feature_types=kinds, enable_categorical=True, nthread=1)
        return booster.predict(data, output_margin=True)

    return link


def _txt(content: bytes) -> Link:
    import lightgbm

    booster = lightgbm.Booster(model_str=content.decode())
    return lambda features, before: _sum(before, booster.predict(features, raw_score=True, num_threads=1))


def _cbm(content: bytes) -> Link:
    import catboost

    model = catboost.CatBoost()
    model.load_model(blob=content)
    kind = "RawFormulaVal"
    return lambda features, before: _sum(before, model.predict(features, prediction_type=kind, thread_count=1))


def _sum(before: Any, answers: Any) -> Any:
    return answers if before is None else before + answers


OPENERS = {".ubj": _ubj, ".txt": _txt, ".cbm": _cbm}


class Ensemble(TableModel):
    """Every constituent is a chain of files of trees."""

    def open(self, folder: Path) -> None:
        """Open the files of trees, the chain of each shard in order."""
        files = sorted(file for file in folder.iterdir() if file.suffix in OPENERS)
        self.constituents = [
            [OPENERS[file.suffix](content) for file in chain if (content := file.read_bytes())]
            for _, chain in groupby(files, lambda file: file.stem.rpartition("-")[0])
        ]

    def votes(self, features: Any) -> Any:
        """(constituents, n, k)."""
        return np.stack([self._vote(chain, features) for chain in self.constituents])

    def _vote(self, chain: Sequence[Link], features: Any) -> Any:
        labels = len(self.facts["labels"])
        if not chain or not len(features):
            return np.full((len(features), max(1, labels)), 1 / labels if labels else 0.0)
        scores = None
        for link in chain:
            scores = link(features, scores)
        scores = np.asarray(scores, np.float64).reshape(len(features), -1)
        if not labels:
            return np.exp(scores) if self.facts["logarithmic"] else scores
        if labels == 2:
            scores = np.concatenate((np.zeros_like(scores), scores), axis=1)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


mlflow.models.set_model(Ensemble())
