from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.methods.heuristics import FORGET, LEARNER, RECORDS, RETAIN, TRAINED, changed
from tests.small_torch import RECIPE, torch_learner
from unlearning.domain.entities import Empirical
from unlearning.domain.errors import MethodFailed
from unlearning.learners.torch import TorchLearner
from unlearning.methods.ssd import ssd
from unlearning.testing import method_checks

EAGER = replace(ssd, knobs=tuple(replace(knob, default=1.0) if knob.name == "alpha" else knob for knob in ssd.knobs))
"""In so small a world nothing is ten times as important to the forgotten."""


@pytest.mark.parametrize("check", method_checks(Empirical()))
def test_it_keeps_the_promises_of_a_heuristic(check):
    check(EAGER, torch_learner)


def importance(records):
    """Record by record, as the paper says."""
    network = LEARNER.network(TRAINED).eval()
    total = [torch.zeros_like(value) for value in network.parameters()]
    for row in range(len(records)):
        features = TRAINED.preprocessing(torch.tensor(records.features[row : row + 1]))
        loss = RECIPE.objective(network(features), torch.tensor(records.target[row : row + 1])).sum()
        for sums, gradient in zip(total, torch.autograd.grad(loss, list(network.parameters())), strict=True):
            sums += gradient.square() / len(records)
    return total


@pytest.mark.parametrize(("alpha", "dampening"), [(1.0, 1.0), (1.1, 0.5)])
def test_the_weights_are_those_of_the_rule_written_out(alpha, dampening):
    state = changed(ssd, alpha=alpha, dampening=dampening)
    everybody, theirs = importance(RETAIN.followed_by(FORGET)), importance(FORGET)
    dampened = 0
    for before, after, all_of, of in zip(
        TRAINED.network.parameters(), state.network.parameters(), everybody, theirs, strict=True
    ):
        chosen = of > alpha * all_of
        expected = torch.where(chosen, before * (dampening * all_of / of).clamp(max=1), before)
        assert torch.allclose(after, expected, rtol=1e-4, atol=1e-7)
        dampened += int(chosen.sum())
    assert dampened


def test_no_weight_grows():
    pairs = zip(TRAINED.network.parameters(), changed(ssd, alpha=0.5, dampening=5.0).network.parameters(), strict=True)
    assert all((after.abs() <= before.abs()).all() for before, after in pairs)


def test_where_nothing_is_above_the_threshold_it_has_failed():
    with pytest.raises(MethodFailed, match="no weight is more than 1000 times as important"):
        changed(ssd, alpha=1000)


class Branches(nn.Linear):
    def forward(self, features):
        return super().forward(features) if features.sum() > 0 else super().forward(-features)


def test_a_network_that_torch_cannot_map_is_named():
    learner = TorchLearner(replace(RECIPE, network=Branches))
    with pytest.raises(MethodFailed, match="record by record"):
        ssd.change(learner.fresh(1, RECORDS), FORGET, RETAIN, learner, {"alpha": 1.0, "dampening": 1.0}, 0)
