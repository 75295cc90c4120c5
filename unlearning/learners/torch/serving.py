"""The served model of columns: the mean answer of an ensemble of constituents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow

from unlearning.learners.tabular.serving import TableModel
from unlearning.learners.torch.votes import Votes


class Ensemble(TableModel):
    """Asked with rows of a table."""

    def open(self, folder: Path) -> None:
        """Open the program and the weights."""
        self.ensemble = Votes(folder)

    def votes(self, features: Any) -> Any:
        """(constituents, n, k)."""
        return self.ensemble.of(features)


mlflow.models.set_model(Ensemble())
