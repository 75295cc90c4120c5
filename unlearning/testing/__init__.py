"""Conformance lists for plugin authors: what a method, a learner or a store must keep.

As one call, which raises Nonconforming with every finding, or check by check under pytest:

    check_method(MyMethod(), make_learner)

    @pytest.mark.parametrize("check", method_checks())
    def test_my_method(check):
        check(MyMethod(), make_learner)

`make_learner` gives a learner for records of FEATURES features and LABELS labels, or of lists
of ITEMS items; use a new store for each call.
"""

from unlearning.testing.conformance import LearnerFactory, Nonconforming
from unlearning.testing.learners import check_learner, learner_checks
from unlearning.testing.methods import check_method, method_checks
from unlearning.testing.population import (
    FEATURES,
    ITEMS,
    LABELS,
    Bench,
    MemoryCheckpoints,
    Outcome,
    Population,
    population,
)
from unlearning.testing.stores import check_store, store_checks

__all__ = [
    "FEATURES",
    "ITEMS",
    "LABELS",
    "Bench",
    "LearnerFactory",
    "MemoryCheckpoints",
    "Nonconforming",
    "Outcome",
    "Population",
    "check_learner",
    "check_method",
    "check_store",
    "learner_checks",
    "method_checks",
    "population",
    "store_checks",
]
