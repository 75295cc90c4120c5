"""One shard's chain, step by step, with a learner that only writes down what it was shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from unlearning.domain.chain import Chain, Job, Part, ShardChain
from unlearning.domain.entities import Exact
from unlearning.domain.errors import Damaged, VerificationFailed, WouldEmptyData, WrongUse
from unlearning.domain.hashing import bytes_digest, digest, seed_from
from unlearning.domain.protocols import Assignment, Records
from unlearning.methods import constituent
from unlearning.methods.retrain import Retrain
from unlearning.methods.sisa import Sisa
from unlearning.testing import MemoryCheckpoints

RECORDS = Records(np.arange(20, dtype=np.float32)[:, None], np.zeros(20, np.int64))
"""Record i holds the number i."""
KEYS = tuple(digest(["chain", stage]) for stage in range(4))


@dataclass(frozen=True)
class Diary:
    """A learner whose state is the list of what happened to it."""

    epochs: Sequence[int] = (5, 3, 2)

    def fresh(self, seed, first_slice):
        return [["fresh", seed, numbers(first_slice)]]

    def fit(self, state, records, *, epochs, seed):
        return [*state, ["fit", seed, epochs, numbers(records)]]

    def stage_epochs(self, _):
        return self.epochs

    def dumps(self, state):
        return json.dumps(state).encode()

    def loads(self, payload):
        try:
            return json.loads(payload)
        except ValueError as error:
            raise Damaged("no diary") from error


def numbers(records: Records) -> list[int]:
    return [int(value) for value in records.features[:, 0]]


def job(*bounds: int, **changes) -> Job:
    plain = Job(
        method="sisa",
        root=".",
        recipe="recipe.py:recipe",
        recipe_digest="recipe",
        device="cpu",
        checkpoints="memory://",
        records="spool",
        seed=7,
        shard=2,
        keys=KEYS,
        bounds=bounds,
    )
    return replace(plain, **changes)


def fit(stage: int, epochs: int, low: int, high: int) -> list:
    return ["fit", seed_from("stage", 7, 2, stage), epochs, list(range(low, high))]


def fresh(low: int, high: int) -> list:
    return ["fresh", seed_from("fresh", 7, 2), list(range(low, high))]


def story(store: MemoryCheckpoints, stage: int) -> list:
    return json.loads(store.payloads[KEYS[stage]])


def test_each_stage_passes_over_the_slices_so_far_with_its_own_epochs_and_seed():
    store = MemoryCheckpoints()
    part = constituent.make(job(4, 6, 9, 10), Diary(), RECORDS, store)
    assert story(store, 1) == [fresh(4, 6), fit(1, 5, 4, 6)]
    assert story(store, 2) == [fresh(4, 6), fit(1, 5, 4, 6), fit(2, 3, 4, 9)]
    assert story(store, 3) == [fresh(4, 6), fit(1, 5, 4, 6), fit(2, 3, 4, 9), fit(3, 2, 4, 10)]
    assert set(store.payloads) == set(KEYS[1:])
    assert (part.shard, part.key, part.digest) == (2, KEYS[3], bytes_digest(store.payloads[KEYS[3]]))
    assert (part.slices_trained, part.rows_trained, part.repaired) == (3, 5 * 2 + 3 * 5 + 2 * 6, 0)
    assert part.cpu_seconds >= 0


def test_training_goes_on_after_the_longest_stored_prefix():
    store = MemoryCheckpoints()
    store.put(KEYS[1], b'["one"]')
    store.put(KEYS[2], b'["two"]')
    part = constituent.make(job(4, 6, 9, 10), Diary(), RECORDS, store)
    assert story(store, 3) == ["two", fit(3, 2, 4, 10)]
    assert (part.slices_trained, part.rows_trained) == (1, 12)


def test_a_prefix_may_have_gaps_before_its_end():
    store = MemoryCheckpoints()
    store.put(KEYS[2], b'["two"]')
    constituent.make(job(4, 6, 9, 10), Diary(), RECORDS, store)
    assert story(store, 3) == ["two", fit(3, 2, 4, 10)]
    assert KEYS[1] not in store


def test_a_whole_chain_is_verified_and_nothing_is_trained():
    store = MemoryCheckpoints()
    store.put(KEYS[3], b'["whole"]')
    part = constituent.make(job(4, 6, 9, 10), Diary(), RECORDS, store)
    assert (part.slices_trained, part.rows_trained, part.digest) == (0, 0, bytes_digest(b'["whole"]'))


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ((4, 4, 9, 10), [fresh(4, 9), fit(2, 3, 4, 9), fit(3, 2, 4, 10)]),
        ((4, 6, 6, 10), [fresh(4, 6), fit(1, 5, 4, 6), fit(3, 2, 4, 10)]),
        ((4, 6, 9, 9), [fresh(4, 6), fit(1, 5, 4, 6), fit(2, 3, 4, 9)]),
        ((4, 4, 4, 10), [fresh(4, 10), fit(3, 2, 4, 10)]),
        ((4, 6, 6, 6), [fresh(4, 6), fit(1, 5, 4, 6)]),
    ],
)
def test_an_empty_slice_trains_nothing_and_carries_the_state(bounds, expected):
    store = MemoryCheckpoints()
    part = constituent.make(job(*bounds), Diary(), RECORDS, store)
    assert story(store, 3) == expected
    assert part.slices_trained == len(expected) - 1


def test_a_carried_state_has_the_empty_slices_name():
    store = MemoryCheckpoints()
    constituent.make(job(4, 6, 6, 10), Diary(), RECORDS, store)
    assert story(store, 2) == story(store, 1)


def test_no_name_before_the_first_record_is_stored_because_the_start_saw_a_later_slice():
    store = MemoryCheckpoints()
    constituent.make(job(4, 4, 9, 10), Diary(), RECORDS, store)
    assert set(store.payloads) == set(KEYS[2:])


def test_no_name_before_the_first_record_is_taken_up():
    store = MemoryCheckpoints()
    store.put(KEYS[1], b'["someone stored a start"]')
    constituent.make(job(4, 4, 9, 10), Diary(), RECORDS, store)
    assert story(store, 3)[0] == fresh(4, 9)


@pytest.mark.parametrize("how", ["digest", "bytes"])
def test_damaged_checkpoints_are_made_again_and_counted(how):
    store = MemoryCheckpoints()
    truth = constituent.make(job(4, 6, 9, 10), Diary(), RECORDS, store)
    for key in KEYS[2:]:
        if how == "digest":
            store.damage(key)
        else:
            store.put(key, b"no diary")
    part = constituent.make(job(4, 6, 9, 10), Diary(), RECORDS, store)
    assert (part.repaired, part.slices_trained, part.digest) == (2, 2, truth.digest)
    assert constituent.make(job(4, 6, 9, 10), Diary(), RECORDS, store).repaired == 0


def test_from_scratch_nothing_stored_is_looked_at():
    store = MemoryCheckpoints()
    for key in KEYS:
        store.put(key, b'["stale"]')
        store.damage(key)
    part = constituent.make(job(4, 6, 9, 10, reuse=False), Diary(), RECORDS, store)
    assert story(store, 3) == [fresh(4, 6), fit(1, 5, 4, 6), fit(2, 3, 4, 9), fit(3, 2, 4, 10)]
    assert (part.slices_trained, part.repaired) == (3, 0)


@pytest.mark.parametrize("reuse", [True, False])
def test_a_replay_leaves_the_store_as_it_is(reuse):
    store, empty = MemoryCheckpoints(), MemoryCheckpoints()
    truth = constituent.make(job(4, 6, 9, 10), Diary(), RECORDS, store)
    store.damage(KEYS[3])
    before = dict(store.payloads)
    part = constituent.make(job(4, 6, 9, 10, reuse=reuse, save=False), Diary(), RECORDS, store)
    assert (part.digest, part.repaired, store.payloads) == (truth.digest, 0, before)
    assert constituent.make(job(4, 6, 9, 10, save=False), Diary(), RECORDS, empty).digest == truth.digest
    assert not empty.payloads


def test_a_learner_with_another_number_of_stages_is_refused():
    with pytest.raises(WrongUse, match="2 stage epochs and 4 bounds for 3 slices"):
        constituent.make(job(4, 6, 9, 10), Diary(epochs=(1, 1)), RECORDS, MemoryCheckpoints())


def test_a_job_without_records_is_refused():
    with pytest.raises(WouldEmptyData, match="shard 2"):
        constituent.make(job(4, 4, 4, 4), Diary(), RECORDS, MemoryCheckpoints())


def assignment(*rows: int, save: bool = True) -> Assignment:
    """One slice a shard, with so many records."""
    names = [(digest([shard, 0]), digest([shard, 1])) for shard in range(len(rows))]
    ends = np.cumsum([0, *rows]).tolist()
    return Assignment(
        root="root",
        recipe="recipe.py:recipe",
        device="cpu",
        checkpoints="checkpoints",
        records="spool",
        learner=Diary(),
        target=Chain("recipe", 7, tuple(ShardChain(s, keys, (rows[s],)) for s, keys in enumerate(names))),
        bounds=tuple((ends[s], ends[s + 1]) for s in range(len(rows))),
        save=save,
    )


def part(shard: int, key: str | None = None) -> Part:
    return Part(shard, key or digest([shard, 1]), "digest", 1, 1, 0.5)


@pytest.mark.parametrize(("method", "reuse"), [(Sisa(), True), (Retrain(), False)])
def test_every_shard_with_records_gets_a_job_that_says_where_to_find_them(method, reuse):
    jobs = method.plan(assignment(3, 0, 2, save=False))
    assert [(one.shard, one.bounds, one.keys) for one in jobs] == [
        (0, (0, 3), (digest([0, 0]), digest([0, 1]))),
        (2, (3, 5), (digest([2, 0]), digest([2, 1]))),
    ]
    assert {(one.method, one.reuse, one.save, one.seed) for one in jobs} == {(method.name, reuse, False, 7)}
    assert {(one.root, one.checkpoints, one.records) for one in jobs} == {("root", "checkpoints", "spool")}


def test_without_any_record_there_is_nothing_to_plan():
    with pytest.raises(WouldEmptyData):
        Sisa().plan(assignment(0, 0))


def test_parts_are_merged_in_the_order_of_shards_and_empty_shards_are_named():
    trained = Sisa().merge(assignment(3, 0, 2), [part(2), part(0)])
    assert [one.shard for one in trained.parts] == [0, 2]
    assert (trained.method, trained.guarantee, trained.dropped) == ("sisa", str(Exact()), (1,))


def test_a_replay_of_some_shards_is_merged_too():
    assert [one.shard for one in Retrain().merge(assignment(3, 0, 2), [part(2)]).parts] == [2]


@pytest.mark.parametrize(
    "parts",
    [[part(0), part(0)], [part(1)], [part(5)], [part(0, key="another")]],
    ids=["twice", "empty", "unknown", "other key"],
)
def test_parts_that_were_not_planned_are_refused(parts):
    with pytest.raises(VerificationFailed, match="not the ones that were planned"):
        Sisa().merge(assignment(3, 0, 2), parts)


def test_what_is_stored_whole_is_told_without_a_record_as_the_job_would_tell_it():
    store, there = MemoryCheckpoints(), job(4, 6, 9, 10)
    assert Sisa().stored(there, Diary(), store) is None
    constituent.make(there, Diary(), RECORDS, store)
    told, found = Sisa().stored(there, Diary(), store), constituent.make(there, Diary(), RECORDS, store)
    assert told is not None
    assert replace(told, cpu_seconds=0.0) == replace(found, cpu_seconds=0.0)
    assert Retrain().stored(there, Diary(), store) is None
    store.payloads[KEYS[3]] = b"damaged"
    assert Sisa().stored(there, Diary(), store) is None
