from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.fakes import FakeLearner
from tests.small_statistics import factory
from unlearning.domain.errors import WrongUse
from unlearning.learners.statistics.recipe import MODELS
from unlearning.methods.subtract import Subtract
from unlearning.testing import Bench, method_checks, population

PEOPLE = population()


def bench(**parts) -> Bench:
    return Bench(Subtract(), factory("lda")(), **{"shards": 1, **parts})


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("check", method_checks())
def test_it_keeps_every_promise_of_an_exact_method(check, model):
    check(Subtract(), factory(model))


@pytest.mark.parametrize("slices", [1, 4])
def test_the_forgotten_are_taken_out_and_nobody_is_trained_on(slices):
    world = bench(slices=slices)
    before = world.train(PEOPLE)
    after = world.erase(PEOPLE, [0, 3], before)
    (part,) = after.trained.parts
    assert (part.slices_trained, part.rows_trained) == (1, 0)
    assert after.digests == world.scratch(PEOPLE.without([0, 3])).digests


def test_requests_one_after_the_other_go_on_from_each_other():
    world, people = bench(), PEOPLE
    made = world.train(people)
    for person in range(5):
        made, people = world.erase(people, [person], made), people.without([person])
        assert made.trained.parts[0].rows_trained == 0
    assert made.digests == world.scratch(people).digests


def summed_again(world, people, leaving, parent):
    """The erasure is exact, and was made from the retained records."""
    after = world.erase(people, leaving, parent)
    assert after.trained.parts[0].rows_trained > 0
    assert after.digests == world.scratch(people.without(leaving)).digests
    return True


def test_a_parent_that_is_missing_or_damaged_is_summed_up_again():
    for spoil in ("delete", "damage"):
        world = bench()
        before = world.train(PEOPLE)
        getattr(world.store, spoil)(before.trained.parts[0].key)
        assert summed_again(world, PEOPLE, [2], before)


def test_a_parent_of_other_records_is_never_subtracted_from():
    """The table was changed since: somebody came, somebody's row was corrected; or somebody had been left out."""
    for then, leaving in (
        (PEOPLE.without([5]), [2]),
        (PEOPLE.noised([5]), [2]),
        (PEOPLE.without([5]), [2, 5]),
    ):
        world = bench()
        assert summed_again(world, PEOPLE, leaving, world.train(then))


def test_a_parent_of_another_recipe_is_never_subtracted_from():
    world = bench()
    before = world.train(PEOPLE)
    finer = factory("lda")().recipe
    other = replace(world, learner=type(world.learner)(replace(finer, bits=18)), recipe="coarser")
    assert summed_again(other, PEOPLE, [2], before)


def test_keys_that_nobody_gave_do_not_pass_for_the_forgotten():
    world = bench()
    before = world.train(PEOPLE)
    asked, spool = world.assignment(PEOPLE.without([2]), forget=PEOPLE.of([2]), parent=before)
    keys = np.where(np.arange(len(spool)) < asked.forget[0], spool.keys, 0).astype(np.uint64)
    (job,) = Subtract().plan(asked)
    part = Subtract().run(job, world.learner, replace(spool, keys=keys), world.store)
    assert part.rows_trained > 0
    assert {0: part.digest} == world.scratch(PEOPLE.without([2])).digests


def test_a_learner_without_the_role_is_refused():
    world = replace(bench(), learner=FakeLearner())
    asked, _ = world.assignment(PEOPLE.without([0]), forget=PEOPLE.of([0]), parent=None)
    with pytest.raises(WrongUse, match=r"subtract needs a learner in the role Subtractive .*FakeLearner does not play"):
        Subtract().plan(asked)


def test_an_ensemble_is_refused():
    world = bench(shards=3)
    asked, _ = world.assignment(PEOPLE.without([0]), forget=PEOPLE.of([0]), parent=None)
    with pytest.raises(WrongUse, match="this one has 3 shards"):
        Subtract().plan(asked)
