"""The laws of the architecture, as properties of real partition, chain, methods and checkpoint stores.

Law 6 (no identity leaves intake) and law 7 (never lost) belong to intake and ledger and are tested there.
"""

from __future__ import annotations

import itertools
import multiprocessing
import uuid
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes import FakeLearner
from tests.small_torch import run_job_with, torch_learner
from unlearning.domain.errors import WouldEmptyData
from unlearning.domain.protocols import Records
from unlearning.methods.retrain import Retrain
from unlearning.methods.sisa import Sisa
from unlearning.stores import spool
from unlearning.stores.checkpoints import CheckpointStore
from unlearning.testing import FEATURES, LABELS, Bench, MemoryCheckpoints, Outcome, Population, population

MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FEW = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Zeros of both signs, equal records and tiny numbers are where canonical orders and digests go wrong.
VALUES = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 1e-30, 3.25])


@dataclass(frozen=True)
class World:
    """A population, the people who will leave it, and a model of some shape."""

    people: Population
    leaving: tuple[int, ...]
    shards: int
    slices: int

    def bench(self, learner, store=None, method=None) -> Bench:
        return Bench(method or Sisa(), learner, shards=self.shards, slices=self.slices, store=store or disk_free_store())

    @property
    def staying(self) -> Population:
        return self.people.without(self.leaving)


def disk_free_store() -> CheckpointStore:
    return CheckpointStore(f"memory://{uuid.uuid4().hex}")


@st.composite
def worlds(draw, *, max_rows: int = 14):
    rows = draw(
        st.lists(st.tuples(st.integers(0, 7), st.integers(0, LABELS - 1), *[VALUES] * FEATURES), min_size=2, max_size=max_rows)
    )
    people = np.array([row[0] for row in rows], dtype=np.int64)
    records = Records(np.array([row[2:] for row in rows], dtype=np.float32), np.array([row[1] for row in rows], dtype=np.int64))
    there = sorted(set(people.tolist()))
    stays = draw(st.sampled_from(there))
    others = [person for person in there if person != stays]
    leaving = draw(st.lists(st.sampled_from(others), unique=True)) if others else []
    return World(Population(records, people), tuple(leaving), draw(st.integers(1, 4)), draw(st.integers(1, 4)))


def same(one: Outcome, other: Outcome) -> bool:
    """The same names, bytes and votes."""
    return (one.chain, one.states, one.trained.dropped) == (other.chain, other.states, other.trained.dropped)


# --- 1. exact -------------------------------------------------------------------------------------------------------


def unlearning_is_training_without_them(world: World, make_learner) -> None:
    bench = world.bench(make_learner())
    unlearned = bench.erase(world.people, world.leaving, bench.train(world.people))
    for method in (Sisa(), Retrain()):
        assert same(unlearned, world.bench(make_learner(), method=method).train(world.staying))


@MANY
@given(worlds())
def test_unlearning_gives_the_bytes_of_training_without_them(world):
    unlearning_is_training_without_them(world, FakeLearner)


@FEW
@given(worlds())
def test_unlearning_gives_the_bytes_of_training_without_them_in_torch(world):
    unlearning_is_training_without_them(world, torch_learner)


@MANY
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_records_in_storage_does_not_show(world, random):
    rows = list(range(len(world.people.people)))
    random.shuffle(rows)
    records = world.people.records
    shuffled = Population(records[rows], world.people.people[rows])
    assert same(world.bench(FakeLearner()).train(world.people), world.bench(FakeLearner()).train(shuffled))


@MANY
@given(worlds())
def test_what_the_forgotten_said_leaves_no_trace(world):
    truth, noise = world.bench(FakeLearner()), world.bench(FakeLearner())
    noised = world.people.noised(world.leaving)
    assert same(
        truth.erase(world.people, world.leaving, truth.train(world.people)),
        noise.erase(noised, world.leaving, noise.train(noised)),
    )


def test_everything_in_the_store_after_a_folder_restart_is_as_in_memory(tmp_path):
    people = population()
    folder, memory = Bench(Sisa(), FakeLearner(), store=CheckpointStore(str(tmp_path))), Bench(Sisa(), FakeLearner())
    folder.train(people)
    reopened = replace(folder, store=CheckpointStore(str(tmp_path)))
    memory.erase(people, [3, 4], memory.train(people))
    reopened.erase(people, [3, 4], reopened.train(people))
    assert reopened.stored() == memory.stored()


# --- 2. isolated ----------------------------------------------------------------------------------------------------


@MANY
@given(worlds())
def test_nothing_outside_a_shard_sees_its_records(world):
    cells = world.people.cells(shards=world.shards, slices=world.slices)
    shard = next(iter(cells))[0]
    inside = [person for (at, _), members in cells.items() if at == shard for person in members]
    before = world.bench(FakeLearner()).train(world.people)
    after = world.bench(FakeLearner()).train(world.people.noised(inside))
    others = before.states.keys() - {shard}
    assert all(before.states[other] == after.states[other] for other in others)
    assert before.states[shard] != after.states[shard]


@MANY
@given(worlds())
def test_what_is_stored_for_the_stayers_never_saw_the_leavers(world):
    """A name that stays valid after an erasure holds the same bytes in a store that never knew the forgotten."""
    with_them, without = world.bench(FakeLearner()), world.bench(FakeLearner())
    with_them.train(world.people)
    without.train(world.staying)
    held = with_them.stored()
    assert all(held.get(key, payload) == payload for key, payload in without.stored().items())


# --- 3. local -------------------------------------------------------------------------------------------------------


@MANY
@given(worlds())
def test_one_person_changes_one_chain_from_one_slice_on(world):
    cells = world.people.cells(shards=world.shards, slices=world.slices)
    for (shard, piece), members in cells.items():
        bench = world.bench(FakeLearner())
        before = bench.train(world.people)
        gone = members[:1]
        if len(set(world.people.people.tolist())) == 1:
            continue
        after = bench.erase(world.people, gone, before)
        for old, new in zip(before.chain.shards, after.chain.shards, strict=True):
            kept = [one == two for one, two in zip(old.keys, new.keys, strict=True)]
            assert kept == [old.shard != shard or stage <= piece for stage in range(world.slices + 1)]
        for part in after.trained.parts:
            due = [rows for rows in after.chain.shards[part.shard].rows[piece:] if rows] if part.shard == shard else []
            assert part.slices_trained == len(due)


# --- 4. order-free --------------------------------------------------------------------------------------------------


@MANY
@given(worlds(), st.data())
def test_requests_in_any_order_and_any_batching_end_alike(world, data):
    order = data.draw(st.permutations(world.leaving))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(order)))))
    batches = [order[low:high] for low, high in itertools.pairwise([0, *cuts, len(order)])]
    bench, people = world.bench(FakeLearner()), world.people
    model = bench.train(people)
    for batch in batches:
        model, people = bench.erase(people, batch, model), people.without(batch)
    assert same(model, world.bench(FakeLearner()).train(world.staying))


@FEW
@given(worlds(), st.data())
def test_requests_in_any_order_end_alike_in_torch(world, data):
    bench, people = world.bench(torch_learner()), world.people
    model = bench.train(people)
    for person in data.draw(st.permutations(world.leaving)):
        model, people = bench.erase(people, [person], model), people.without([person])
    assert same(model, world.bench(torch_learner()).train(world.staying))


# --- 5. again is once -----------------------------------------------------------------------------------------------


@MANY
@given(worlds())
def test_twice_is_once(world):
    bench = world.bench(FakeLearner())
    before = bench.train(world.people)
    first = bench.erase(world.people, world.leaving, before)
    stored = bench.stored()
    second = bench.erase(world.people, world.leaving, before)
    assert same(first, second)
    assert second.trained.shards_trained == 0
    assert bench.stored() == stored


@MANY
@given(worlds())
def test_an_empty_forget_set_changes_nothing(world):
    bench = world.bench(FakeLearner())
    before = bench.train(world.people)
    stored = bench.stored()
    after = bench.erase(world.people, [], before)
    assert same(before, after)
    assert after.trained.shards_trained == 0
    assert bench.stored() == stored


class Died(Exception):
    pass


class DyingStore(MemoryCheckpoints):
    """Fails at the n-th write, as a killed process does."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self.writes = writes

    def put(self, key: str, payload: bytes) -> str:
        if self.writes == 0:
            raise Died
        self.writes -= 1
        return super().put(key, payload)


@MANY
@given(worlds(), st.integers(0, 20))
def test_a_run_that_dies_anywhere_and_starts_again_ends_alike(world, writes):
    store = DyingStore(writes)
    bench = world.bench(FakeLearner(), store)
    try:
        before = bench.train(world.people)
        unlearned = bench.erase(world.people, world.leaving, before)
    except Died:
        store.writes = -1
        before = bench.train(world.people)
        unlearned = bench.erase(world.people, world.leaving, before)
    untroubled = world.bench(FakeLearner())
    assert same(unlearned, untroubled.erase(world.people, world.leaving, untroubled.train(world.people)))
    assert bench.stored() == untroubled.stored()


@MANY
@given(worlds(), st.data())
def test_any_checkpoint_may_be_lost_or_damaged(world, data):
    store = MemoryCheckpoints()
    bench = world.bench(FakeLearner(), store)
    before = bench.train(world.people)
    names = sorted(store.keys())
    for key in data.draw(st.sets(st.sampled_from(names))):
        store.delete(key)
    for key in data.draw(st.sets(st.sampled_from(names))):
        store.damage(key)
    truth = world.bench(FakeLearner()).train(world.staying)
    assert same(bench.erase(world.people, world.leaving, before), truth)


def test_forgetting_everyone_is_refused_and_the_model_stays():
    people = population()
    bench = Bench(Sisa(), FakeLearner())
    before = bench.train(people)
    stored = bench.stored()
    with pytest.raises(WouldEmptyData):
        bench.erase(people, sorted(set(people.people.tolist())), before)
    assert bench.stored() == stored


# --- the one parallel point -----------------------------------------------------------------------------------------


def threads(function, jobs):
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(function, jobs))


def processes(function, jobs):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(function, jobs))


def backwards(function, jobs):
    return [function(job) for job in reversed(list(jobs))]


@pytest.mark.parametrize(
    ("make_learner", "mappings"),
    [(FakeLearner, (map, backwards, threads)), (torch_learner, (map, threads, processes))],
    ids=["fake", "torch"],
)
def test_loops_threads_and_processes_give_the_same_bytes(tmp_path, make_learner, mappings):
    people, ends = population(), []
    bench = Bench(Sisa(), make_learner(), shards=4, slices=3)
    for mapping in mappings:
        asked, records = bench.assignment(people, forget=None, parent=None)
        store = tmp_path / mapping.__name__
        with spool.spooled(tmp_path / "tmp") as folder:
            spool.write(folder, records)
            asked = replace(asked, checkpoints=str(store), records=str(folder))
            parts = list(mapping(partial(run_job_with, make_learner), Sisa().plan(asked)))
        ends.append((bench.method.merge(asked, parts), replace(bench, store=CheckpointStore(str(store))).stored()))
    assert len({tuple(part.digest for part in made.parts) for made, _ in ends}) == 1
    assert all(stored == ends[0][1] for _, stored in ends)
