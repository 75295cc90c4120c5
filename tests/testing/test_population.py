"""The small world that methods are tried in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import FakeLearner
from unlearning.domain.errors import Damaged, WrongUse
from unlearning.methods.sisa import Sisa
from unlearning.testing import FEATURES, LABELS, Bench, MemoryCheckpoints, population

KEY = "a" * 64


@settings(max_examples=25)
@given(people=st.integers(1, 20), rows=st.integers(1, 50), seed=st.integers(0, 9))
def test_everyone_has_a_record_where_there_are_enough_and_the_same_numbers_give_the_same_world(
    people: int, rows: int, seed: int
) -> None:
    one, again = (population(people=people, rows=rows, seed=seed) for _ in range(2))
    assert one.records.features.shape == (rows, FEATURES)
    assert set(one.records.target.tolist()) <= set(range(LABELS))
    assert set(one.people.tolist()) == set(range(people)) or rows < people
    assert np.array_equal(one.records.features, again.records.features)
    assert np.array_equal(one.people, again.people)


@settings(max_examples=25)
@given(leaving=st.sets(st.integers(0, 7)))
def test_those_who_leave_and_those_who_stay_are_everyone_and_nobody_is_both(leaving: set[int]) -> None:
    world = population(people=8, rows=20)
    gone, staying = world.of(leaving), world.without(leaving)
    assert set(gone.people.tolist()) == leaving
    assert leaving.isdisjoint(staying.people.tolist())
    assert len(gone.records) + len(staying.records) == 20


def test_noise_changes_every_record_of_these_people_and_none_of_anybody_else() -> None:
    world = population(people=6, rows=12)
    noised = world.noised({1, 4})
    theirs = np.isin(world.people, [1, 4])
    same = (noised.records.features == world.records.features).all(axis=1) & (noised.records.target == world.records.target)
    assert same.tolist() == (~theirs).tolist()
    assert np.array_equal(noised.people, world.people)


def test_the_cells_are_where_the_bench_puts_people() -> None:
    world, bench = population(), Bench(Sisa(), FakeLearner(epochs=1), shards=3, slices=4)
    cells = world.cells(shards=3, slices=4)
    assert sorted(person for members in cells.values() for person in members) == list(range(17))
    assignment, _ = bench.assignment(world, forget=None, parent=None)
    rows = {(shard.shard, piece): rows for shard in assignment.target.shards for piece, rows in enumerate(shard.rows) if rows}
    assert rows == {cell: int(np.isin(world.people, members).sum()) for cell, members in cells.items()}


def test_a_store_in_memory_gives_damaged_bytes_until_they_are_put_again_and_takes_no_other_names() -> None:
    store = MemoryCheckpoints()
    store.put(KEY, b"payload")
    store.damage(KEY)
    with pytest.raises(Damaged):
        store.get(KEY)
    store.put(KEY, b"payload")
    assert store.get(KEY) == b"payload"
    for name in ("", "A" * 64, "../" + "a" * 61):
        with pytest.raises(WrongUse):
            store.get(name)


def test_a_method_meets_records_that_it_cannot_write_to() -> None:
    bench, world = Bench(Sisa(), FakeLearner(epochs=1)), population(people=4, rows=8)
    for forget in (None, world.of({1})):
        _, spool = bench.assignment(world.without({1}), forget=forget, parent=None)
        with pytest.raises(ValueError, match="read-only"):
            spool.features[0, 0] = 1
