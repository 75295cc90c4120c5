"""CatBoost: a link goes on from margins, as the library's baseline; date, names and scores are taken out of its file.

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
    from unlearning.learners.boosting.library import Margins, Rows
    from unlearning.learners.boosting.recipe import BoostingRecipe

SUFFIX = "cbm"
FAILURES = (cb.CatBoostError,)
MARGINS = "float64"
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


def train(
    recipe: BoostingRecipe, margins: Margins | None, records: Records, *, rounds: int, seed: int, rows: Rows | None
) -> tuple[bytes, None]:
    """A link of so many rounds, which see the same rows."""
    settings = parameters.passed("catboost", recipe.parameters) | _SETTLED
    settings |= parameters.objective("catboost", recipe.parameters, labels=len(recipe.labels))
    if recipe.labels:
        settings["class_names"] = list(range(len(recipe.labels)))
    pool = _pool(recipe, records, margins, np.ones(len(records), np.float32) if rows is None else rows(0))
    settings |= {"dev_max_subset_size_for_build_borders": pool.num_row(), "iterations": rounds, "random_seed": seed}
    if margins is not None:
        settings["boost_from_average"] = False
    trained = cb.CatBoost(settings)
    trained.fit(pool)
    return _bytes(trained), None


def margins(recipe: BoostingRecipe, link: bytes, features: Features, before: Margins | None) -> Margins:
    """(n, k) log-odds or values."""
    del recipe
    answers = _opened(link).predict(np.asarray(features), prediction_type="RawFormulaVal", thread_count=1)
    answers = np.asarray(answers, MARGINS).reshape(len(features), -1)
    return answers if before is None else before + answers


def complain(link: bytes) -> str | None:
    """Why these bytes are no link."""
    try:
        _opened(link)
    except cb.CatBoostError:
        return "CatBoost cannot read the model in it"
    return None


def _pool(recipe: BoostingRecipe, records: Records, margins: Margins | None, weights: NDArray[np.float32]) -> cb.Pool:
    """The records, and one of gaps and weight 0 for each label: one without records would have a probability of 0 for ever."""
    count = recipe.outputs
    gaps = np.full((count, recipe.width), np.nan, np.float32)
    target = np.arange(count) if recipe.labels else records.target[:1]
    return cb.Pool(
        np.concatenate((records.features, gaps)),
        label=np.concatenate((records.target, target)),
        weight=np.append(weights, np.zeros(count, np.float32)),
        baseline=None if margins is None else np.concatenate((margins, np.zeros((count, margins.shape[1])))),
    )


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
