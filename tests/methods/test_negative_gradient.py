from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fakes import ClimbingLearner, FakeLearner
from tests.small_torch import torch_learner
from unlearning.domain.entities import Empirical
from unlearning.domain.errors import NotFound, Refused, SettingsError, WouldEmptyData, WrongUse
from unlearning.domain.protocols import Differentiable, Records
from unlearning.methods.negative_gradient import NegativeGradient
from unlearning.methods.sisa import Sisa
from unlearning.testing import Bench, method_checks, population

PEOPLE = population()


def bench(learner=None) -> Bench:
    return Bench(NegativeGradient, learner or ClimbingLearner(), shards=1)


def planned(world: Bench, parent, leaving=(0,), **params):
    asked, spool = world.assignment(PEOPLE.without(leaving), forget=PEOPLE.of(leaving), parent=parent)
    return NegativeGradient.plan(replace(asked, params=tuple(params.items()))), spool


def run(world: Bench, parent, leaving=(0,), **params):
    (job,), spool = planned(world, parent, leaving, **params)
    return NegativeGradient.run(job, world.learner, spool, world.store)


@pytest.mark.parametrize("check", method_checks(Empirical()))
def test_with_torch_it_keeps_the_promises_of_a_heuristic(check):
    check(NegativeGradient, torch_learner)


def test_it_is_named_after_its_function_and_claims_no_more_than_it_can_show():
    assert NegativeGradient.name == "negative_gradient"
    assert NegativeGradient.guarantee == Empirical()


def test_the_defaults_are_those_of_the_authors_and_may_be_overridden():
    world = bench()
    parent = world.train(PEOPLE)
    (job,), _ = planned(world, parent)
    assert dict(job.params) == {"alpha": 0.95, "learning_rate": 0.01, "epochs": 10, "batch_size": 64}
    (job,), _ = planned(world, parent, alpha=0.5, epochs=2)
    assert dict(job.params) == {"alpha": 0.5, "learning_rate": 0.01, "epochs": 2, "batch_size": 64}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alpha", 0.0),
        ("alpha", 1.0),
        ("alpha", float("nan")),
        ("learning_rate", 0.0),
        ("learning_rate", float("inf")),
        ("epochs", 0),
        ("epochs", 1.5),
        ("batch_size", -1),
        ("momentum", 0.9),
    ],
)
def test_a_hyperparameter_out_of_range_is_named(name, value):
    world = bench()
    with pytest.raises(SettingsError, match=rf"policy\.params\.negative_gradient.*{name}"):
        planned(world, world.train(PEOPLE), **{name: value})


def test_an_ensemble_is_refused_with_the_way_out():
    world = Bench(Sisa(), ClimbingLearner(), shards=3)
    asked, _ = world.assignment(PEOPLE, forget=PEOPLE.of([0]), parent=world.train(PEOPLE))
    with pytest.raises(WrongUse, match=r"3 shards; set unlearning\.partition\.shards to 1, or use the methods sisa or retrain"):
        NegativeGradient.plan(asked)


def test_without_a_trained_model_there_is_nothing_to_change():
    asked, _ = bench().assignment(PEOPLE, forget=PEOPLE.of([0]), parent=None)
    with pytest.raises(WrongUse, match="train first"):
        NegativeGradient.plan(asked)


@pytest.mark.parametrize("shards", [1, 3])
def test_a_learner_without_gradients_is_refused_in_the_plan(shards):
    """Before anything else is said of the model: one shard would not help."""
    world = replace(bench(FakeLearner()), shards=shards)
    with pytest.raises(
        WrongUse, match=r"role Differentiable .*which FakeLearner does not play; use the methods sisa or retrain"
    ):
        planned(world, world.train(PEOPLE))


def test_the_learners_in_the_tests_play_the_roles_that_they_say():
    assert isinstance(ClimbingLearner(), Differentiable)
    assert isinstance(torch_learner(), Differentiable)
    assert not isinstance(FakeLearner(), Differentiable)


def test_a_parent_that_was_purged_is_named():
    world = bench()
    parent = world.train(PEOPLE)
    head = parent.trained.parts[0].key
    world.store.delete(head)
    with pytest.raises(NotFound, match=head):
        run(world, parent)


def test_a_result_that_is_stored_is_not_made_again():
    world = bench()
    parent = world.train(PEOPLE)
    first, second = run(world, parent), run(world, parent)
    assert (first.slices_trained, second.slices_trained) == (1, 0)
    assert second.rows_trained == 0
    assert (first.key, first.digest) == (second.key, second.digest)


def test_a_damaged_result_is_made_again():
    world = bench()
    parent = world.train(PEOPLE)
    first = run(world, parent)
    world.store.damage(first.key)
    again = run(world, parent)
    assert (again.repaired, again.digest) == (1, first.digest)
    assert world.store.get(first.key) is not None


def test_whatever_shapes_the_result_is_in_its_name():
    world, other = bench(), replace(bench(), seed=8)
    parent = world.train(PEOPLE)
    keys = [
        run(world, parent).key,
        run(world, parent, alpha=0.5).key,
        run(world, parent, leaving=(1,)).key,
        run(other, other.train(PEOPLE)).key,
    ]
    assert len(set(keys)) == len(keys)


def test_another_recipe_in_the_same_file_has_another_name_and_is_trained_anew():
    """An edited loss: file, attribute, parent and records are what they were."""
    world = bench()
    parent = world.train(PEOPLE)
    first, second = run(world, parent), run(replace(world, recipe="another loss"), parent)
    assert first.key != second.key
    assert second.slices_trained == 1


def test_the_forgotten_themselves_are_in_the_name():
    """The same retained records and parent, but others to forget."""
    world = bench()
    parent = world.train(PEOPLE)
    (job,), spooled = planned(world, parent)
    features = spooled.features.copy()
    features[job.forget[0] :] += 1
    other = NegativeGradient.run(job, world.learner, Records(features, spooled.target), world.store)
    assert other.key != run(world, parent).key


@pytest.mark.parametrize("make_learner", [ClimbingLearner, torch_learner])
def test_the_loss_on_the_forgotten_rises(make_learner):
    world = bench(make_learner())
    parent = world.train(PEOPLE)
    after = world.erase(PEOPLE, [0, 1, 2], parent)
    lost = PEOPLE.of([0, 1, 2]).records
    losses = [world.learner.losses(world.learner.loads(model.states[0]), lost).mean() for model in (parent, after)]
    assert losses[0] < losses[1]


def test_a_dry_run_stores_nothing():
    world = bench()
    parent = world.train(PEOPLE)
    before = world.stored()
    (job,), spool = planned(world, parent)
    part = NegativeGradient.run(replace(job, save=False), world.learner, spool, world.store)
    assert world.stored() == before
    assert part.digest == run(world, parent).digest


def test_a_second_erasure_starts_from_the_first_ones_result():
    world = bench()
    first = world.erase(PEOPLE, [0], world.train(PEOPLE))
    second = world.erase(PEOPLE.without([0]), [1], first)
    assert second.jobs[0].parent == first.trained.parts[0].key


def test_what_diverges_is_refused_and_not_stored():
    class Diverges(ClimbingLearner):
        def loss(self, logits, labels):
            return super().loss(logits, labels) * float("inf")

    world = bench(Diverges())
    parent = world.train(PEOPLE)
    before = world.stored()
    with pytest.raises(Refused, match="no longer finite"):
        run(world, parent)
    assert world.stored() == before


def test_nobody_left_is_refused():
    world = bench()
    parent = world.train(PEOPLE)
    with pytest.raises(WouldEmptyData):
        run(world, parent, leaving=tuple(range(17)))
