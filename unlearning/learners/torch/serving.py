"""The served model: the mean answer of an ensemble of constituents.

MLflow keeps a copy of this file beside the weights ("model from code") and runs it wherever the model is loaded, so it imports
nothing of this package. The folder it is given holds

    ensemble.json              features in order, declared categories, labels
    template.pt2               a torch.export program: (n, d) float32 → (n, labels) probabilities; its weights are never used
    constituents.safetensors   `shard-003/<name>` → tensor, for every shard that votes
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import torch
from mlflow.pyfunc.model import PythonModel
from safetensors.torch import load_file
from torch.func import functional_call

PREDICTION = "prediction"


def encode(table: pd.DataFrame, features: Sequence[str], categories: Mapping[str, Sequence[str]]) -> Any:
    """Raw columns as (n, d) float32: numbers as they are, a categorical feature in place as one column a declared category.

    A missing number is NaN; a category that is missing or was not declared is all zeros.
    """
    blocks = [_one_hot(table[name], categories[name]) if name in categories else _number(table[name]) for name in features]
    return np.ascontiguousarray(np.concatenate(blocks, axis=1))


def _number(column: pd.Series[Any]) -> Any:
    return column.to_numpy(dtype=np.float32, na_value=np.nan)[:, None]


def _one_hot(column: pd.Series[Any], declared: Sequence[str]) -> Any:
    codes, values = pd.factorize(column)  # -1 where missing
    known = {value: position for position, value in enumerate(declared)}
    positions = np.array([*(known.get(_spelling(value, known), -1) for value in values.tolist()), -1])
    rows = np.eye(len(declared) + 1, len(declared), dtype=np.float32)
    return rows[positions[codes]]


def _spelling(value: object, declared: Mapping[str, int]) -> str:
    text = str(value)
    if text not in declared and isinstance(value, float) and value.is_integer():
        return str(int(value))  # tables turn integers with gaps into floats
    return text


def constituents(tensors: Mapping[str, torch.Tensor]) -> list[dict[str, torch.Tensor]]:
    """One mapping of tensors a shard, in shard order, from names like `shard-003/<name>`."""
    shards: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in sorted(tensors.items()):
        shard, _, rest = name.partition("/")
        shards.setdefault(shard, {})[rest] = tensor
    return list(shards.values())


class Ensemble(PythonModel):
    """Every constituent votes with its probabilities; their mean is the answer."""

    def load_context(self, context: Any) -> None:
        """Open the template and the constituents, on the CPU."""
        folder = Path(context.artifacts["ensemble"])
        self.facts: dict[str, Any] = json.loads((folder / "ensemble.json").read_text("utf-8"))
        self.network = torch.export.load(folder / "template.pt2").module()
        self.votes = constituents(load_file(folder / "constituents.safetensors"))
        expected = set(self.network.state_dict())
        for vote in self.votes:  # or else the template's own weights would answer for what is missing
            if strangers := expected ^ set(vote):
                raise ValueError(f"constituents and template differ in tensors {sorted(strangers)}; register the model again")

    def probabilities(self, features: Any) -> Any:
        """(n, labels) float64 from (n, d) float32."""
        inputs = torch.from_numpy(features)
        with torch.inference_mode():
            votes = [functional_call(self.network, vote, (inputs,)).double() for vote in self.votes]
        return torch.stack(votes).mean(dim=0).numpy()

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """A probability per label and the predicted label, one row a record, with the index of the input."""
        del context, params
        labels = self.facts["labels"]
        features = encode(model_input, self.facts["features"], self.facts["categories"])
        chances = self.probabilities(features)
        answer = pd.DataFrame(chances, columns=labels, index=model_input.index)
        return answer.assign(**{PREDICTION: np.asarray(labels, dtype=object)[chances.argmax(axis=1)]})


mlflow.models.set_model(Ensemble())
