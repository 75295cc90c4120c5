from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.learners.statistics.sums import classified, valued
from tests.small_statistics import REGRESSIONS, factory, recipe
from unlearning.domain.errors import DataError
from unlearning.domain.protocols import Records
from unlearning.learners.statistics import StatisticsLearner
from unlearning.learners.statistics.recipe import MODELS
from unlearning.testing import learner_checks


@cache
def world(model: str) -> tuple[StatisticsLearner, Records]:
    records = valued(60) if model in REGRESSIONS else classified(60)
    if model == "multinomial_nb":
        records = replace(records, features=np.abs(records.features))
    return StatisticsLearner(recipe(model, features=5)), records


def sums(learner: StatisticsLearner, records: Records) -> bytes:
    return learner.dumps(learner.fit(learner.fresh(0, records), records, epochs=1, seed=0))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("check", learner_checks())
def test_every_model_keeps_every_promise_of_a_learner(check, model: str) -> None:
    check(factory(model))


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=25)
@given(st.data())
def test_sums_of_all_without_those_of_some_are_the_sums_of_the_rest(model: str, data: st.DataObject) -> None:
    """The law of this learner: byte for byte, in any order, in any number of requests."""
    learner, records = world(model)
    order = np.array(data.draw(st.permutations(range(len(records)))))
    one, other = sorted(data.draw(st.tuples(st.integers(0, 60), st.integers(0, 60))))
    state = learner.fit(None, records, epochs=1, seed=0)
    for gone in (order[one:other], order[:one]):
        state = learner.subtract(state, records[gone])
    rest = records[order[other:]]
    assert learner.dumps(state) == sums(learner, rest) == sums(learner, records[np.sort(order[other:])])
    assert learner.made_of(state, rest)
    assert not learner.made_of(state, records[order[max(0, other - 1) :]]) or not other


def test_pieces_are_summed_as_one() -> None:
    learner, records = world("ridge")
    many = records[np.arange(60).repeat(300)]
    state = learner.fit(None, many, epochs=1, seed=0)
    once = learner.fit(None, records, epochs=1, seed=0)
    assert len(many) > 2 * learner.recipe.scale.rows
    assert np.array_equal(state.arrays["products"], once.arrays["products"] * 300)


def test_what_the_sums_cannot_hold_is_refused_by_the_learner_too() -> None:
    learner, records = world("lda")
    with pytest.raises(DataError, match=r"feature 'x0' .* out of its declared range in 60 records"):
        learner.fit(None, replace(records, features=records.features + np.float32(100)), epochs=1, seed=0)


def test_a_state_holds_nothing_that_was_solved() -> None:
    learner, records = world("ridge")
    state = learner.fit(None, records, epochs=1, seed=0)
    assert all(values.dtype == np.int64 for values in state.arrays.values())
    before = learner.dumps(state)
    learner.predict(state, records.features)
    assert learner.dumps(state) == before
