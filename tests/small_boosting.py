"""Boosted trees for the small world of `unlearning.testing`, with rows and columns drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from unlearning.learners.boosting import BoostingLearner, BoostingRecipe
from unlearning.testing import FEATURES, LABELS

PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "xgboost": {"max_depth": 3, "eta": 0.4, "min_child_weight": 0.01, "subsample": 0.9, "colsample_bytree": 0.8},
    "lightgbm": {
        "num_leaves": 6,
        "learning_rate": 0.4,
        "min_data_in_leaf": 1,
        "min_data_in_bin": 1,
        "min_sum_hessian_in_leaf": 1e-3,
        "bagging_fraction": 0.9,
        "feature_fraction": 0.8,
    },
    "catboost": {"depth": 3, "learning_rate": 0.4, "rsm": 0.8},
}
LIBRARIES = tuple(PARAMETERS)


def recipe(library: str, *, labels: int = LABELS, rounds: int = 12, **more: Any) -> BoostingRecipe:
    return BoostingRecipe(
        library=library,
        features=[f"x{number}" for number in range(FEATURES)],
        target="label",
        person="person",
        labels=[f"label {number}" for number in range(labels)],
        rounds=rounds,
        parameters={**PARAMETERS[library], **more},
    )


def boosting_learner(library: str) -> BoostingLearner:
    pytest.importorskip(library)
    return BoostingLearner(recipe(library))


def boosting_regression(library: str) -> BoostingLearner:
    pytest.importorskip(library)
    return BoostingLearner(replace(recipe(library), labels=()))
