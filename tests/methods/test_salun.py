from __future__ import annotations

import pytest

from tests.methods.heuristics import changed, moved, rises
from tests.small_torch import torch_learner
from unlearning.domain.entities import Empirical
from unlearning.methods.random_label import other_labels
from unlearning.methods.salun import salun
from unlearning.testing import method_checks


@pytest.mark.parametrize("check", method_checks(Empirical()))
def test_it_keeps_the_promises_of_a_heuristic(check):
    check(salun, torch_learner)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_neither_momentum_nor_decay_moves_a_weight_outside_the_mask(share):
    still = moved(changed(salun, saliency=share)) == 0
    assert round(share * len(still)) >= int((~still).sum()) > 0


def test_with_every_weight_in_the_mask_all_that_have_a_gradient_move():
    assert (moved(changed(salun, saliency=1.0)) != 0).float().mean() > 0.95


def test_the_loss_on_the_forgotten_rises_more_than_on_the_retained():
    forgotten, retained = rises(changed(salun, learning_rate=0.05))
    assert forgotten > max(0.1, retained)


def test_labels_are_drawn_as_by_random_labels():
    from unlearning.methods import salun as module

    assert module.other_labels is other_labels
