"""The conformance lists over boosted trees."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
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


def cases() -> Iterator[Any]:
    """Every check with every library and task; by default the whole list over the quickest, and that forgetting is exact."""
    for check, make, library in itertools.product(method_checks(), [boosting_learner, boosting_regression], LIBRARIES):
        often = (make, library) == (boosting_learner, "lightgbm") or check.__name__ == "erasure_equals_training_without_them"
        name = f"{check.__name__}-{make.__name__}-{library}"
        yield pytest.param(check, make, library, id=name, marks=() if often else pytest.mark.slow)


@pytest.mark.parametrize(("check", "make", "library"), list(cases()))
def test_exact_methods_keep_every_promise_with_boosted_trees(check: Any, make: Any, library: str) -> None:
    check(Sisa(), partial(make, library))
