from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.methods.heuristics import batch_mean, changed, rises, wild
from tests.small_torch import torch_learner
from unlearning.domain.entities import Empirical
from unlearning.methods.scrub import divergence, scrub
from unlearning.testing import method_checks


@pytest.mark.parametrize("check", method_checks(Empirical()))
def test_it_keeps_the_promises_of_a_heuristic(check):
    check(scrub, torch_learner)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99), temperature=st.floats(0.5, 8))
def test_the_divergence_is_that_of_the_definition(seed: int, temperature: float) -> None:
    one, other = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    p, q = ((logits / temperature).softmax(1) for logits in (one, other))
    by_hand = (p * (p / q).log()).sum(1) * temperature**2
    assert torch.allclose(divergence(one, other, temperature), by_hand)
    assert (by_hand > 0).all()
    assert torch.allclose(divergence(one, one, temperature), torch.zeros(5, dtype=torch.float64))


def test_the_loss_on_the_forgotten_rises_more_than_on_the_retained():
    forgotten, retained = rises(changed(scrub, learning_rate=0.02, epochs=6, max_epochs=6))
    assert forgotten > max(0.2, retained)


def test_without_max_steps_it_is_distillation_that_forgets_less():
    """The first max-step meets a student that is its teacher, so one epoch of them moves nothing yet."""
    few, many = (rises(changed(scrub, learning_rate=0.02, epochs=6, max_epochs=epochs))[0] for epochs in (1, 6))
    assert few < many


def test_batch_statistics_never_see_the_forgotten():
    still = {"learning_rate": 1e-30, "epochs": 1}
    assert torch.equal(batch_mean(changed(scrub, **still)), batch_mean(changed(scrub, forget=wild(), **still)))
