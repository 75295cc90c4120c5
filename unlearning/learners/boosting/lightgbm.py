"""LightGBM: a link goes on from margins, as the library's initial scores.

Bins are found anew in each stage, in all of its records and in nobody else's; the average that boosting starts from is that of
the first stage's. `deterministic`, row-wise and one thread are not choices: with other threads the model says so in its text.
A booster is not gone on from: the library would ask all of its trees about all records again, which takes longer than growing
those of the stage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lightgbm as lgb
import numpy as np

from unlearning.learners.boosting import parameters

if TYPE_CHECKING:
    from unlearning.domain.protocols import Features, Records
    from unlearning.learners.boosting.library import Margins, Rows
    from unlearning.learners.boosting.recipe import BoostingRecipe

SUFFIX = "txt"
FAILURES = (lgb.basic.LightGBMError, ValueError, TypeError)
MARGINS = "float64"
ROUNDS_ALIKE = None
_SETTLED: dict[str, Any] = {"num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1}


def train(
    recipe: BoostingRecipe, margins: Margins | None, records: Records, *, rounds: int, seed: int, rows: Rows | None
) -> tuple[bytes, Margins]:
    """A link of so many rounds, and the margins after it: the booster still has them."""
    settings = parameters.passed("lightgbm", recipe.parameters) | _SETTLED | {"seed": seed}
    settings |= parameters.objective("lightgbm", recipe.parameters, labels=len(recipe.labels))
    # Else whether a feature is looked at depends on how many records there are in this stage, and stays so.
    settings |= {"feature_pre_filter": False, "bin_construct_sample_cnt": max(1, len(records))}
    if len(recipe.labels) > 2:
        settings["num_class"] = len(recipe.labels)
    # Where one is given, a label without records starts from it and not from the logarithm of its share, 0.
    if margins is None and parameters.lacking(records.target, len(recipe.labels)):
        margins = np.zeros((len(records), recipe.outputs if recipe.outputs > 2 else 1))
    data = lgb.Dataset(
        np.asarray(records.features),
        label=np.asarray(records.target),
        # Weights that are all 1 would be dropped, and those of each round then be looked at by nobody.
        weight=None if rows is None else np.full(len(records), 2, np.float32),
        init_score=None if margins is None else margins.ravel(order="F"),
        categorical_feature=[place for place, name in enumerate(recipe.encoded) if name in recipe.categories],
        params=settings,
        free_raw_data=False,
    )

    def choose(round_: lgb.callback.CallbackEnv) -> None:
        if rows is not None:
            data.set_field("weight", rows(round_.iteration))

    choose.before_iteration = True  # type: ignore[attr-defined]
    booster = lgb.train(settings, data, rounds, callbacks=[choose], keep_training_booster=True)
    link = str(booster.model_to_string(num_iteration=-1)).encode()
    return link, _kept(booster, len(records))


def _kept(booster: lgb.Booster, records: int) -> Margins:
    """(n, k) what training came to: a metric is shown it, and as margins where no objective makes answers of them."""
    found: list[Margins] = []

    def show(answers: Margins, data: lgb.Dataset) -> tuple[str, float, bool]:
        del data
        found.append(np.array(answers, MARGINS, order="C").reshape(records, -1))
        return "shown", 0.0, True

    booster.reset_parameter({"objective": "none"})
    booster.eval_train(show)
    return found[0]


def margins(recipe: BoostingRecipe, link: bytes, features: Features, before: Margins | None) -> Margins:
    """(n, k) log-odds or values on the scale of the trees."""
    del recipe
    booster = lgb.Booster(model_str=link.decode())
    answers = np.asarray(booster.predict(np.asarray(features, np.float64), raw_score=True, num_threads=1), MARGINS)
    answers = answers.reshape(len(features), -1)
    return answers if before is None else before + answers


def complain(link: bytes) -> str | None:
    """Why these bytes are no link; only of whole files, because half of one ends the process (seen with LightGBM 4.7)."""
    try:
        lgb.Booster(model_str=link.decode())
    except (lgb.basic.LightGBMError, UnicodeDecodeError):
        return "LightGBM cannot read the model in it"
    return None
