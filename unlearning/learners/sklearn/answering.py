"""What a fitted estimator is asked with, and what its answer means; the served file takes this text along.

No probability is below LEAST: an estimator may say 0, and a member has never seen the labels that its shard lacks, but neither
is a proof that a record cannot have the label, and a loss must be finite.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

LEAST = 1e-6


def frame(features: Any, names: Sequence[str], categories: Mapping[str, Sequence[str]]) -> Any:
    """(n, d) numbers as the table an estimator sees: float64 columns, declared categories as strings, NaN where missing.

    names: (d,); where several are made of one column, as of an embedding, they are called `name[0]`, `name[1]` and so on.
    """
    columns: dict[str, Any] = {}
    numbered = Counter[str]()
    repeated = {name for name, times in Counter(names).items() if times > 1}
    for number, name in enumerate(names):
        values: Any = np.asarray(features[:, number], np.float64)
        if name in categories:
            spelled = np.array([*categories[name], np.nan], dtype=object)
            values = pd.Series(spelled[np.where(np.isnan(values), -1, values).astype(np.int64)], dtype=object)
        columns[f"{name}[{numbered[name]}]" if name in repeated else name] = values
        numbered[name] += 1
    return pd.DataFrame(columns, index=pd.RangeIndex(len(features)))


def answers(estimator: Any, table: Any, labels: Sequence[str]) -> Any:
    """(n, labels) probabilities, or (n, 1) values; an estimator without probabilities votes for the label it predicts."""
    if not labels:
        values = estimator.predict(table) if len(table) else np.zeros(0)
        return np.asarray(values, np.float64).reshape(len(table), 1)
    shares = np.zeros((len(table), len(labels)))
    position = {label: number for number, label in enumerate(labels)}
    if len(table) and hasattr(estimator, "predict_proba"):
        shares[:, [position[str(one)] for one in estimator.classes_]] = estimator.predict_proba(table)
    elif len(table):
        shares[np.arange(len(table)), [position[str(one)] for one in estimator.predict(table)]] = 1.0
    return smoothed(shares)


def constant(rows: int, labels: Sequence[str], only: int | None) -> Any:
    """(n, k) what is answered by a member whose shard has one label, or by one that was never fitted: no label, or 0."""
    shares = np.full((rows, max(1, len(labels))), 1 / len(labels) if labels else 0.0)
    if only is not None:
        shares = np.tile(np.arange(len(labels)) == only, (rows, 1)).astype(np.float64)
    return smoothed(shares) if labels else shares


def smoothed(shares: Any) -> Any:
    """Probabilities drawn towards equal ones, so that none is below LEAST and they sum to 1."""
    return shares * (1 - LEAST * shares.shape[1]) + LEAST
