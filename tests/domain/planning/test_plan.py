"""Plans as they are written down, and the names of batches."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unlearning.domain import codec
from unlearning.domain.errors import WouldEmptyData
from unlearning.domain.planning.plan import OwnPlan, Plan, check_something_remains, erasure_id
from unlearning.domain.versions import DataVersion, ModelVersion

DATA = DataVersion("data/a.csv", "d" * 64, "0" * 32, "a" * 40, 6, 6)
OWN = OwnPlan("m", "champion", ModelVersion("m", 2), ("sisa", "retrain"), "data/train.parquet", retrain_model=True)
PLAN = Plan("erasure-1", ("ab", "cd"), (DATA, replace(DATA, rev=None)), 7, OWN, ("churn",))


@pytest.mark.parametrize("plan", [PLAN, replace(PLAN, own=None), replace(PLAN, adopted=(), tokens=(), before=())])
def test_a_plan_comes_back_from_what_the_ledger_keeps(plan: Plan) -> None:
    assert codec.read(Plan, json.loads(json.dumps(codec.write(plan)))) == plan


def test_a_plan_from_before_models_were_adopted_adopts_none() -> None:
    old = {name: value for name, value in codec.write(PLAN).items() if name != "adopted"}
    assert codec.read(Plan, old) == replace(PLAN, adopted=())


def test_the_own_model_is_replaced_only_where_there_is_one_and_somebody_shaped_it() -> None:
    assert PLAN.retrained == (OWN.model,)
    assert not replace(PLAN, own=replace(OWN, retrain_model=False)).retrained
    assert not replace(PLAN, own=None).retrained


def test_a_single_own_model_takes_its_turn_after_the_adopted_ones_that_it_comes_from() -> None:
    plan = replace(PLAN, adopted=("before", "after"), before_own=1)
    assert plan.turns == ("before", OWN.model, "after")
    assert replace(plan, own=replace(OWN, retrain_model=False)).turns == ("before", "after")


def test_of_several_own_models_those_that_are_shaped_take_their_turns_in_the_order_of_the_plan() -> None:
    other = replace(OWN, model="other", retrain_model=False)
    plan = replace(PLAN, others=(other,), adopted=("adopted",), order=("adopted", OWN.model))
    assert [own.model for own in plan.owns] == [OWN.model, "other"]
    assert plan.retrained == (OWN.model,)
    assert plan.turns == ("adopted", OWN.model)
    assert codec.read(Plan, codec.write(plan)) == plan


@settings(max_examples=30)
@given(st.lists(st.text(min_size=1), unique=True, min_size=1), st.randoms())
def test_the_same_requests_make_the_same_batch_in_any_order_and_other_requests_another(
    names: list[str], random: object
) -> None:
    shuffled = list(names)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert erasure_id(shuffled) == erasure_id(names)
    assert erasure_id([*names, "".join(names) + "another"]) != erasure_id(names)
    assert erasure_id(names).startswith("erasure-")


@pytest.mark.parametrize("removed", [4, 5])
def test_an_erasure_that_leaves_nothing_is_refused_with_what_there_is_instead(removed: int) -> None:
    with pytest.raises(WouldEmptyData, match=r"all 4 records of data/a\.csv"):
        check_something_remains(table="data/a.csv", rows=4, removed=removed)
    check_something_remains(table="data/a.csv", rows=4, removed=3)
