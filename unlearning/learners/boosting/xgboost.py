"""XGBoost: a link goes on from margins, as the library's base margin.

Base score and bins are the library's own estimates, made of the records of the stage and of nobody else: the base score in the
first, the bins anew in each. Slicing a booster (`booster[0:n]`) is never done: under subsampling what follows is other trees.
Nor is a booster gone on from: the library would ask all of its trees about all records again, at a third of what growing them
costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xgboost as xgb

from unlearning.learners.boosting import parameters

if TYPE_CHECKING:
    from unlearning.domain.protocols import Features, Records
    from unlearning.learners.boosting.library import Margins, Rows
    from unlearning.learners.boosting.recipe import BoostingRecipe

SUFFIX = "ubj"
FAILURES = (xgb.core.XGBoostError, ValueError, TypeError)
MARGINS = "float32"
ROUNDS_ALIKE = None
_SETTLED: dict[str, Any] = {"nthread": 1, "device": "cpu", "booster": "gbtree", "verbosity": 0}
_NO_MATTER = 0.5
"""A base score that every objective takes, where margins stand in its place."""


def train(
    recipe: BoostingRecipe, margins: Margins | None, records: Records, *, rounds: int, seed: int, rows: Rows | None
) -> tuple[bytes, Margins]:
    """A link of so many rounds, and the margins after it: the booster still has them."""
    data = _matrix(recipe, records.features, margins, label=np.asarray(records.target, np.float32))
    settings = parameters.passed("xgboost", recipe.parameters) | _SETTLED | {"seed": seed}
    settings |= parameters.objective("xgboost", recipe.parameters, labels=len(recipe.labels))
    if len(recipe.labels) > 2:
        settings["num_class"] = len(recipe.labels)
    if margins is not None:
        settings["base_score"] = _NO_MATTER
    elif parameters.lacking(records.target, len(recipe.labels)):
        settings = {"base_score": 0.5} | settings
    booster = xgb.Booster(settings, [data])
    for number in range(rounds):
        if rows is not None:
            data.set_weight(rows(number))
        booster.update(data, number)
    return bytes(booster.save_raw("ubj")), _column(booster.predict(data, output_margin=True))


def margins(recipe: BoostingRecipe, link: bytes, features: Features, before: Margins | None) -> Margins:
    """(n, k) log-odds or values on the scale of the trees."""
    del recipe
    with xgb.config_context(nthread=1):  # said to the booster itself, it would take longer to open than to ask
        booster = xgb.Booster(model_file=bytearray(link))
        return _column(booster.inplace_predict(np.asarray(features), predict_type="margin", base_margin=before))


def complain(link: bytes) -> str | None:
    """Why these bytes are no link."""
    try:
        xgb.Booster(model_file=bytearray(link))
    except xgb.core.XGBoostError:
        return "XGBoost cannot read the model in it"
    return None


def _column(answers: Any) -> Margins:
    margins: Margins = np.asarray(answers, MARGINS).reshape(len(answers), -1)
    return margins


def _matrix(recipe: BoostingRecipe, features: Features, margins: Margins | None, **more: Any) -> xgb.DMatrix:
    kinds = ["c" if name in recipe.categories else "q" for name in recipe.encoded]
    return xgb.DMatrix(features, base_margin=margins, feature_types=kinds, enable_categorical=True, nthread=1, **more)
