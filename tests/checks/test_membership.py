from math import isclose

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.checks.membership import area_error, hanley_mcneil, judge, membership, membership_auc, records_needed

losses = st.lists(st.integers(0, 6), min_size=1, max_size=30).map(lambda values: np.array(values, dtype=float) / 2)


@given(losses, losses)
def test_the_area_is_the_share_of_pairs_won_with_ties_as_halves(forget, holdout):
    won = sum((f < h) + (f == h) / 2 for f in forget for h in holdout)
    assert membership_auc(forget, holdout) == won / (len(forget) * len(holdout))


@given(losses, losses)
def test_swapping_the_sides_mirrors_the_area_and_keeps_its_error(forget, holdout):
    area, mirrored = membership_auc(forget, holdout), membership_auc(holdout, forget)
    assert isclose(area + mirrored, 1)
    assert isclose(
        area_error(area, forgotten=len(forget), unseen=len(holdout)),
        area_error(mirrored, forgotten=len(holdout), unseen=len(forget)),
    )


def test_infinite_losses_rank_last():
    assert membership_auc(np.array([1.0]), np.array([np.inf])) == 1
    assert membership_auc(np.array([np.inf]), np.array([np.inf])) == 0.5


@pytest.mark.parametrize("sides", [([], [1.0]), ([1.0], []), ([np.nan], [1.0]), ([1.0], [np.nan])])
def test_an_area_of_nothing_or_of_no_numbers_is_refused(sides):
    with pytest.raises(ValueError, match=r"records on both sides|no number"):
        membership_auc(*map(np.array, sides))


def test_the_error_worked_out_by_hand():
    """Q1 = .9/1.1, Q2 = 1.62/1.9, and (.09 + 9 (Q1 - .81) + 9 (Q2 - .81)) / 100 = .0739808²."""
    assert isclose(hanley_mcneil(0.9, forgotten=10, unseen=10), 0.0739808, rel_tol=1e-5)


def test_the_error_is_how_far_areas_of_exponential_losses_scatter():
    random, rate = np.random.default_rng(7), 4.0
    areas = [membership_auc(random.exponential(1 / rate, 20), random.exponential(1, 30)) for _ in range(3000)]
    assert isclose(np.mean(areas), rate / (1 + rate), abs_tol=0.01)
    assert isclose(np.std(areas), hanley_mcneil(rate / (1 + rate), forgotten=20, unseen=30), rel_tol=0.04)


def test_a_perfect_area_of_three_records_is_not_certain():
    assert area_error(1.0, forgotten=3, unseen=100) > 0.15


def test_the_interval_decides_between_three_verdicts():
    assert judge(0.5, 0.05, 0.1) == "passed"
    assert judge(0.55, 0.05, 0.1) == "underpowered"
    assert judge(0.5, 0.07, 0.1) == "underpowered"
    assert judge(0.7, 0.05, 0.1) == "failed"
    assert judge(0.3, 0.05, 0.1) == "failed"


@given(st.integers(1, 400), st.sampled_from([0.05, 0.1, 0.2, 0.3]))
def test_the_records_needed_are_just_enough_to_pass_at_chance(unseen, margin):
    needed = records_needed(margin, unseen=unseen)
    at = [
        judge(0.5, area_error(0.5, forgotten=n, unseen=unseen), margin) for n in ([needed, needed - 1] if needed else [10**7])
    ]
    assert at[0] == ("passed" if needed else "underpowered")
    assert needed in (None, 1) or at[1] == "underpowered"


def half(labels, confidence):
    """Two-label probabilities that give each label this confidence."""
    confidence = np.asarray(confidence, dtype=float)
    right = np.stack([confidence, 1 - confidence], axis=1)
    return np.where(np.asarray(labels)[:, None] == 0, right, right[:, ::-1])


@pytest.fixture
def attacked(evidence, thresholds):
    def attack(forget_confidence, unseen_confidence, **more):
        forget, unseen = np.arange(len(forget_confidence)) % 2, np.arange(len(unseen_confidence)) % 2
        shown = evidence(
            forget_target=forget,
            forget_after=half(forget, forget_confidence),
            holdout_target=unseen,
            holdout_after=half(unseen, unseen_confidence),
            **more,
        )
        return membership(shown, thresholds)

    return attack


def spread(n):
    return (np.arange(n) + 0.5) / n


def test_forgotten_records_that_look_like_unseen_ones_pass(attacked):
    result = attacked(spread(100), spread(500))
    assert result.verdict == "passed"
    assert isclose(result.value, 0.5)


def test_remembered_and_overly_forgotten_records_both_fail(attacked):
    remembered, pushed_away = attacked(0.5 + spread(100) / 2, spread(500)), attacked(spread(100) / 2, spread(500))
    assert remembered.verdict == pushed_away.verdict == "failed"
    assert isclose(remembered.value, 0.75)
    assert isclose(pushed_away.value, 0.25)


def test_three_records_are_too_few_to_pass(attacked):
    result = attacked(spread(3), spread(500))
    assert result.verdict == "underpowered"
    assert result.details["forgotten"] < result.details["records_needed"]


def test_the_attack_on_the_version_before_is_given_for_context(attacked):
    forget, unseen = np.arange(100) % 2, np.arange(500) % 2
    result = attacked(
        spread(100),
        spread(500),
        forget_before=half(forget, 0.5 + spread(100) / 2),
        holdout_before=half(unseen, spread(500)),
    )
    assert isclose(result.details["before"], 0.75)


def test_nothing_forgotten_or_no_holdout_is_underpowered(attacked):
    assert attacked([], [0.5]).verdict == attacked([0.5], []).verdict == "underpowered"


def test_a_diverged_candidate_fails_the_attack(attacked):
    assert attacked([np.nan] * 5, spread(100)).verdict == "failed"


def test_a_probability_of_zero_is_no_warning(attacked):
    assert attacked([0.0, 1.0], [0.0, 1.0]).value == 0.5
