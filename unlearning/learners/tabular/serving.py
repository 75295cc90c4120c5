"""Raw columns in, an answer a row out: the part of a served model that is the same for every kind of it.

MLflow keeps a copy of this text beside the model ("model from code") and runs it wherever the model is loaded, so it imports
nothing of this package. `ensemble.json` in its folder says the features in order, the declared categories and embeddings, and
the labels.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from mlflow.pyfunc.model import PythonModel

PREDICTION = "prediction"


def encode(
    table: pd.DataFrame,
    features: Sequence[str],
    categories: Mapping[str, Sequence[str]],
    *,
    one_hot: bool = True,
    embeddings: Mapping[str, int] = MappingProxyType({}),
) -> Any:
    """Raw columns as (n, d) float32: numbers as they are; a categorical feature in place, as its position or one-hot.

    A missing number is NaN, as are all of a missing list; a category that is missing or was not declared is NaN or all zeros.
    Raises ValueError for a list of another length than was trained on.
    """

    def block(name: str) -> Any:
        if name in embeddings:
            return _listed(name, table[name], embeddings[name])
        return _coded(table[name], categories[name], one_hot) if name in categories else _number(table[name])

    return np.ascontiguousarray(np.concatenate([block(name) for name in features], axis=1))


def _listed(name: str, column: pd.Series[Any], length: int) -> Any:
    values = np.full((len(column), length), np.nan, np.float32)
    for row, numbers in enumerate(column):
        if numbers is None or numbers is pd.NA or (isinstance(numbers, float) and np.isnan(numbers)):
            continue
        if len(numbers) != length:
            raise ValueError(f"{name} has a list of {len(numbers)} numbers in row {row}; expected {length}")
        values[row] = np.asarray(numbers, np.float32)
    return values


def _number(column: pd.Series[Any]) -> Any:
    return column.to_numpy(dtype=np.float32, na_value=np.nan)[:, None]


def _coded(column: pd.Series[Any], declared: Sequence[str], one_hot: bool) -> Any:
    codes, values = pd.factorize(column)  # -1 where missing
    known = {value: position for position, value in enumerate(declared)}
    positions = np.array([*(known.get(_spelling(value, known), -1) for value in values.tolist()), -1])[codes]
    if one_hot:
        return np.eye(len(declared) + 1, len(declared), dtype=np.float32)[positions]
    return np.where(positions < 0, np.nan, positions).astype(np.float32)[:, None]


def _spelling(value: object, declared: Mapping[str, int]) -> str:
    text = str(value)
    if text not in declared and isinstance(value, float) and value.is_integer():
        return str(int(value))  # tables turn integers with gaps into floats
    return text


class TableModel(PythonModel):
    """Every constituent votes; the mean of their votes is the answer."""

    def load_context(self, context: Any) -> None:
        """Read what the model declares, and open the constituents."""
        folder = Path(context.artifacts["ensemble"])
        self.facts: dict[str, Any] = json.loads((folder / "ensemble.json").read_text("utf-8"))
        self.open(folder)

    def open(self, folder: Path) -> None:
        """Open the files of the constituents."""
        raise NotImplementedError

    def votes(self, features: Any) -> Any:
        """(constituents, n, k) float64 from (n, d) float32: probabilities of the labels, or k = 1 values."""
        raise NotImplementedError

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """A probability per label and the predicted label, or the predicted value; with the index of the input."""
        del context, params
        facts = self.facts
        features = encode(
            model_input,
            facts["features"],
            facts["categories"],
            one_hot=facts["one_hot"],
            embeddings=facts["embeddings"],
        )
        means = np.mean(np.asarray(self.votes(features), np.float64), axis=0)
        if not (labels := facts["labels"]):
            return pd.DataFrame({PREDICTION: means[:, 0]}, index=model_input.index)
        answer = pd.DataFrame(means, columns=labels, index=model_input.index)
        return answer.assign(**{PREDICTION: np.asarray(labels, dtype=object)[means.argmax(axis=1)]})
