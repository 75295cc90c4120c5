"""The conformance lists over the PyTorch learner."""

from __future__ import annotations

import itertools

import pytest

from tests.small_torch import torch_learner, torch_regression
from unlearning.methods.retrain import Retrain
from unlearning.methods.sisa import Sisa
from unlearning.testing import learner_checks, method_checks


@pytest.mark.parametrize("make_learner", [torch_learner, torch_regression])
@pytest.mark.parametrize("check", learner_checks())
def test_the_torch_learner_conforms(check, make_learner):
    check(make_learner)


def cases():
    """Every check with both methods; retraining keeps the whole list by default over the learner of `test_conformance.py`."""
    for check, method in itertools.product(method_checks(), [Sisa(), Retrain()]):
        often = method.name == "sisa" or check.__name__ == "erasure_equals_training_without_them"
        yield pytest.param(check, method, id=f"{check.__name__}-{method.name}", marks=() if often else pytest.mark.slow)


@pytest.mark.parametrize(("check", "method"), list(cases()))
def test_exact_methods_keep_every_promise_with_torch(check, method):
    check(method, torch_learner)
