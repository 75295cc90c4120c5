"""The served recommender: lists of items in, the best others out, with no row of anybody.

The folder it is given holds `counts.npy` (c, …), how many people have an item, or two, of c constituents, and `ensemble.json`,
which says of which items, the most frequent first, by which model. It is solved once, when the model is loaded.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc.model import PythonModel

from unlearning.learners.statistics.item_scores import scores, weights

ITEMS, SCORES = "items", "scores"


class Recommender(PythonModel):
    """The mean of what its constituents say."""

    def load_context(self, context: Any) -> None:
        """Read the counts, and solve them."""
        folder = Path(context.artifacts["ensemble"])
        facts = json.loads((folder / "ensemble.json").read_text("utf-8"))
        self.counts = np.load(folder / "counts.npy", allow_pickle=False)
        self.names = np.asarray(facts[ITEMS], dtype=object)
        self.place = {name: at for at, name in enumerate(facts[ITEMS])}
        pairs = zip(self.counts, facts["people"], strict=True)
        self.weights = [weights(facts["model"], one, people, facts["penalty"]) for one, people in pairs]

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Of each row's list `items`, those that it lacks: the k best, best first, and their scores.

        Items that the model does not know say nothing; whoever shows none that it knows gets the most frequent.
        """
        del context
        first = max(0, int((params or {}).get("k", 10)))
        lists = np.zeros((len(model_input), len(self.names)), np.uint8)
        for row, shown in enumerate(model_input[ITEMS]):
            told = shown if isinstance(shown, (list, tuple, np.ndarray)) else ()
            lists[row, [self.place[str(one)] for one in told if str(one) in self.place]] = 1
        found = np.mean([scores(one, lists) for one in self.weights], axis=0)
        found[lists.astype(bool)] = -np.inf
        best = np.argsort(-found, axis=1, kind="stable")[:, :first]
        rows = [row[: int(np.isfinite(found[at, row]).sum())] for at, row in enumerate(best)]
        answer = {
            ITEMS: [self.names[row].tolist() for row in rows],
            SCORES: [found[at, row].tolist() for at, row in enumerate(rows)],
        }
        return pd.DataFrame(answer, index=model_input.index)

    def together(self, first: str, second: str) -> int:
        """How many people behind the model have both items, or have one if they are the same."""
        if self.counts.shape[1] == len(self.names) > 1:
            raise ValueError("the model counts how many people have an item, and not two; ask one of ease or cooccurrence")
        if not {first, second} <= self.place.keys():
            return 0
        row, column = sorted((self.place[first], self.place[second]))
        return int(self.counts[:, row * len(self.names) - row * (row - 1) // 2 + column - row].sum())


mlflow.models.set_model(Recommender())
