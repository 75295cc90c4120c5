"""The conformance lists over the PyTorch learner."""

from __future__ import annotations

import pytest

from tests.small_torch import torch_learner, torch_regression
from unlearning.methods.retrain import Retrain
from unlearning.methods.sisa import Sisa
from unlearning.testing import learner_checks, method_checks


@pytest.mark.parametrize("make_learner", [torch_learner, torch_regression])
@pytest.mark.parametrize("check", learner_checks())
def test_the_torch_learner_conforms(check, make_learner):
    check(make_learner)


@pytest.mark.parametrize("method", [Sisa(), Retrain()], ids=["sisa", "retrain"])
@pytest.mark.parametrize("check", method_checks())
def test_exact_methods_keep_every_promise_with_torch(check, method):
    check(method, torch_learner)
