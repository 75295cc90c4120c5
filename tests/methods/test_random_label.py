from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.methods.heuristics import FORGET, LEARNER, RECORDS, batch_mean, changed, rises, wild
from tests.small_torch import torch_learner, torch_regression
from unlearning.domain.entities import Empirical
from unlearning.domain.errors import MethodFailed, WrongUse
from unlearning.methods.random_label import other_labels, random_label
from unlearning.testing import Bench, method_checks, population


@pytest.mark.parametrize("check", method_checks(Empirical()))
def test_it_keeps_the_promises_of_a_heuristic(check):
    check(random_label, torch_learner)


@given(labels=st.integers(2, 7), seed=st.integers(0, 9))
def test_nobody_keeps_their_label_and_whoever_leaves_moves_no_others_draw(labels: int, seed: int) -> None:
    records = replace(RECORDS, target=RECORDS.target % labels)
    drawn = other_labels(records, labels, seed)
    assert ((drawn.target >= 0) & (drawn.target < labels) & (drawn.target != records.target)).all()
    assert np.array_equal(other_labels(records[5:], labels, seed).target, drawn.target[5:])


def test_of_three_labels_both_others_are_drawn():
    assert {(int(one), int(other)) for one, other in zip(RECORDS.target, other_labels(RECORDS, 3, 0).target, strict=True)} == {
        (one, other) for one in range(3) for other in range(3) if one != other
    }


def test_with_one_label_there_is_no_other():
    with pytest.raises(MethodFailed, match="the recipe declares one"):
        other_labels(FORGET, 1, 0)


def test_the_loss_on_the_forgotten_rises_more_than_on_the_retained():
    forgotten, retained = rises(changed(random_label, learning_rate=0.01, epochs=10))
    assert forgotten > 0.2
    assert forgotten > retained


def test_batch_statistics_never_see_the_forgotten():
    still = {"learning_rate": 1e-30, "epochs": 1}
    assert torch.equal(batch_mean(changed(random_label, **still)), batch_mean(changed(random_label, forget=wild(), **still)))


def test_a_regression_is_refused_in_the_plan_with_what_can_serve_it():
    bench, people = Bench(random_label, torch_regression(), shards=1), population()
    people = replace(people, records=replace(people.records, target=people.records.target.astype(np.float64)))
    asked, _ = bench.assignment(people.without([0]), forget=people.of([0]), parent=bench.train(people))
    with pytest.raises(WrongUse, match="random_label needs labels, and this model is a regression; use finetune"):
        random_label.plan(asked)


def test_the_trained_state_is_left_as_it_is():
    from tests.methods.heuristics import TRAINED

    before = LEARNER.dumps(TRAINED)
    changed(random_label)
    assert LEARNER.dumps(TRAINED) == before
