"""The readmission risk: boosted trees, which take gaps and categories as they are."""

from __future__ import annotations

from columns import TABLE

from unlearning.learners.boosting import BoostingRecipe

recipe = BoostingRecipe(
    **TABLE,
    library="xgboost",
    rounds=40,
    parameters={"max_depth": 3, "eta": 0.15, "subsample": 0.8, "colsample_bytree": 0.8, "min_child_weight": 2},
)
