"""The steps of NegGrad+ on a PyTorch model: what they move, what they must not, and the same steps written out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tests.small_torch import RECIPE, torch_learner
from unlearning.learners.torch import TorchLearner
from unlearning.learners.torch.determinism import job, seeded
from unlearning.methods.negative_gradient import negative_gradient
from unlearning.testing import population

RECORDS = population(people=20, rows=60).records
FORGET, RETAIN = RECORDS[:10], RECORDS[10:]
KNOBS = {"alpha": 0.9, "learning_rate": 0.05, "epochs": 5, "batch_size": 16}


def negate(learner, state, retain=RETAIN, forget=FORGET, *, seed=3, **knobs):
    return negative_gradient.change(state, forget, retain, learner, {**KNOBS, **knobs}, seed)


@pytest.fixture
def learner():
    return torch_learner()


@pytest.fixture
def trained(learner):
    return learner.fit(learner.fresh(1, RECORDS), RECORDS, epochs=10, seed=2)


def test_the_loss_on_the_forgotten_rises_more_than_on_the_retained(learner, trained):
    changed = negate(learner, trained)
    rise = [learner.losses(changed, part).mean() - learner.losses(trained, part).mean() for part in (FORGET, RETAIN)]
    assert rise[0] > 0
    assert rise[0] > rise[1]


def test_a_smaller_alpha_forgets_more(learner, trained):
    losses = [learner.losses(negate(learner, trained, alpha=alpha), FORGET).mean() for alpha in (0.99, 0.9, 0.5)]
    assert losses[0] < losses[1] < losses[2]


def test_the_trained_state_is_left_as_it_is(learner, trained):
    before = learner.dumps(trained)
    changed = negate(learner, trained)
    assert learner.dumps(trained) == before
    theirs = {value.data_ptr() for value in changed.network.state_dict().values()}
    assert theirs.isdisjoint({value.data_ptr() for value in trained.network.state_dict().values()})


def test_the_same_call_gives_the_same_bytes_whatever_the_process_drew(learner, trained):
    first = learner.dumps(negate(learner, trained))
    torch.manual_seed(99)
    assert learner.dumps(negate(learner, trained)) == first
    assert learner.dumps(negate(learner, trained, seed=4)) != first


def test_the_result_is_a_whole_state_that_trains_on(learner, trained):
    changed = negate(learner, trained)
    again = learner.loads(learner.dumps(changed))
    assert not changed.network.training
    ends = [learner.dumps(learner.fit(state, RETAIN, epochs=1, seed=5)) for state in (changed, again)]
    assert ends[0] == ends[1]


def test_moments_of_gradients_on_the_forgotten_are_dropped(learner, trained):
    assert trained.optimizer.state_dict()["state"]
    assert not negate(learner, trained).optimizer.state_dict()["state"]


def test_batch_statistics_never_see_the_forgotten(learner, trained):
    wild = replace(FORGET, features=FORGET.features + 1000)
    knobs = {"epochs": 1, "learning_rate": 1e-30, "batch_size": 64}
    means = [negate(learner, trained, forget=lost, **knobs).network[1].running_mean for lost in (FORGET, wild)]
    assert torch.equal(*means)


@pytest.mark.parametrize(("forget", "retain"), [(1, 1), (1, 50), (50, 1), (7, 33)])
def test_any_number_of_records_gives_finite_losses(learner, trained, forget, retain):
    changed = negate(learner, trained, RECORDS[-retain:], RECORDS[:forget])
    assert np.isfinite(learner.losses(changed, RECORDS)).all()


def test_ascent_is_bounded_a_step(trained):
    """Ten steps at rate 0.1 and a clipped norm of 1 move the weights by at most 1, however steep the loss is."""
    steep = TorchLearner(replace(RECIPE, loss=lambda logits, labels: 1e6 * RECIPE.objective(logits, labels)))
    changed = negate(steep, trained, alpha=0.01, learning_rate=0.1, epochs=10, batch_size=50)
    pairs = zip(trained.network.parameters(), changed.network.parameters(), strict=True)
    moved = torch.cat([(before - after).detach().flatten() for before, after in pairs]).norm()
    assert 0 < moved <= 1 + 1e-4


def by_hand(learner, trained, retain, forget, seed):
    """NegGrad+ written out on one's own copy of the network: order, batches, two gradients, clip, step."""
    state, order = learner.loads(learner.dumps(trained)), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(state.network.parameters(), lr=KNOBS["learning_rate"])
    size, alpha = KNOBS["batch_size"], KNOBS["alpha"]
    sets = [(torch.tensor(one.features), torch.tensor(one.target)) for one in (retain, forget)]
    sets = [(state.preprocessing(features), labels) for features, labels in sets]
    waiting = [[], []]
    for _ in range(KNOBS["epochs"] * -(-len(retain) // size)):
        batches = []
        for (features, labels), queue in zip(sets, waiting, strict=True):
            if not queue:
                rows = torch.randperm(len(labels), generator=order)
                steps = -(-len(labels) // size)
                queue += rows.repeat(size + 1)[: steps * size].split(size)
            rows = queue.pop(0)
            batches.append((features[rows], labels[rows]))
        optimizer.zero_grad()
        state.network.train()
        (alpha * RECIPE.objective(state.network(batches[0][0]), batches[0][1]).mean()).backward()
        state.network.eval()
        ((alpha - 1) * RECIPE.objective(state.network(batches[1][0]), batches[1][1]).mean()).backward()
        nn.utils.clip_grad_norm_(state.network.parameters(), 1.0)
        optimizer.step()
    return state.network.state_dict()


@pytest.mark.parametrize(("forget", "retain"), [(10, 50), (1, 50), (50, 1), (7, 33)])
def test_the_bytes_are_those_of_the_steps_written_out(learner, trained, forget, retain):
    gone, kept = RECORDS[:forget], RECORDS[-retain:]
    changed = negate(learner, trained, kept, gone, seed=5).network.state_dict()
    with job(deterministic=False), seeded(torch.device("cpu"), 5):
        expected = by_hand(learner, trained, kept, gone, seed=5)
    assert all(torch.equal(value, changed[name]) for name, value in expected.items())
