"""The conformance lists over boosted trees."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.small_boosting import LIBRARIES, boosting_learner, boosting_regression
from unlearning.methods.sisa import Sisa
from unlearning.testing import learner_checks, method_checks


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("make", [boosting_learner, boosting_regression])
@pytest.mark.parametrize("check", learner_checks())
def test_the_boosting_learner_conforms(check: Any, make: Any, library: str) -> None:
    check(partial(make, library))


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("make", [boosting_learner, boosting_regression])
@pytest.mark.parametrize("check", method_checks())
def test_exact_methods_keep_every_promise_with_boosted_trees(check: Any, make: Any, library: str) -> None:
    check(Sisa(), partial(make, library))
