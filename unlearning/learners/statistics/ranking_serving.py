"""The served recommender of sums: how many people have an item, or two, says what else somebody may like.

The folder it is given holds, besides what every recommender has, `counts.npy` (c, …), of c constituents, of the items that
`ensemble.json` names, the most frequent first. It is solved once, when the model is loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np

from unlearning.learners.statistics.item_scores import scores, weights
from unlearning.learners.tabular.list_serving import ListModel


class Recommender(ListModel):
    """The mean of what its constituents say."""

    def open(self, folder: Path) -> None:
        """Read the counts, and solve them."""
        self.counts = np.load(folder / "counts.npy", allow_pickle=False)
        pairs = zip(self.counts, self.facts["people"], strict=True)
        self.weights = [weights(self.facts["model"], one, people, self.facts["penalty"]) for one, people in pairs]

    def scores(self, lists: Any) -> Any:
        """(n, named items)."""
        return np.mean([scores(one, lists) for one in self.weights], axis=0)

    def together(self, first: str, second: str) -> int:
        """How many people behind the model have both items, or have one if they are the same."""
        if self.counts.shape[1] == len(self.names) > 1:
            raise ValueError("the model counts how many people have an item, and not two; ask one of ease or cooccurrence")
        if not {first, second} <= self.place.keys():
            return 0
        row, column = sorted((self.place[first], self.place[second]))
        return int(self.counts[:, row * len(self.names) - row * (row - 1) // 2 + column - row].sum())


mlflow.models.set_model(Recommender())
