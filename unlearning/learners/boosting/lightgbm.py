"""LightGBM: a stage goes on from the text of the one before.

Bins are found anew in each stage, in all of its records and in nobody else's; the average that boosting starts from is that of
the first stage's. `deterministic`, row-wise and one thread are not choices: with other threads the model says so in its text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from unlearning.learners.boosting import parameters

if TYPE_CHECKING:
    from unlearning.domain.protocols import Features, Records
    from unlearning.learners.boosting.library import Rows
    from unlearning.learners.boosting.recipe import BoostingRecipe

SUFFIX = "txt"
FAILURES = (lgb.basic.LightGBMError, ValueError, TypeError)
_SETTLED: dict[str, Any] = {"num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1}


def train(recipe: BoostingRecipe, model: bytes, records: Records, *, rounds: int, seed: int, rows: Rows | None) -> bytes:
    """The model with so many rounds more."""
    settings = parameters.passed("lightgbm", recipe.parameters) | _SETTLED | {"seed": seed}
    settings |= parameters.objective("lightgbm", recipe.parameters, labels=len(recipe.labels))
    # Else whether a feature is looked at depends on how many records there are in this stage, and stays so.
    settings |= {"feature_pre_filter": False, "bin_construct_sample_cnt": max(1, len(records))}
    if len(recipe.labels) > 2:
        settings["num_class"] = len(recipe.labels)
    # Where one is given, a label without records starts from it and not from the logarithm of its share, 0.
    equal = not model and parameters.lacking(records.target, len(recipe.labels))
    data = lgb.Dataset(
        np.asarray(records.features),
        label=np.asarray(records.target),
        # Weights that are all 1 would be dropped, and those of each round then be looked at by nobody.
        weight=None if rows is None else np.full(len(records), 2, np.float32),
        init_score=np.zeros(len(records) * (recipe.outputs if recipe.outputs > 2 else 1)) if equal else None,
        categorical_feature=[place for place, name in enumerate(recipe.encoded) if name in recipe.categories],
        params=settings,
        free_raw_data=False,
    )

    def choose(round_: lgb.callback.CallbackEnv) -> None:
        if rows is not None:
            data.set_field("weight", rows(round_.iteration - round_.begin_iteration))

    choose.before_iteration = True  # type: ignore[attr-defined]
    start = lgb.Booster(model_str=model.decode()) if model else None
    booster = lgb.train(settings, data, rounds, init_model=start, callbacks=[choose])
    return str(booster.model_to_string(num_iteration=-1)).encode()


def raw(recipe: BoostingRecipe, model: bytes, features: Features) -> NDArray[np.float64]:
    """(n, k) log-odds or (n, 1) values."""
    booster = lgb.Booster(model_str=model.decode())
    answers = booster.predict(np.asarray(features), raw_score=bool(recipe.labels), num_threads=1)
    return np.asarray(answers, np.float64).reshape(len(features), -1)


def complain(model: bytes) -> str | None:
    """Why these bytes are no model; only of whole files, because half of one ends the process (seen with LightGBM 4.7)."""
    try:
        lgb.Booster(model_str=model.decode())
    except (lgb.basic.LightGBMError, UnicodeDecodeError):
        return "LightGBM cannot read the model in it"
    return None
