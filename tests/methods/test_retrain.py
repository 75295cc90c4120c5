"""Training from scratch: the truth that others are held against."""

from __future__ import annotations

from tests.fakes import FakeLearner
from unlearning.domain.entities import Exact
from unlearning.methods.retrain import Retrain
from unlearning.methods.sisa import Sisa
from unlearning.testing import Bench, population

PEOPLE = population(people=17, rows=24)


def bench(method: Retrain | Sisa) -> Bench:
    return Bench(method, FakeLearner(epochs=1), shards=2, slices=2)


def test_it_is_exact() -> None:
    assert (Retrain().name, Retrain().guarantee) == ("retrain", Exact())


def test_every_shard_with_a_record_is_trained_whole_whatever_is_stored() -> None:
    world = bench(Retrain())
    first = world.train(PEOPLE)
    largest = max(PEOPLE.cells(shards=2, slices=2).values(), key=len)
    for again in (world.train(PEOPLE), world.erase(PEOPLE, [largest[0]], first)):
        assert [part.slices_trained for part in again.trained.parts] == [2, 2]


def test_stored_checkpoints_are_not_believed() -> None:
    world = bench(Retrain())
    first = world.train(PEOPLE)
    for key in list(world.store.keys()):
        world.store.put(key, b"somebody else's")
    assert world.train(PEOPLE).digests == first.digests


def test_it_ends_with_the_very_bytes_of_sisa() -> None:
    assert bench(Retrain()).train(PEOPLE).digests == bench(Sisa()).train(PEOPLE).digests
