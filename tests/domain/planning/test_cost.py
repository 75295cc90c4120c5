"""The price of an erasure, against counting it out."""

from __future__ import annotations

from itertools import product

import pytest

from unlearning.domain.chain import Chain, ShardChain
from unlearning.domain.entities import ShardImpact
from unlearning.domain.planning import cost
from unlearning.domain.planning.cost import Estimate, Former, expected_share, training_rows

CHAIN = Chain(
    "recipe", 1, (ShardChain(0, ("s", "a1", "a2", "a3"), (10, 20, 30)), ShardChain(1, ("s", "b1", "b2", "b3"), (1, 0, 2)))
)


def test_a_stage_passes_over_all_slices_up_to_its_own() -> None:
    shard_0, shard_1 = 2 * 10 + 1 * 30 + 3 * 60, 2 * 1 + 1 * 1 + 3 * 3
    assert training_rows(CHAIN, [2, 1, 3]) == shard_0 + shard_1


def test_a_touched_shard_is_trained_again_from_its_first_touched_slice_on() -> None:
    touched = [ShardImpact(0, 2, 3, 5)]
    assert training_rows(CHAIN, [2, 1, 3], touched) == 1 * 30 + 3 * 60
    assert training_rows(CHAIN, [2, 1, 3], [*touched, ShardImpact(1, 3, 3, 1)]) == 1 * 30 + 3 * 60 + 3 * 3
    assert training_rows(CHAIN, [2, 1, 3], []) == 0


def test_touching_every_shard_from_its_first_slice_costs_a_whole_training() -> None:
    everything = [ShardImpact(shard, 1, 3, 1) for shard in (0, 1)]
    assert training_rows(CHAIN, [2, 1, 3], everything) == training_rows(CHAIN, [2, 1, 3])


def counted_out(shards: int, slices: int, requests: int) -> float:
    """The mean over every way in which the requests can fall; equal slices, equal epochs, so stage r costs r."""
    cells, whole, total, ways = list(product(range(shards), range(slices))), shards * sum(range(1, slices + 1)), 0.0, 0
    for fallen in product(cells, repeat=requests):
        first = {shard: min(piece for at, piece in fallen if at == shard) for shard, _ in fallen}
        total += sum(sum(range(piece + 1, slices + 1)) for piece in first.values()) / whole
        ways += 1
    return total / ways


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 3, 2), (2, 1, 3), (2, 2, 2), (3, 2, 3), (2, 3, 3)])
def test_the_formula_is_the_mean_over_every_way_in_which_requests_can_fall(shape: tuple[int, int, int]) -> None:
    shards, slices, requests = shape
    expected = counted_out(shards, slices, requests)
    assert expected_share(shards=shards, slices=slices, requests=requests) == pytest.approx(expected)


def test_no_request_costs_nothing_and_very_many_cost_a_training() -> None:
    for shards in (1, 4):
        assert expected_share(shards=shards, slices=3, requests=0) == 0
        assert expected_share(shards=shards, slices=3, requests=400) == pytest.approx(1, abs=1e-6)


# --- the whole wall time ---------------------------------------------------------------------------------------------


def test_without_a_former_erasure_the_estimate_is_training_and_a_first_guess() -> None:
    assert cost.estimate(7.0, []) == Estimate(cost.STEPS_S + 7.0, 7.0, 0)


def test_former_erasures_tell_the_steps_and_the_pace_of_training() -> None:
    former = [Former(wall_s=30, training_s=10, estimated_s=5), Former(wall_s=24, training_s=4, estimated_s=2)]
    assert cost.estimate(3.0, former) == Estimate(20 + 6, 6, 2)


def test_an_odd_one_does_not_decide_and_no_training_costs_none() -> None:
    former = [Former(20, 0, 0), Former(22, 0, 0), Former(9000, 0, 0)]
    assert cost.estimate(0.0, former) == Estimate(22, 0, 3)
    assert cost.estimate(5.0, former).training_s == 5
