"""scikit-learn learners for the small world of `unlearning.testing`."""

from __future__ import annotations

from typing import Any

from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unlearning.learners.sklearn import SklearnLearner, SklearnRecipe
from unlearning.testing import FEATURES, LABELS


def learner(estimator: Any, *, labels: bool = True, **said: Any) -> SklearnLearner:
    recipe = SklearnRecipe(
        estimator=estimator,
        features=[f"x{number}" for number in range(FEATURES)],
        target="label",
        person="person",
        labels=[f"label {number}" for number in range(LABELS)] if labels else (),
        **said,
    )
    return SklearnLearner(recipe)


def logistic() -> SklearnLearner:
    return learner(make_pipeline(StandardScaler(), LogisticRegression()))


def ridge() -> SklearnLearner:
    return learner(make_pipeline(StandardScaler(), Ridge()), labels=False)


def forest() -> SklearnLearner:
    return learner(make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)))


def forest_of_values() -> SklearnLearner:
    return learner(make_pipeline(StandardScaler(), RandomForestRegressor(5, random_state=0)), labels=False)


def boosted() -> SklearnLearner:
    return learner(HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=2, random_state=0))


def sgd() -> SklearnLearner:
    estimator = make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=0))
    return learner(estimator, stages="partial_fit", epochs=3)


def sgd_of_values() -> SklearnLearner:
    return learner(make_pipeline(StandardScaler(), SGDRegressor(random_state=0)), labels=False, stages="partial_fit", epochs=3)


def growing_trees() -> SklearnLearner:
    """Not a bootstrap: a record that is in no bag of a stage shapes nothing, which conformance takes for a record left out."""
    return learner(make_pipeline(StandardScaler(), ExtraTreesClassifier(8, random_state=0)), stages="warm_start")


LEARNERS = (logistic, ridge, forest, forest_of_values, boosted, sgd, sgd_of_values, growing_trees)
