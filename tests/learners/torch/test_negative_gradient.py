from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.small_torch import RECIPE, torch_learner
from unlearning.domain.errors import Refused
from unlearning.learners.torch import TorchLearner
from unlearning.testing import population

RECORDS = population(people=20, rows=60).records
FORGET, RETAIN = RECORDS[:10], RECORDS[10:]
KNOBS = {"alpha": 0.9, "learning_rate": 0.05, "epochs": 5, "batch_size": 16, "seed": 3}


@pytest.fixture
def learner():
    return torch_learner()


@pytest.fixture
def trained(learner):
    return learner.fit(learner.fresh(1, RECORDS), RECORDS, epochs=10, seed=2)


def test_the_loss_on_the_forgotten_rises_more_than_on_the_retained(learner, trained):
    changed = learner.negate(trained, RETAIN, FORGET, **KNOBS)
    rise = [learner.losses(changed, part).mean() - learner.losses(trained, part).mean() for part in (FORGET, RETAIN)]
    assert rise[0] > 0
    assert rise[0] > rise[1]


def test_a_smaller_alpha_forgets_more(learner, trained):
    losses = [
        learner.losses(learner.negate(trained, RETAIN, FORGET, **{**KNOBS, "alpha": alpha}), FORGET).mean()
        for alpha in (0.99, 0.9, 0.5)
    ]
    assert losses[0] < losses[1] < losses[2]


def test_the_trained_state_is_left_as_it_is(learner, trained):
    before = learner.dumps(trained)
    changed = learner.negate(trained, RETAIN, FORGET, **KNOBS)
    assert learner.dumps(trained) == before
    theirs = {value.data_ptr() for value in changed.network.state_dict().values()}
    assert theirs.isdisjoint({value.data_ptr() for value in trained.network.state_dict().values()})


def test_the_same_call_gives_the_same_bytes_whatever_the_process_drew(learner, trained):
    first = learner.dumps(learner.negate(trained, RETAIN, FORGET, **KNOBS))
    torch.manual_seed(99)
    assert learner.dumps(learner.negate(trained, RETAIN, FORGET, **KNOBS)) == first
    assert learner.dumps(learner.negate(trained, RETAIN, FORGET, **{**KNOBS, "seed": 4})) != first


def test_the_result_is_a_whole_state_that_trains_on(learner, trained):
    changed = learner.negate(trained, RETAIN, FORGET, **KNOBS)
    again = learner.loads(learner.dumps(changed))
    assert not changed.network.training
    ends = [learner.dumps(learner.fit(state, RETAIN, epochs=1, seed=5)) for state in (changed, again)]
    assert ends[0] == ends[1]


def test_moments_of_gradients_on_the_forgotten_are_dropped(learner, trained):
    assert trained.optimizer.state_dict()["state"]
    assert not learner.negate(trained, RETAIN, FORGET, **KNOBS).optimizer.state_dict()["state"]


def test_batch_statistics_never_see_the_forgotten(learner, trained):
    wild = replace(FORGET, features=FORGET.features + 1000)
    knobs = {**KNOBS, "epochs": 1, "learning_rate": 1e-30, "batch_size": 64}
    means = [learner.negate(trained, RETAIN, lost, **knobs).network[1].running_mean for lost in (FORGET, wild)]
    assert torch.equal(*means)


@pytest.mark.parametrize(("forget", "retain"), [(1, 1), (1, 50), (50, 1), (7, 33)])
def test_any_number_of_records_gives_finite_losses(learner, trained, forget, retain):
    changed = learner.negate(trained, RECORDS[-retain:], RECORDS[:forget], **KNOBS)
    assert np.isfinite(learner.losses(changed, RECORDS)).all()


def test_ascent_is_bounded_a_step(trained):
    """Ten steps at rate 0.1 and a clipped norm of 1 move the weights by at most 1, however steep the loss is."""
    steep = TorchLearner(replace(RECIPE, loss=lambda logits, labels: 1e6 * RECIPE.loss(logits, labels)))
    changed = steep.negate(
        trained, RETAIN, FORGET, **{**KNOBS, "alpha": 0.01, "learning_rate": 0.1, "epochs": 10, "batch_size": 50}
    )
    pairs = zip(trained.network.parameters(), changed.network.parameters(), strict=True)
    moved = torch.cat([(before - after).detach().flatten() for before, after in pairs]).norm()
    assert 0 < moved <= 1 + 1e-4


def test_parameters_that_are_not_finite_are_refused(trained):
    broken = TorchLearner(replace(RECIPE, loss=lambda logits, labels: RECIPE.loss(logits, labels) * float("inf")))
    with pytest.raises(Refused, match="no longer finite"):
        broken.negate(trained, RETAIN, FORGET, **KNOBS)
