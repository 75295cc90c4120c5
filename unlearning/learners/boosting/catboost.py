"""CatBoost: a stage goes on from the cbm bytes of the one before, with the date, names and scores taken out of them.

Plain boosting without the library's bootstrap, in storage order. Rows are drawn anew every `ROUNDS_ALIKE` rounds: within one
call of the library they cannot change, and each call finds the bins again.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import catboost as cb
import numpy as np
from numpy.typing import NDArray

from unlearning.learners.boosting import parameters

if TYPE_CHECKING:
    from unlearning.domain.protocols import Features, Records
    from unlearning.learners.boosting.library import Rows
    from unlearning.learners.boosting.recipe import BoostingRecipe

SUFFIX = "cbm"
FAILURES = (cb.CatBoostError,)
ROUNDS_ALIKE = 20
_SETTLED: dict[str, Any] = {
    "thread_count": 1,
    "boosting_type": "Plain",
    "bootstrap_type": "No",
    "has_time": True,
    "allow_const_label": True,
    "allow_writing_files": False,
    "logging_level": "Silent",
}
_KEPT = {"params", "class_params", "loss_function"}


def train(recipe: BoostingRecipe, model: bytes, records: Records, *, rounds: int, seed: int, rows: Rows | None) -> bytes:
    """The model with so many rounds more."""
    settings = parameters.passed("catboost", recipe.parameters) | _SETTLED
    settings |= parameters.objective("catboost", recipe.parameters, labels=len(recipe.labels))
    if recipe.labels:
        settings["class_names"] = list(range(len(recipe.labels)))
    pool = _pool(recipe, records)
    settings["dev_max_subset_size_for_build_borders"] = pool.num_row()
    alike = rounds if rows is None else ROUNDS_ALIKE
    for start in range(0, rounds, alike):
        weights = np.ones(len(records), np.float32) if rows is None else rows(start)
        pool.set_weight(np.append(weights, np.zeros(pool.num_row() - len(records), np.float32)))
        trained = cb.CatBoost(settings | {"iterations": min(alike, rounds - start), "random_seed": seed + start})
        trained.fit(pool, init_model=_opened(model) if model else None)
        model = _bytes(trained)
    return model


def raw(recipe: BoostingRecipe, model: bytes, features: Features) -> NDArray[np.float64]:
    """(n, k) log-odds or (n, 1) values."""
    del recipe
    answers = _opened(model).predict(np.asarray(features), prediction_type="RawFormulaVal", thread_count=1)
    return np.asarray(answers, np.float64).reshape(len(features), -1)


def complain(model: bytes) -> str | None:
    """Why these bytes are no model."""
    try:
        _opened(model)
    except cb.CatBoostError:
        return "CatBoost cannot read the model in it"
    return None


def _pool(recipe: BoostingRecipe, records: Records) -> cb.Pool:
    """The records, and one of gaps and weight 0 for each label.

    A label without records would have a probability of 0 for ever, and two stages could not be added up if a feature had gaps
    in one of them alone.
    """
    count = recipe.outputs
    gaps = np.full((count, recipe.width), np.nan, np.float32)
    target = np.arange(count) if recipe.labels else records.target[:1]
    return cb.Pool(np.concatenate((records.features, gaps)), label=np.concatenate((records.target, target)))


def _opened(model: bytes) -> cb.CatBoost:
    opened = cb.CatBoost()
    opened.load_model(blob=model)
    return opened


def _bytes(model: cb.CatBoost) -> bytes:
    said = model.get_metadata()
    for name in set(said.keys()) - _KEPT:  # among them the time, a random name, and the losses of every round
        del said[name]
    with tempfile.TemporaryDirectory() as folder:
        model.save_model(str(file := Path(folder) / "model"))
        return file.read_bytes()
