"""The served model: the mean answer of fitted estimators.

The folder it is given holds, besides what every model of a table has,

    constituents.json   {"trusted": [type], "members": [{"file": name} or {"only": the one label of its shard, or null}]}
    shard-003.skops     the estimator of a shard, for every one that was fitted
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import skops.io

from unlearning.learners.sklearn.answering import answers, constant, frame
from unlearning.learners.tabular.serving import TableModel


class Ensemble(TableModel):
    """Every constituent is an estimator of its own; types that are not listed are refused."""

    def open(self, folder: Path) -> None:
        """Read the estimators."""
        said = json.loads((folder / "constituents.json").read_text("utf-8"))
        self.members: list[tuple[Any, int | None]] = [
            (skops.io.load(folder / one["file"], trusted=said["trusted"]) if "file" in one else None, one.get("only"))
            for one in said["members"]
        ]

    def votes(self, features: Any) -> Any:
        """(constituents, n, k)."""
        labels = self.facts["labels"]
        names = [name for name in self.facts["features"] for _ in range(self.facts["embeddings"].get(name, 1))]
        table = frame(features, names, self.facts["categories"])
        return np.stack(
            [
                constant(len(table), labels, only) if estimator is None else answers(estimator, table, labels)
                for estimator, only in self.members
            ]
        )


mlflow.models.set_model(Ensemble())
