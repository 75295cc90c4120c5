"""What a recipe for scikit-learn may ask for."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.cluster import DBSCAN
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier

from unlearning.domain.errors import RecipeError
from unlearning.learners.sklearn import SklearnRecipe


def recipe(estimator: Any, labels: Any = ("a", "b"), **said: Any) -> SklearnRecipe:
    return SklearnRecipe(estimator=estimator, features=["x"], target="y", person="who", labels=labels, **said)


@pytest.mark.parametrize(
    ("said", "finding"),
    [
        ({"estimator": Ridge()}, "Ridge is a regressor, and labels are declared"),
        ({"estimator": LogisticRegression(), "labels": ()}, "LogisticRegression is a classifier, and no labels are declared"),
        ({"estimator": DBSCAN()}, "expected a scikit-learn estimator with `fit` and `predict`"),
        ({"estimator": "forest"}, "estimator is a str"),
        ({"estimator": LogisticRegression(), "stages": "again"}, "stages='again'; expected refit, partial_fit, warm_start"),
        ({"estimator": LogisticRegression(), "stages": "partial_fit"}, "LogisticRegression has no partial_fit"),
        ({"estimator": KNeighborsClassifier(), "stages": "warm_start"}, "KNeighborsClassifier has no warm_start"),
        ({"estimator": SGDClassifier(), "stages": "partial_fit", "epochs": 0}, "epochs=0"),
    ],
)
def test_what_contradicts_itself_is_said(said: Any, finding: str) -> None:
    with pytest.raises(RecipeError, match=finding):
        recipe(**said)


@pytest.mark.parametrize("estimator", [LogisticRegression(C=2), LogisticRegression, lambda: LogisticRegression(C=2)])
def test_an_estimator_a_class_or_a_function_that_makes_one(estimator: Any) -> None:
    assert type(recipe(estimator).made()) is LogisticRegression
