"""Boosted trees by XGBoost, LightGBM or CatBoost, described by a `BoostingRecipe`, trained slice by slice to the same bytes."""

from unlearning.learners.boosting.learner import BoostedState, BoostingLearner
from unlearning.learners.boosting.recipe import BoostingRecipe

__all__ = ["BoostedState", "BoostingLearner", "BoostingRecipe"]
