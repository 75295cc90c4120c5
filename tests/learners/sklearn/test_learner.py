"""scikit-learn estimators as learners."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from tests.small_sklearn import LEARNERS, forest, growing_trees, learner, logistic, ridge
from unlearning.domain.errors import Damaged, DataError, RecipeError, SettingsError
from unlearning.domain.protocols import Records
from unlearning.learners.sklearn import SklearnLearner, SklearnRecipe, storing
from unlearning.learners.sklearn.answering import LEAST
from unlearning.testing import learner_checks, population

ALWAYS = ("the_same_arguments_give_the_same_bytes", "every_record_shapes_the_state")


def cases() -> Iterator[Any]:
    """Every check with every learner; by default the whole list over one of values, one of labels and one that grows."""
    for check, make_learner in itertools.product(learner_checks(), LEARNERS):
        often = make_learner in (ridge, logistic, growing_trees) or check.__name__ in ALWAYS
        name = f"{check.__name__}-{make_learner.__name__}"
        yield pytest.param(check, make_learner, id=name, marks=() if often else pytest.mark.slow)


@pytest.mark.parametrize(("check", "make_learner"), list(cases()))
def test_every_kind_of_estimator_conforms(check: Any, make_learner: Any) -> None:
    check(make_learner)


def fitted(made: SklearnLearner, records: Records | None = None) -> Any:
    records = population().records if records is None else records
    return made.fit(made.fresh(1, records), records, epochs=1, seed=3)


# --- checkpoints -----------------------------------------------------------------------------------------------------


def test_a_file_of_these_libraries_is_opened_once_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever only looks whether a member is there would spend as long as fitting it."""
    state = fitted(logistic())
    payload, opened = logistic().dumps(state), []
    monkeypatch.setattr(storing, "unpack", opened.append)
    loaded = logistic().loads(payload)
    assert not opened
    _ = loaded.estimator
    assert opened == [state.payload]
    other = logistic().dumps(replace(state, by="scikit-learn 0.1"))
    assert logistic().dumps(logistic().loads(other)) == other
    assert len(opened) == 2


def test_a_changed_checkpoint_is_damaged_and_one_of_other_libraries_is_tried_at_once() -> None:
    made, state = logistic(), fitted(logistic())
    payload = made.dumps(state)
    changed = payload[:-9] + bytes([payload[-9] ^ 1]) + payload[-8:]
    unreadable = made.dumps(replace(state, payload=b"nonsense", by="scikit-learn 0.1"))
    for wrong in (changed, payload[:-1], payload[:9], b"[1]\n", b'{"seed": 1}\n', unreadable):
        with pytest.raises(Damaged, match="delete it and run `unlearn train`"):
            made.loads(wrong)


# --- refused ---------------------------------------------------------------------------------------------------------


class Dice(ClassifierMixin, BaseEstimator):
    """Draws from numpy's global generator, and has no parameter that says so."""

    def fit(self, table: Any, target: Any) -> Dice:
        del table
        self.classes_, self.bias_ = np.unique(target), np.random.random()
        return self

    def predict(self, table: Any) -> Any:
        return np.full(len(table), self.classes_[0])


class Scale(TransformerMixin, BaseEstimator):
    def fit(self, *_given: Any) -> Scale:
        return self

    def transform(self, table: Any) -> Any:
        return table


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(3),
        make_pipeline(StandardScaler(), RandomForestClassifier(3)),
        MLPClassifier(max_iter=3),
        HistGradientBoostingClassifier(max_iter=2),
        make_pipeline(SelectKBest(k=2), SGDClassifier()),
        GridSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=KFold(2, shuffle=True)),
    ],
    ids=lambda one: type(one).__name__,
)
def test_an_estimator_that_draws_without_a_random_state_is_refused(estimator: Any) -> None:
    with pytest.raises(RecipeError, match="draws random numbers without a random_state"):
        fitted(learner(estimator))


def test_the_parameter_that_lacks_a_seed_is_named() -> None:
    with pytest.raises(RecipeError, match="randomforestclassifier__random_state"):
        fitted(learner(make_pipeline(StandardScaler(), RandomForestClassifier(3))))


def test_a_random_state_of_nobody_is_fine_where_nothing_is_drawn() -> None:
    assert fitted(logistic()).fitted


@pytest.mark.parametrize(
    ("estimator", "named"),
    [
        (Dice(), "Dice"),
        (make_pipeline(Scale(), LogisticRegression()), "Scale"),
        (make_pipeline(FunctionTransformer(lambda one: one), LogisticRegression()), "Pipeline"),
        (make_pipeline(FunctionTransformer(population), LogisticRegression()), "population"),
    ],
)
def test_what_cannot_be_stored_without_pickle_is_named_with_what_can(estimator: Any, named: str) -> None:
    with pytest.raises(RecipeError, match=rf"{named}.*estimators of scikit-learn and pipelines of them can be stored"):
        fitted(learner(estimator))


def test_an_estimator_that_gives_other_bytes_twice_is_refused_with_the_attribute(monkeypatch: pytest.MonkeyPatch) -> None:
    import itertools

    count, plain = itertools.count(), LogisticRegression.fit

    def fit(self: Any, *given: Any) -> Any:
        made = plain(self, *given)
        made.intercept_ = made.intercept_ + next(count)
        return made

    monkeypatch.setattr(LogisticRegression, "fit", fit)
    with pytest.raises(RecipeError, match=r"gave other bytes, in intercept_;"):
        fitted(learner(LogisticRegression(C=0.7)))


def test_gaps_that_an_estimator_does_not_take_are_an_error_of_the_data_that_names_the_step() -> None:
    records = population().records
    features = records.features.copy()
    features[3, 1] = np.nan
    gaps = Records(features, records.target, records.keys)
    with pytest.raises(
        DataError, match=r"step 'logisticregression' \(LogisticRegression\) takes no missing values, and 1 of 41"
    ):
        fitted(logistic(), gaps)
    made = learner(HistGradientBoostingClassifier(max_iter=3, random_state=0))
    assert np.isfinite(made.losses(fitted(made, gaps), gaps)).all()


def test_an_accelerator_is_refused() -> None:
    with pytest.raises(SettingsError, match="scikit-learn computes on the CPU"):
        SklearnLearner(logistic().recipe, device="cuda")


def test_a_category_that_a_shard_never_had_is_named_with_what_to_do() -> None:
    recipe = warded(OneHotEncoder())
    made = SklearnLearner(recipe)
    records = Records(np.array([[0, 1.0], [0, 2.0]] * 4, np.float32), np.array([0, 1] * 4))
    state = fitted(made, records)
    with pytest.raises(RecipeError, match=r"step '.*onehotencoder' \(OneHotEncoder\) failed .* handle_unknown='ignore'"):
        made.predict(state, np.array([[1, 1.0]], np.float32))
    lenient = SklearnLearner(warded(OneHotEncoder(handle_unknown="ignore")))
    assert lenient.predict(fitted(lenient, records), np.array([[1, 1.0]], np.float32)).shape == (1, 2)


# --- served and kept ---------------------------------------------------------------------------------------------------


def warded(encoder: Any) -> SklearnRecipe:
    return SklearnRecipe(
        estimator=make_pipeline(make_column_transformer((encoder, ["ward"]), remainder=SimpleImputer()), LogisticRegression()),
        features=["ward", "age"],
        categories={"ward": ("north", "south")},
        target="outcome",
        person="patient",
        labels=("ill", "well"),
    )


def test_one_label_in_a_shard_is_a_constant_answer_that_leaves_the_others_a_little() -> None:
    records = population().records
    one = Records(records.features, np.ones_like(records.target), records.keys)
    for make in (logistic, forest):
        made = make()
        answers = made.predict(fitted(made, one), one.features)
        np.testing.assert_allclose(answers, np.tile([LEAST, 1 - 2 * LEAST, LEAST], (len(one), 1)))


def test_a_label_that_a_shard_lacks_gets_the_least() -> None:
    records = population().records
    two = records[records.target != 1]
    made = logistic()
    answers = made.predict(fitted(made, two), records.features)
    np.testing.assert_allclose(answers[:, 1], LEAST)
    assert np.isfinite(made.losses(fitted(made, two), records)).all()


def test_an_estimator_without_probabilities_votes() -> None:
    made = learner(RidgeClassifier())
    answers = made.predict(fitted(made), population().records.features)
    assert set(np.round(answers, 4).ravel().tolist()) == {0.0, 1.0}


def test_a_search_keeps_what_it_found_and_not_how_long_it_took() -> None:
    made = learner(GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2))
    assert type(fitted(made).estimator) is LogisticRegression
    assert made.dumps(fitted(made)) == made.dumps(fitted(made))


def test_neighbours_are_kept_as_records_of_their_shard_alone() -> None:
    made = learner(KNeighborsClassifier(1))
    assert (
        made.predict(fitted(made), population().records.features).argmax(axis=1).tolist()
        == population().records.target.tolist()
    )


def test_the_number_a_random_state_is_given_does_not_matter() -> None:
    states = [fitted(learner(RandomForestClassifier(3, random_state=number, n_jobs=2))) for number in (0, 1)]
    assert states[0].payload == states[1].payload


SCRIPT = """
import hashlib
from tests.small_sklearn import LEARNERS
from unlearning.domain.tasks import named
from unlearning.testing import population
for make in LEARNERS:
    made = make()
    records = population(task=named(made.recipe.task)).records
    print(hashlib.sha256(made.dumps(made.fit(made.fresh(1, records), records, epochs=1, seed=3))).hexdigest())
"""


def test_another_process_gives_the_same_bytes() -> None:
    root = Path(__file__).parents[3]
    there = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, cwd=root).stdout
    with redirect_stdout(StringIO()) as here:
        exec(SCRIPT, {})
    assert there == here.getvalue()
    assert len(set(there.split())) == len(LEARNERS)


@pytest.mark.parametrize("change", [{"features": ["x0", "x1", "x3", "x2"]}, {"features": ["x0"]}, {"labels": ["a", "b", "c"]}])
def test_a_state_of_other_columns_or_labels_is_none_of_the_recipe_s(change: dict[str, Any]) -> None:
    learner, records = logistic(), population().records
    payload = learner.dumps(learner.fit(learner.fresh(1, records), records, epochs=1, seed=1))
    assert learner.dumps(SklearnLearner(learner.recipe).loads(payload)) == payload
    other = SklearnLearner(replace(learner.recipe, **change))
    with pytest.raises(Damaged, match="of other columns or labels than the recipe's"):
        other.loads(payload)
