"""Learners of sums for the small world of `unlearning.testing`: every model there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from unlearning.domain.protocols import Records
from unlearning.learners.statistics import RankingRecipe, StatisticsLearner, StatisticsRecipe
from unlearning.learners.statistics.recipe import MODELS
from unlearning.learners.statistics.regression import Regression
from unlearning.testing import FEATURES, ITEMS, LABELS, LearnerFactory

REGRESSIONS = tuple(model for model, family in MODELS.items() if isinstance(family, Regression))
CLASSIFICATIONS = tuple(model for model in MODELS if model not in REGRESSIONS)


def recipe(model: str, *, features: int = FEATURES, labels: int = LABELS, **parts: Any) -> StatisticsRecipe:
    """Any model, of numbers that are nowhere near the ends of their range."""
    ranges = (0.0, 64.0) if model == "multinomial_nb" else (-64.0, 64.0)
    named: Sequence[str] = () if model in REGRESSIONS else [f"label {number}" for number in range(labels)]
    names = [f"x{number}" for number in range(features)]
    given: dict[str, Any] = {"ranges": ranges, "labels": named, "features": names, **parts}
    return StatisticsRecipe(model=model, target="target", person="person", **given)


class CountingLearner(StatisticsLearner):
    """Multinomial naive Bayes for the population's features, which are no counts: it sees them 16 higher."""

    def _sums(self, records: Records) -> Any:
        return super()._sums(replace(records, features=records.features + np.float32(16)))

    def predict(self, state: Any, features: Any) -> Any:
        return super().predict(state, features + np.float32(16))


def factory(model: str) -> LearnerFactory:
    """What makes a learner for the population of `unlearning.testing`."""
    return partial(CountingLearner if model == "multinomial_nb" else StatisticsLearner, recipe(model))


def ranking(model: str, *, items: int = ITEMS, **parts: Any) -> RankingRecipe:
    """A recommender for the lists of `unlearning.testing`."""
    return RankingRecipe(model=model, item="item", person="person", items=catalogue(items), **parts)


def catalogue(items: int) -> list[str]:
    """So many items by name."""
    return [f"item {number}" for number in range(items)]


def ranking_factory(model: str) -> LearnerFactory:
    """What makes a learner for lists."""
    return partial(StatisticsLearner, ranking(model))
