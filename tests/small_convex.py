"""Convex learners for the small world of `unlearning.testing`."""

from __future__ import annotations

from functools import partial
from typing import Any

from unlearning.learners.convex import ConvexLearner, ConvexRecipe
from unlearning.testing import FEATURES, LABELS, LearnerFactory


def recipe(model: str, *, features: int = FEATURES, labels: int = LABELS, **parts: Any) -> ConvexRecipe:
    """Of numbers within the range of the population."""
    given: dict[str, Any] = {
        "features": [f"x{number}" for number in range(features)],
        "labels": [f"label {number}" for number in range(labels)] if model == "logistic" else (),
        "ranges": (-32.0, 32.0),
        "penalty": 0.1,
        "noise": 0.1,
        **parts,
    }
    return ConvexRecipe(model=model, target="target", person="person", **given)


def factory(model: str, **parts: Any) -> LearnerFactory:
    """What makes a learner for the population of `unlearning.testing`."""
    return partial(ConvexLearner, recipe(model, **parts))
