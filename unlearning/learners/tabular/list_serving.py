"""Lists of items in, the best others out: the part of a served recommender that is the same for every kind of it.

MLflow keeps a copy of this text beside the model ("model from code") and runs it wherever the model is loaded, so it imports
nothing of this package. `ensemble.json` in its folder says the items that the model may name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.pyfunc.model import PythonModel

ITEMS, SCORES = "items", "scores"


class ListModel(PythonModel):
    """Asked with a column of lists, with no row of anybody."""

    def load_context(self, context: Any) -> None:
        """Read what the model declares, and open its files."""
        folder = Path(context.artifacts["ensemble"])
        self.facts: dict[str, Any] = json.loads((folder / "ensemble.json").read_text("utf-8"))
        self.names = np.asarray(self.facts[ITEMS], dtype=object)
        self.place = {name: at for at, name in enumerate(self.facts[ITEMS])}
        self.open(folder)

    def open(self, folder: Path) -> None:
        """Open the files."""
        raise NotImplementedError

    def scores(self, lists: Any) -> Any:
        """(n, named items) float64 from as many zeros and ones."""
        raise NotImplementedError

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Of each row's list `items`, those that it lacks: the k best, best first, and their scores.

        Items that the model does not know say nothing; whoever shows none that it knows gets what it recommends to anybody.
        """
        del context
        first = max(0, int((params or {}).get("k", 10)))
        lists = np.zeros((len(model_input), len(self.names)), np.uint8)
        for row, shown in enumerate(model_input[ITEMS]):
            told = shown if isinstance(shown, (list, tuple, np.ndarray)) else ()
            lists[row, [self.place[str(one)] for one in told if str(one) in self.place]] = 1
        found = np.array(self.scores(lists), np.float64)
        found[lists.astype(bool)] = -np.inf
        best = np.argsort(-found, axis=1, kind="stable")[:, :first]
        rows = [row[: int(np.isfinite(found[at, row]).sum())] for at, row in enumerate(best)]
        answer = {
            ITEMS: [self.names[row].tolist() for row in rows],
            SCORES: [found[at, row].tolist() for at, row in enumerate(rows)],
        }
        return pd.DataFrame(answer, index=model_input.index)
