"""The served recommender by embeddings: the mean score of an ensemble, of the items that somebody of its people has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np

from unlearning.learners.tabular.list_serving import ListModel
from unlearning.learners.torch.votes import Votes


class Recommender(ListModel):
    """Asked with lists of items."""

    def open(self, folder: Path) -> None:
        """Open the program and the weights."""
        self.ensemble = Votes(folder)

    def scores(self, lists: Any) -> Any:
        """(n, named items)."""
        every = np.zeros((len(lists), self.facts["width"]), np.float32)
        every[:, self.facts["at"]] = lists
        return self.ensemble.of(every).mean(axis=0)[:, self.facts["at"]]


mlflow.models.set_model(Recommender())
