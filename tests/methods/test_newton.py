"""The account of a Newton step is never below the gradient that is left, and beyond the budget nothing is certified."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import log, sqrt

import numpy as np
import pytest
from hypothesis import strategies as st

from tests.fakes import FakeLearner
from tests.properties import drawn
from tests.small_convex import factory
from unlearning.domain.entities import Certified
from unlearning.domain.errors import MethodFailed, SettingsError, WrongUse
from unlearning.domain.tasks import REGRESSION
from unlearning.methods.newton import allowed, newton, spent, step
from unlearning.testing import Bench, method_checks, population

PARAMS = {"epsilon": 1.0, "delta": 1e-4}
ROWS = 120
MODELS = {
    model: (learner := factory(model)(), records := population(people=60, rows=ROWS, seed=3, **task).records,
            learner.fit(learner.fresh(0, records), records, epochs=1, seed=5))
    for model, task in (("logistic", {}), ("linear", {"task": REGRESSION}))
}  # fmt: skip


def gradient(model, at, records):
    """(m, d) of the objective without its noise at these weights, written out."""
    learner = MODELS[model][0]
    inputs, wanted = learner.examples(records)
    slopes, _ = learner.slopes(inputs @ at.weights.T, wanted)
    return slopes.T @ inputs + learner.recipe.penalty * at.weights


@pytest.mark.parametrize(("model", "noise"), [("logistic", 1000.0), ("linear", 1.0)])
@pytest.mark.parametrize("check", method_checks(Certified(1, 1e-4)))
def test_it_keeps_the_promises_of_a_method_that_is_not_exact(check, model, noise):
    check(newton, factory(model, noise=noise, penalty=10.0))


@drawn(
    few=12,
    many=400,
    model=st.sampled_from(sorted(MODELS)),
    groups=st.lists(st.sets(st.integers(0, ROWS - 1), min_size=1, max_size=30), min_size=1, max_size=5),
)
def test_the_account_is_never_below_the_gradient_that_is_left(model, groups):
    learner, records, trained = MODELS[model]
    at, left = learner.minimum(trained), set(range(ROWS))
    noise = -gradient(model, at, records)  # but for what training left, which the account begins with
    for group in groups:
        gone, before = sorted(group & left), at
        left -= group
        at = step(learner, at, records[np.array(gone, np.int64)])
        true = np.linalg.norm(gradient(model, at, records[np.array(sorted(left), np.int64)]) + noise, axis=1)
        assert (true <= at.residual + 1e-9).all()
        assert (at.residual >= before.residual).all()
        assert np.allclose(at.inverse @ at.hessian, np.eye(at.hessian.shape[1]), atol=1e-6)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_one_step_goes_nearly_all_the_way_to_a_training_without_them_with_the_same_noise(model):
    learner, records, trained = MODELS[model]
    at = step(learner, learner.minimum(trained), records[:6])
    noise = -gradient(model, learner.minimum(trained), records)
    inputs, wanted = learner.examples(records[6:])
    refit = np.stack([learner._descended(inputs, wanted[:, one], noise[one])[0] for one in range(len(noise))])
    off = np.linalg.norm(at.weights - refit) / np.linalg.norm(refit)
    moved = np.linalg.norm(learner.minimum(trained).weights - refit) / np.linalg.norm(refit)
    assert off < (1e-9 if model == "linear" else 5e-3)
    assert off < moved / 10


def test_what_a_regression_spends_is_rounding():
    learner, records, trained = MODELS["linear"]
    assert step(learner, learner.minimum(trained), records[:40]).residual.max() < 1e-9


def test_the_budget_is_the_papers_shared_by_the_weight_vectors():
    learner, _, trained = MODELS["linear"]
    at = learner.minimum(trained)
    assert allowed(at, 0.5, 1e-3) == pytest.approx(at.noise * 0.5 / sqrt(2 * log(1.5 / 1e-3)))
    three = MODELS["logistic"][0].minimum(MODELS["logistic"][2])
    assert allowed(three, 0.9, 3e-4) == pytest.approx(three.noise * 0.3 / sqrt(2 * log(1.5 / 1e-4)))


def forgotten(bench, people, groups):
    """Parts of one request after the other."""
    outcome, parts = bench.train(people), []
    for group in groups:
        outcome, people = bench.erase(people, group, outcome), people.without(group)
        parts += outcome.trained.parts
    return parts, outcome


def test_each_version_carries_the_account_of_all_before_it():
    bench = Bench(newton, factory("logistic", noise=1000.0, penalty=10.0)(), shards=1)
    parts, outcome = forgotten(bench, population(), [[0], [1], [2]])
    assert all(0 < one.spent < other.spent < 1 for one, other in pairwise(parts))
    assert [part.rows_trained for part in parts] == [0, 0, 0]
    state = bench.learner.loads(outcome.states[0])
    assert spent(state, bench.learner, PARAMS) == parts[-1].spent
    assert outcome.trained.guarantee == "certified (ε=1, δ=0.0001)"


def test_the_guarantee_is_that_of_the_declared_budget():
    bench, people = Bench(newton, factory("logistic", noise=1000.0, penalty=10.0)(), shards=1), population()
    asked, spool = bench.assignment(people.without([0]), forget=people.of([0]), parent=bench.train(people))
    asked = replace(asked, params=(("epsilon", 0.5),))
    (job,) = newton.plan(asked)
    part = newton.run(job, bench.learner, spool, bench.store)
    assert newton.merge(asked, [part]).guarantee == "certified (ε=0.5, δ=0.0001)"
    with pytest.raises(SettingsError, match=r"newton\.epsilon: got 1\.5; expected a number above 0 and below 1, or 1"):
        newton.plan(replace(asked, params=(("epsilon", 1.5),)))


def test_a_spent_budget_is_refused_and_nothing_is_stored():
    bench = Bench(newton, factory("logistic", noise=1e-6)(), shards=1)
    people = population()
    before = bench.train(people)
    stored = bench.stored()
    with pytest.raises(MethodFailed, match=r"budget of ε=1, δ=0\.0001 is spent: .* end them in retrain, or declare more noise"):
        bench.erase(people, [0], before)
    assert bench.stored() == stored


def test_a_model_of_other_records_is_not_certified():
    """Somebody was suppressed since: the difference would be of nobody's records."""
    bench, people = Bench(newton, factory("logistic", noise=1000.0, penalty=10.0)(), shards=1), population()
    before = bench.train(people)
    with pytest.raises(MethodFailed, match="trained on other records"):
        bench.erase(people.without([5]), [0], before)


def test_another_learner_is_refused_in_the_plan():
    bench, people = Bench(newton, FakeLearner(), shards=1), population()
    asked, _ = bench.assignment(people.without([0]), forget=people.of([0]), parent=bench.train(people))
    with pytest.raises(WrongUse, match="newton needs a learner in the role Convex"):
        newton.plan(asked)
