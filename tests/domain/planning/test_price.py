"""Prices of methods, which of them may be used, and in which order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import strategies as st

from tests.properties import drawn
from unlearning.domain.chain import Chain, Job, ShardChain
from unlearning.domain.entities import Certified, Empirical, Exact, ShardImpact
from unlearning.domain.errors import WrongUse
from unlearning.domain.planning import price
from unlearning.domain.planning.cost import expected_share, training_rows
from unlearning.domain.planning.price import Measured, Price

EPOCHS = (2, 1, 3)
CHAIN = Chain(
    "recipe", 1, (ShardChain(0, ("s", "a1", "a2", "a3"), (10, 20, 30)), ShardChain(1, ("s", "b1", "b2", "b3"), (1, 0, 2)))
)


def job(shard: int, *, reuse: bool = True, parent: str | None = None) -> Job:
    rows = CHAIN.shards[shard].rows
    bounds = (0, rows[0], rows[0] + rows[1], sum(rows))
    return Job("m", "", "", "", "cpu", "", "", 1, shard, CHAIN.shards[shard].keys, bounds, reuse=reuse, parent=parent)


# --- what is trained again ---


def test_along_the_chain_a_touched_shard_is_trained_from_its_touched_slice_without_who_left_and_the_others_are_not() -> None:
    touched = [ShardImpact(0, 2, 3, 5)]
    assert price.records_of([job(0), job(1)], CHAIN, EPOCHS, touched, 1) == 1 * 25 + 3 * 55
    assert price.records_of([job(0), job(1)], CHAIN, EPOCHS, [], 1) == 0


def test_from_scratch_everything_is_trained_without_who_left() -> None:
    jobs = [job(0, reuse=False), job(1, reuse=False)]
    left = replace(CHAIN, shards=(replace(CHAIN.shards[0], rows=(10, 15, 30)), CHAIN.shards[1]))
    assert price.records_of(jobs, CHAIN, EPOCHS, [ShardImpact(0, 2, 3, 5)], 1) == training_rows(left, EPOCHS)


def test_a_method_that_changes_a_model_goes_over_all_of_it_as_often_as_it_says() -> None:
    for passes in (0, 1, 4):
        assert price.records_of([job(0, parent="p")], CHAIN, EPOCHS, [ShardImpact(0, 2, 3, 5)], passes) == 60 * passes


@drawn(few=30, many=300, requests=st.integers(0, 40), shards=st.integers(1, 5), slices=st.integers(1, 4))
def test_the_expectation_over_equal_slices_is_the_formula_of_the_benchmarks(requests: int, shards: int, slices: int) -> None:
    keys = tuple(str(number) for number in range(slices + 1))
    chain = Chain("r", 0, tuple(ShardChain(shard, keys, (6,) * slices) for shard in range(shards)))
    expected = expected_share(shards=shards, slices=slices, requests=requests) * training_rows(chain, [1] * slices)
    assert price.expected_rows(chain, [1] * slices, more=requests) == pytest.approx(expected)


@drawn(
    few=30,
    many=300,
    rows=st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=1, max_size=5).filter(lambda rows: any(map(any, rows))),
)
def test_one_more_person_costs_the_mean_over_everybody_whatever_the_sizes_of_the_shards(rows: list[tuple[int, ...]]) -> None:
    chain = Chain("r", 0, tuple(ShardChain(shard, ("0", "1", "2", "3"), each) for shard, each in enumerate(rows)))
    everybody = [(shard, piece) for shard, each in enumerate(rows) for piece, count in enumerate(each) for _ in range(count)]
    costs = [training_rows(chain, EPOCHS, [ShardImpact(shard, piece + 1, 3, 1)]) for shard, piece in everybody]
    assert price.expected_rows(chain, EPOCHS, more=1) == pytest.approx(sum(costs) / len(costs))
    assert price.expected_shards(chain, more=1) == pytest.approx(1)
    assert price.expected_shards(chain, more=1e9) == pytest.approx(sum(map(any, rows)))


def test_of_even_shards_as_many_are_expected_as_the_formula_says() -> None:
    chain = Chain("r", 0, tuple(ShardChain(shard, ("0", "1"), (6,)) for shard in range(20)))
    assert price.expected_shards(chain, more=8) == pytest.approx(20 * (1 - (1 - 1 / 20) ** 8))
    assert price.expected_shards(chain, [ShardImpact(3, 1, 1, 1)], more=8) == pytest.approx(1 + 19 * (1 - (1 - 1 / 20) ** 8))


def test_who_is_touched_already_costs_at_least_that_and_nothing_costs_more_than_everything() -> None:
    touched = [ShardImpact(0, 2, 3, 0)]
    assert price.expected_rows(CHAIN, EPOCHS, touched, more=0) == training_rows(CHAIN, EPOCHS, touched)
    costs = [price.expected_rows(CHAIN, EPOCHS, touched, more=more) for more in (0, 0.5, 1, 3, 1000)]
    assert costs == sorted(costs)
    assert costs[-1] == pytest.approx(training_rows(CHAIN, EPOCHS))


# --- seconds ---


def test_without_a_measurement_nobody_says_a_number() -> None:
    assert price.seconds_of(100, []) is None
    assert price.seconds_of(0, []) is None
    assert price.seconds_of(100, [Measured(0, 0.5)]) is None


def test_what_trains_nobody_takes_what_it_took() -> None:
    assert price.seconds_of(0, [Measured(0, 0.2), Measured(0, 0.4), Measured(0, 0.9)]) == 0.4


@drawn(
    few=50,
    many=500,
    base=st.floats(0, 5),
    each=st.floats(1e-5, 1e-2),
    sizes=st.lists(st.integers(10, 100_000), min_size=3, max_size=20, unique=True),
    asked=st.integers(10, 100_000),
)
def test_what_every_training_costs_is_told_from_what_a_record_costs(
    base: float, each: float, sizes: list[int], asked: int
) -> None:
    found = price.seconds_of(asked, [Measured(size, base + each * size) for size in sizes])
    assert found == pytest.approx(base + each * asked, rel=0.02, abs=0.002)


def test_two_sizes_tell_a_pace_and_no_more() -> None:
    assert price.seconds_of(50, [Measured(100, 1.0), Measured(200, 2.0)]) == 0.5


def test_a_fit_that_would_go_below_zero_is_not_believed() -> None:
    found = price.seconds_of(10, [Measured(100, 0.1), Measured(200, 1.0), Measured(400, 4.0)])
    assert found is not None
    assert found > 0


# --- guarantees ---


@pytest.mark.parametrize("said", ["exact", "empirical", "certified(1, 1e-5)", "certified( 0.5 ,0.001 )"])
def test_a_guarantee_is_read(said: str) -> None:
    found = price.promised(said)
    assert str(found).startswith(said[:5])


@pytest.mark.parametrize(
    "said",
    ["", "Exact", "certified", "certified(1)", "certified(0, 1e-5)", "certified(1, 1)", "certified(.,e)"],
)
def test_what_is_none_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match="expected exact"):
        price.promised(said)


def test_what_is_stronger_keeps_what_is_weaker_and_never_the_other_way_round() -> None:
    strong, weak = Certified(0.5, 1e-6), Certified(1, 1e-5)
    order = [Exact(), strong, weak, Empirical()]
    for place, offered in enumerate(order):
        for other, wanted in enumerate(order):
            assert price.keeps(offered, wanted) == (place <= other)
    assert not price.keeps(Certified(0.5, 1e-4), weak)


# --- the ladder ---


def made(method: str, seconds: float | None, *, records: int = 1, admissible: bool = True) -> Price:
    return Price("churn", method, "exact", seconds, records, admissible, "" if admissible else f"{method} cannot")


PRICES = [made("retrain", 9.0), made("sisa", 3.0), made("subtract", 1.0), made("scrub", None, admissible=False)]


def test_the_planner_takes_the_cheapest_first_and_ends_in_retrain() -> None:
    assert price.ladder(PRICES, None, share=0.1, model="churn") == ("subtract", "sisa", "retrain")


def test_where_seconds_are_unknown_records_decide() -> None:
    unknown = [made("retrain", None, records=9), made("sisa", 5.0, records=3), made("subtract", None, records=7)]
    assert price.ladder(unknown, None, share=0.1, model="churn") == ("sisa", "subtract", "retrain")


def test_retrain_is_the_last_even_where_it_is_the_cheapest() -> None:
    cheap = [made("retrain", 1.0), made("sisa", 2.0)]
    assert price.ladder(cheap, None, share=0.1, model="churn") == ("sisa", "retrain")


def test_a_list_keeps_its_order() -> None:
    assert price.ladder(PRICES, ["sisa", "subtract"], share=0.5, model="churn") == ("sisa", "subtract")


@pytest.mark.parametrize("listed", [None, ["sisa", "subtract"]])
def test_where_most_goes_everything_is_trained_again(listed: list[str] | None) -> None:
    assert price.ladder(PRICES, listed, share=0.51, model="churn") == ("retrain",)


def test_a_method_that_cannot_serve_is_refused_with_those_that_can() -> None:
    with pytest.raises(WrongUse, match=r"scrub cannot; churn can be served by retrain, sisa, subtract"):
        price.ladder(PRICES, ["scrub", "retrain"], share=0.1, model="churn")


def test_where_none_may_be_used_each_says_why() -> None:
    nobody = [made(name, None, admissible=False) for name in ("a", "b")]
    with pytest.raises(WrongUse, match=r"churn: a: a cannot; b: b cannot"):
        price.ladder(nobody, None, share=0.1, model="churn")


def test_an_answer_at_once_comes_before_whatever_the_policy_says() -> None:
    prices = [*PRICES, made("instant", None, records=0)]
    assert price.ladder(prices, ["sisa"], share=0.1, model="churn", at_once=True) == ("instant", "sisa")
    assert price.ladder(prices, None, share=0.1, model="churn", at_once=True) == ("instant", "subtract", "sisa", "retrain")
    cannot = [*PRICES, made("instant", None, admissible=False)]
    with pytest.raises(WrongUse, match=r"instant cannot; churn can be served by retrain, sisa, subtract"):
        price.ladder(cannot, ["sisa"], share=0.1, model="churn", at_once=True)


def test_who_is_shown_nobody_trains_nobody() -> None:
    assert price.records_of([job(0), job(1)], CHAIN, EPOCHS, [ShardImpact(0, 2, 3, 5)], 0) == 0
