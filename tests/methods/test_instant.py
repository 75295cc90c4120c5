"""The instant answer in a small world: what each constituent falls back to, and what shows that it did."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import strategies as st

from tests.fakes import FakeLearner
from tests.properties import drawn
from unlearning.domain.entities import Exact
from unlearning.domain.errors import MethodFailed, VerificationFailed, WrongUse
from unlearning.methods.instant import Instant
from unlearning.methods.retrain import Retrain
from unlearning.methods.sisa import Sisa
from unlearning.testing import Bench, population
from unlearning.testing.population import MemoryCheckpoints, Outcome

PEOPLE = population(people=17, rows=41)


def trained(shards: int = 3, slices: int = 4) -> tuple[Bench, Outcome]:
    bench = Bench(Sisa(), FakeLearner(epochs=1), shards=shards, slices=slices)
    return bench, bench.train(PEOPLE)


def at_once(bench: Bench, leaving: list[int], parent: Outcome) -> Outcome:
    return replace(bench, method=Instant()).erase(PEOPLE, leaving, parent)


def test_it_is_exact_and_trains_nobody() -> None:
    assert (Instant().name, Instant().guarantee) == ("instant", Exact())
    bench, before = trained()
    stored = bench.stored()
    after = at_once(bench, [3], before)
    assert bench.stored() == stored
    assert sum(part.rows_trained for part in after.trained.parts) == 0


@drawn(few=10, many=100, leaving=st.lists(st.integers(0, 16), min_size=1, max_size=8, unique=True))
def test_every_constituent_is_that_of_a_training_that_never_saw_them_as_far_as_it_goes(leaving: list[int]) -> None:
    bench, before = trained()
    try:
        after = at_once(bench, leaving, before)
    except MethodFailed:
        return
    fresh = replace(bench, method=Retrain(), store=MemoryCheckpoints())
    work, spool = fresh.assignment(PEOPLE.without(leaving), forget=PEOPLE.of(leaving), parent=before)
    work = replace(work, stops=tuple(after.trained.behind(after.chain).items()))
    jobs = [job for job in Retrain().plan(work) if job.stop != 0]
    assert {job.shard: Retrain().run(job, fresh.learner, spool, fresh.store).digest for job in jobs} == after.digests
    cells = {person: cell for cell, members in PEOPLE.cells(shards=3, slices=4).items() for person in members}
    first: dict[int, int] = {}
    for shard, piece in (cells[person] for person in leaving):
        first[shard] = min(piece, first.get(shard, piece))
    late = after.trained.behind(after.chain)
    assert all(at <= first[shard] for shard, at in late.items())  # and nobody fell back who had not to
    assert late.keys() | {one.shard for one in after.chain.shards if one.empty} == first.keys()


def test_a_shard_whose_first_slice_is_touched_leaves_the_vote_and_is_healed_by_training() -> None:
    bench, before = trained()
    person = PEOPLE.cells(shards=3, slices=4)[1, 0][0]
    after = at_once(bench, [person], before)
    assert after.trained.dropped == (1,)
    assert after.trained.behind(after.chain) == {1: 0}
    healed = bench.erase(PEOPLE, [person], after)
    assert healed.trained.behind(healed.chain) == {}
    assert healed.digests == replace(bench, store=MemoryCheckpoints()).train(PEOPLE.without([person])).digests


def test_a_damaged_checkpoint_is_passed_over() -> None:
    bench, before = trained()
    person = PEOPLE.cells(shards=3, slices=4)[1, 3][0]
    expected = at_once(bench, [person], before).trained.behind(before.chain)[1]
    assert expected == 3
    store = bench.store
    assert isinstance(store, MemoryCheckpoints)
    store.damage(before.chain.shards[1].keys[3])
    assert at_once(bench, [person], before).trained.behind(before.chain)[1] == 2


def test_where_nothing_is_clean_nobody_answers() -> None:
    bench, before = trained(shards=1, slices=2)
    person = PEOPLE.cells(shards=1, slices=2)[0, 0][0]
    with pytest.raises(MethodFailed, match="no shard has a checkpoint without them"):
        at_once(bench, [person], before)


def test_one_shard_of_one_slice_is_refused_before_anything_runs() -> None:
    bench, before = trained(shards=1, slices=1)
    with pytest.raises(WrongUse, match="one shard of one slice"):
        at_once(bench, [3], before)


def test_parts_of_another_plan_are_refused() -> None:
    bench, before = trained()
    method = replace(bench, method=Instant())
    work, _ = method.assignment(PEOPLE.without([3]), forget=PEOPLE.of([3]), parent=before)
    with pytest.raises(VerificationFailed, match="run the jobs again"):
        Instant().merge(work, before.trained.parts[:1])
