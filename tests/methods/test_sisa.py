"""SISA in a small world: what is trained again, and what is only looked at."""

from __future__ import annotations

from tests.fakes import FakeLearner
from unlearning.domain.entities import Exact
from unlearning.methods.sisa import Sisa
from unlearning.testing import Bench, population

PEOPLE = population(people=17, rows=24)


def bench() -> Bench:
    return Bench(Sisa(), FakeLearner(epochs=1), shards=2, slices=2)


def test_it_is_named_after_its_paper_and_exact() -> None:
    assert (Sisa().name, Sisa().guarantee) == ("sisa", Exact())


def test_one_who_leaves_costs_one_shard_from_their_slice_on() -> None:
    cells, world = PEOPLE.cells(shards=2, slices=2), bench()
    assert len(cells) == 4
    (shard, piece), members = next((cell, people) for cell, people in cells.items() if cell[1] == 1 and len(people) > 1)
    first = world.train(PEOPLE)
    after = world.erase(PEOPLE, members[:1], first)
    trained = {part.shard: part.slices_trained for part in after.trained.parts}
    assert trained == {number: 2 - piece if number == shard else 0 for number in (0, 1)}
    assert after.trained.changed_from(first.trained) == {shard}


def test_what_is_left_is_the_training_that_never_saw_them_byte_for_byte() -> None:
    world = bench()
    after = world.erase(PEOPLE, [0, 5], world.train(PEOPLE))
    assert after.digests == bench().scratch(PEOPLE.without([0, 5])).digests


def test_training_the_same_records_again_trains_nothing() -> None:
    world = bench()
    first = world.train(PEOPLE)
    again = world.train(PEOPLE)
    assert again.trained.shards_trained == 0
    assert again.digests == first.digests
