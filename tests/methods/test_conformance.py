"""The conformance lists over every built-in method and learner, and over broken ones, which must fail."""

from __future__ import annotations

import pytest

from tests.fakes import ClimbingLearner, FakeLearner
from unlearning.domain.entities import Empirical
from unlearning.methods.negative_gradient import NegativeGradient
from unlearning.methods.retrain import Retrain
from unlearning.methods.sisa import Sisa
from unlearning.testing import check_learner, check_method, learner_checks, method_checks


@pytest.mark.parametrize("method", [Sisa(), Retrain()], ids=["sisa", "retrain"])
@pytest.mark.parametrize("check", method_checks())
def test_exact_methods_keep_every_promise(check, method):
    check(method, FakeLearner)


@pytest.mark.parametrize("check", method_checks(Empirical()))
def test_negative_gradient_keeps_the_promises_of_a_heuristic(check):
    check(NegativeGradient, ClimbingLearner)


@pytest.mark.parametrize("make_learner", [FakeLearner, ClimbingLearner])
@pytest.mark.parametrize("check", learner_checks())
def test_the_fake_learners_conform(check, make_learner):
    check(make_learner)


def test_the_lists_run_as_one_call():
    check_method(Sisa(), FakeLearner)
    check_method(NegativeGradient, ClimbingLearner)
    check_learner(FakeLearner)
