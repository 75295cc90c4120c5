"""The conformance list of exact methods over scikit-learn estimators."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.small_sklearn import boosted, forest, growing_trees, logistic, ridge, sgd
from unlearning.methods.sisa import Sisa
from unlearning.testing import Bench, method_checks, population

ALWAYS = ("erasure_equals_training_without_them", "again_is_once")
"""What looks most at the learner; the other promises are the method's, and every run shows them with torch and with NumPy."""


def cases() -> Iterator[Any]:
    """Every check with every learner."""
    for check, make_learner in itertools.product(method_checks(), [sgd, logistic, ridge, forest, boosted, growing_trees]):
        often = check.__name__ in ALWAYS
        name = f"{check.__name__}-{make_learner.__name__}"
        yield pytest.param(check, make_learner, id=name, marks=() if often else pytest.mark.slow)


@pytest.mark.parametrize(("check", "make_learner"), list(cases()))
def test_exact_methods_keep_every_promise_with_scikit_learn(check: Any, make_learner: Any) -> None:
    check(Sisa(), make_learner)


def test_a_person_in_several_members_is_forgotten_by_each_and_by_nobody_else() -> None:
    """Keyed bagging: byte for byte a training without them, and the members that never had them keep their bytes."""
    bench = Bench(Sisa(), forest(), shards=5, slices=1, members_of_person=2)
    people = population()
    before = bench.train(people)
    assert sum(len(job.bounds) and job.bounds[-1] - job.bounds[0] for job in before.jobs) == 2 * len(people.records)
    for person in (0, 7, 16):
        after = bench.erase(people, [person], before)
        assert after.digests == bench.scratch(people.without([person])).digests
        trained = {part.shard for part in after.trained.parts if part.slices_trained}
        assert len(trained) == 2
        assert trained == {shard for shard, digest in before.digests.items() if after.digests.get(shard) != digest}
