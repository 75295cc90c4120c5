from __future__ import annotations

import pytest
import torch

from tests.methods.heuristics import LEARNER, RETAIN, changed, moved, wild
from tests.small_torch import torch_learner
from unlearning.domain.entities import Empirical
from unlearning.methods.finetune import finetune
from unlearning.testing import method_checks


@pytest.mark.parametrize("check", method_checks(Empirical()))
def test_it_keeps_the_promises_of_a_heuristic(check):
    check(finetune, torch_learner)


def test_only_the_retained_are_trained_on():
    assert LEARNER.dumps(changed(finetune)) == LEARNER.dumps(changed(finetune, forget=wild()))
    still, trained = (LEARNER.losses(changed(finetune, learning_rate=rate), RETAIN).mean() for rate in (1e-9, 0.1))
    assert trained < still


def test_the_rate_falls_along_half_a_cosine():
    """Without momentum and decay, at a rate so small that gradients stay the same, steps add up to half of constant ones."""
    plain = {"momentum": 0.0, "weight_decay": 0.0, "epochs": 1, "learning_rate": 1e-5}
    one = moved(changed(finetune, retain=RETAIN[:8], batch_size=8, **plain))
    many = moved(changed(finetune, retain=RETAIN[:8], batch_size=8, **plain | {"epochs": 40}))
    cosine = torch.nn.functional.cosine_similarity(one, many, dim=0)
    assert cosine > 0.5  # dropout turns each step
    assert many.norm() < 40 * 0.75 * one.norm()
