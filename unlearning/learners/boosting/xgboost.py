"""XGBoost: a stage goes on from the UBJ bytes of the one before, whose base score it keeps.

Base score and bins are the library's own estimates, made of the records of the stage and of nobody else: the base score in the
first, the bins anew in each. Slicing a booster (`booster[0:n]`) is never done: under subsampling what follows is other trees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from unlearning.learners.boosting import parameters

if TYPE_CHECKING:
    from unlearning.domain.protocols import Features, Records
    from unlearning.learners.boosting.library import Rows
    from unlearning.learners.boosting.recipe import BoostingRecipe

SUFFIX = "ubj"
FAILURES = (xgb.core.XGBoostError, ValueError, TypeError)
_SETTLED: dict[str, Any] = {"nthread": 1, "device": "cpu", "booster": "gbtree", "verbosity": 0}


def train(recipe: BoostingRecipe, model: bytes, records: Records, *, rounds: int, seed: int, rows: Rows | None) -> bytes:
    """The model with so many rounds more."""
    data = _matrix(recipe, records.features, np.asarray(records.target, np.float32))
    settings = parameters.passed("xgboost", recipe.parameters) | _SETTLED | {"seed": seed}
    settings |= parameters.objective("xgboost", recipe.parameters, labels=len(recipe.labels))
    if len(recipe.labels) > 2:
        settings["num_class"] = len(recipe.labels)
    if not model and parameters.lacking(records.target, len(recipe.labels)):
        settings = {"base_score": 0.5} | settings
    booster = xgb.Booster(settings, [data], model_file=bytearray(model) if model else None)
    for number in range(rounds):
        if rows is not None:
            data.set_weight(rows(number))
        booster.update(data, number)
    return bytes(booster.save_raw("ubj"))


def raw(recipe: BoostingRecipe, model: bytes, features: Features) -> NDArray[np.float64]:
    """(n, k) log-odds or (n, 1) values."""
    booster = xgb.Booster({"nthread": 1}, model_file=bytearray(model))
    answers = booster.predict(_matrix(recipe, features), output_margin=bool(recipe.labels))
    return np.asarray(answers, np.float64).reshape(len(features), -1)


def complain(model: bytes) -> str | None:
    """Why these bytes are no model."""
    try:
        xgb.Booster(model_file=bytearray(model))
    except xgb.core.XGBoostError:
        return "XGBoost cannot read the model in it"
    return None


def _matrix(recipe: BoostingRecipe, features: Features, target: NDArray[np.float32] | None = None) -> xgb.DMatrix:
    kinds = ["c" if name in recipe.categories else "q" for name in recipe.encoded]
    return xgb.DMatrix(features, label=target, feature_types=kinds, enable_categorical=True, nthread=1)
