from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.small_convex import factory
from unlearning.domain.errors import Damaged
from unlearning.domain.protocols import Convex
from unlearning.learners.convex.learner import STEEPEST, gaussian
from unlearning.methods.sisa import Sisa
from unlearning.testing import learner_checks, method_checks, population

RECORDS = population().records


def fitted(learner, records=RECORDS, seed=1):
    return learner.fit(learner.fresh(0, records), records, epochs=1, seed=seed)


@pytest.mark.parametrize("model", ["logistic", "linear"])
@pytest.mark.parametrize("check", learner_checks())
def test_it_keeps_every_promise_of_a_learner(check, model):
    check(factory(model))


@pytest.mark.slow
@pytest.mark.parametrize("check", method_checks())
def test_exact_methods_keep_theirs_with_it(check):
    check(Sisa(), factory("logistic"))


def test_it_plays_the_role():
    assert isinstance(factory("logistic")(), Convex)


def test_training_ends_where_the_gradient_is_the_noise():
    learner = factory("logistic", noise=0.5)()
    at = learner.minimum(fitted(learner))
    inputs, wanted = learner.examples(RECORDS)
    slopes, _ = learner.slopes(inputs @ at.weights.T, wanted)
    gradient = slopes.T @ inputs + learner.recipe.penalty * at.weights
    assert 0.2 < gradient.std() < 1.0
    assert at.residual.max() < 1e-8


def test_without_noise_it_is_the_logistic_regression_that_others_know():
    from sklearn.linear_model import LogisticRegression

    records = RECORDS[RECORDS.target < 2]
    learner = factory("logistic", labels=2, noise=1e-9, penalty=0.01)()
    inputs, _ = learner.examples(records)
    other = LogisticRegression(C=1 / 0.01, fit_intercept=False, tol=1e-10, max_iter=1000).fit(inputs, records.target)
    assert np.allclose(learner.predict(fitted(learner, records), records.features), other.predict_proba(inputs), atol=1e-5)


def test_the_noise_follows_from_the_keys_of_all_records_and_the_seed_and_is_in_no_state():
    one, other = (gaussian((2, 500), secret) for secret in (b"one", b"other"))
    assert np.array_equal(one, gaussian((2, 500), b"one"))
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.15
    assert abs(one.mean()) < 0.15
    assert abs(one.std() - 1) < 0.1
    learner = factory("logistic")()
    others = replace(RECORDS, keys=RECORDS.keys + np.uint64(1))
    trained = [fitted(learner), fitted(learner, seed=2), fitted(learner, others)]
    weights = [learner.minimum(one).weights for one in trained]
    assert not np.allclose(weights[0], weights[1])
    assert not np.allclose(weights[0], weights[2])
    assert "noise" not in vars(fitted(learner))


def test_the_curvature_of_the_logistic_loss_changes_at_most_so_fast():
    scores = np.linspace(-20, 20, 400_001)[:, None]
    _, curved = factory("logistic", labels=2)().slopes(scores, np.zeros_like(scores))
    fastest = np.abs(np.diff(curved[:, 0]) / np.diff(scores[:, 0])).max()
    assert STEEPEST * 0.999 < fastest <= STEEPEST


def test_bytes_of_another_recipe_are_damaged():
    learner = factory("logistic")()
    with pytest.raises(Damaged, match="no minimum of this recipe's model"):
        factory("logistic", penalty=0.2)().loads(learner.dumps(fitted(learner)))
