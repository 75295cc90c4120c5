"""The judge: a retraining passes, a model that forgot nothing fails, few people are never enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from tests.checks.small_trial import MARGINS, trial
from unlearning.checks import judge as judging
from unlearning.checks.judge import FORGET, UNSEEN, Side, Trial, judge, summary
from unlearning.domain.entities import CheckResult

TRACES = ("membership", "lira", "rmia", "relative")


def of(one: Trial) -> Mapping[str, CheckResult]:
    return {result.name: result for result in judge(one, MARGINS)}


def no_op(one: Trial) -> Trial:
    """A method that gives back the version before, and its shadow models too."""
    assert one.old is not None
    assert one.shadows is not None
    nothing = replace(one.shadows, unlearned=one.shadows.confidence)
    return replace(one, judged=one.old, shadows=nothing, relearned=(1.0, 10.0, 9.0))


def test_a_retraining_fails_nothing_and_shows_no_trace() -> None:
    found = of(trial())
    assert not [one for one in found.values() if one.verdict == "failed"]
    assert all(found[name].verdict == "passed" for name in (*TRACES, "utility", "agreement", "gap_to_gold", "relearn"))


def test_a_method_that_does_nothing_fails_every_check_that_looks_for_traces() -> None:
    found = of(no_op(trial()))
    assert {name: found[name].verdict for name in (*TRACES, "u_lira", "relearn")} == dict.fromkeys(
        (*TRACES, "u_lira", "relearn"), "failed"
    )
    assert found["gap_to_gold"].verdict != "passed"


@pytest.mark.parametrize(
    ("passes", "verdict"),
    [
        ((8.0, 15.0, 22.0), "passed"),  # an exact retraining, as it was measured
        ((5.0, 15.0, 22.0), "underpowered"),
        ((3.0, 15.0, 22.0), "failed"),
        ((1.0, 3.0, 9.0), "underpowered"),
    ],
)
def test_relearning_is_judged_where_it_is_far_from_every_retraining(passes: tuple[float, float, float], verdict: str) -> None:
    assert of(replace(trial(), relearned=passes))["relearn"].verdict == verdict


def test_a_model_pushed_away_from_people_fails_as_one_that_remembers_them() -> None:
    """Far below the floor is a trace too."""
    one = trial()
    pushed = {**one.judged, FORGET: 1 - np.eye(2)[one.sides[FORGET].target] * 0.998 - 0.001}
    assert of(replace(one, judged=pushed))["membership"].verdict == "failed"


def test_a_model_that_lost_its_use_fails() -> None:
    one = trial()
    wrong = {side: 1 - np.eye(2)[each.target] for side, each in one.sides.items()}
    found = of(replace(one, judged=wrong))
    assert found["utility"].verdict == found["utility: half=odd"].verdict == found["gap_to_gold"].verdict == "failed"
    assert found["agreement"].verdict == "failed"


def test_a_model_whose_answers_are_no_numbers_fails_everything() -> None:
    one = trial()
    assert {each.verdict for each in of(replace(one, judged={k: v * np.nan for k, v in one.judged.items()})).values()} == {
        "failed"
    }


@pytest.mark.parametrize("broken", [False, True])
def test_few_people_are_never_enough(broken: bool) -> None:
    few = trial(10)
    found = of(no_op(few) if broken else few)
    assert {one.verdict for one in found.values()} == {"underpowered"}
    assert all(one.value is None for one in found.values())


def test_an_attack_that_does_not_find_them_in_the_version_before_shows_nothing() -> None:
    one = trial()
    found = of(replace(one, old=one.gold[1]))  # a version that remembers nobody
    assert {found[name].verdict for name in TRACES} == {"underpowered"}
    assert {found[name].verdict for name in ("membership", "lira", "rmia")} == {
        of(replace(one, old=None))[name].verdict for name in ("membership", "lira", "rmia")
    }


def test_without_forgotten_records_the_reason_is_given_and_use_is_judged() -> None:
    one = trial()
    nobody = {**one.sides, FORGET: Side(np.zeros(0, np.int64), np.zeros(0, np.int64))}
    empty = [{**said, FORGET: said[FORGET][:0]} for said in (one.judged, *one.gold)]
    found = of(replace(one, sides=nobody, judged=empty[0], gold=(empty[1], empty[2]), old=None, nobody="their rows are gone"))
    assert all("their rows are gone" in found[name].how for name in (*TRACES, "u_lira", "gap_to_gold", "relearn"))
    assert found["utility"].verdict == "passed"


def test_too_few_shadow_models_are_underpowered() -> None:
    one = replace(trial(shadows=4), no_shadows="4 of 16 could be trained")
    assert all(of(one)[name].how.endswith("4 of 16 could be trained") for name in ("lira", "u_lira", "rmia"))


def test_small_groups_are_counted_and_not_named() -> None:
    one = trial()
    groups = {"site": np.where(np.arange(len(one.sides[UNSEEN])) < 3, "rare", "common")}
    found = of(replace(one, groups=groups))
    assert "utility: site=common" in found
    assert found["utility: smaller groups of site"].verdict == "underpowered"
    assert not any("rare" in f"{name}{one.how}{dict(one.details)}" for name, one in found.items())


def test_it_says_how_many_did_what() -> None:
    assert summary(judge(trial(10), MARGINS)).endswith("underpowered")


def test_the_attacks_are_named_by_their_papers() -> None:
    assert all("20" in said for said in judging._ATTACKS.values())
