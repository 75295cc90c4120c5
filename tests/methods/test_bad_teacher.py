from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.methods.heuristics import FORGET, LEARNER, RETAIN, TRAINED, batch_mean, changed, rises, wild
from tests.small_torch import torch_learner
from unlearning.domain.entities import Empirical
from unlearning.methods.bad_teacher import bad_teacher
from unlearning.testing import method_checks

HARD = {"learning_rate": 0.02, "epochs": 20}


@pytest.mark.parametrize("check", method_checks(Empirical()))
def test_it_keeps_the_promises_of_a_heuristic(check):
    check(bad_teacher, torch_learner)


def test_it_answers_about_the_forgotten_more_like_the_untrained_teacher():
    untrained = LEARNER.network(LEARNER.fresh(3, RETAIN)).eval()
    features = TRAINED.preprocessing(torch.tensor(FORGET.features))
    bad = untrained(features).softmax(1).detach().numpy()
    far = [np.abs(LEARNER.predict(state, FORGET.features) - bad).mean() for state in (TRAINED, changed(bad_teacher, **HARD))]
    assert far[1] < 0.7 * far[0]


def test_the_loss_on_the_forgotten_rises_more_than_on_the_retained():
    forgotten, retained = rises(changed(bad_teacher, **HARD))
    assert forgotten > max(0.1, retained)


def test_no_label_is_looked_at():
    other = changed(bad_teacher, forget=replace(FORGET, target=(FORGET.target + 1) % 3))
    assert LEARNER.dumps(other) == LEARNER.dumps(changed(bad_teacher))


def test_batch_statistics_never_see_the_forgotten():
    still = {"learning_rate": 1e-30}
    assert torch.equal(batch_mean(changed(bad_teacher, **still)), batch_mean(changed(bad_teacher, forget=wild(), **still)))
