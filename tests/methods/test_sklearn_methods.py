"""The conformance list of exact methods over scikit-learn estimators."""

from __future__ import annotations

from typing import Any

import pytest

from tests.small_sklearn import boosted, forest, growing_trees, logistic, ridge, sgd
from unlearning.methods.sisa import Sisa
from unlearning.testing import method_checks


@pytest.mark.parametrize("make_learner", [logistic, ridge, forest, boosted, sgd, growing_trees])
@pytest.mark.parametrize("check", method_checks())
def test_exact_methods_keep_every_promise_with_scikit_learn(check: Any, make_learner: Any) -> None:
    check(Sisa(), make_learner)
