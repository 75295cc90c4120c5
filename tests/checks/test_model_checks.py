from math import isclose, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.checks import blocking
from unlearning.checks.agreement import agreement
from unlearning.checks.exactness import exactness
from unlearning.checks.membership import area_error, hanley_mcneil, judge, membership, membership_auc, records_needed
from unlearning.checks.utility import accuracy, predicted, utility
from unlearning.entities import Certified, CheckResult, Empirical, Exact
from unlearning.protocols import Evidence
from unlearning.settings import Checks

THRESHOLDS = Checks(utility_tolerance=0.1, agreement_minimum=0.75, membership_margin=0.1).model_dump()


def sure(labels, of=2):
    """Probabilities of a model that is certain of these labels."""
    return np.eye(of)[np.asarray(labels, dtype=int)]


def half(labels, confidence):
    """Two-label probabilities that give each label this confidence."""
    confidence = np.asarray(confidence, dtype=float)
    right = np.stack([confidence, 1 - confidence], axis=1)
    return np.where(np.asarray(labels)[:, None] == 0, right, right[:, ::-1])


def evidence(**given):
    none = np.zeros(0, dtype=np.int64)
    base = {
        "holdout_labels": none,
        "holdout_before": None,
        "holdout_after": np.zeros((0, 2)),
        "forget_labels": none,
        "forget_before": None,
        "forget_after": np.zeros((0, 2)),
        "guarantee": Exact(),
        "digests": {},
    }
    return Evidence(**base | given)


# --- utility ---


def judged_utility(labels, after, before=None):
    before = None if before is None else sure(before)
    return utility(evidence(holdout_labels=np.array(labels), holdout_after=sure(after), holdout_before=before), THRESHOLDS)


def test_a_candidate_that_lost_no_more_than_the_tolerance_is_useful():
    labels, right = [0] * 5 + [1] * 5, [0] * 5 + [1] * 5
    one_wrong = [1, *right[1:]]
    two_wrong = [1, 1, *right[2:]]
    assert judged_utility(labels, one_wrong, right).verdict == "passed"
    assert judged_utility(labels, two_wrong, right).verdict == "failed"


def test_utility_reports_its_standard_error():
    result = judged_utility([0, 0, 1, 1], [0, 0, 1, 0], [0, 0, 1, 1])
    assert result.value == 0.75
    assert isclose(result.details["standard_error"], sqrt(0.75 * 0.25 / 4))
    assert result.details["before"] == 1


def test_a_first_version_must_beat_the_most_frequent_label():
    labels = [0, 0, 0, 1]
    assert judged_utility(labels, [0, 0, 0, 0]).verdict == "failed"
    assert judged_utility(labels, [0, 0, 0, 1]).verdict == "passed"


def test_without_a_holdout_nothing_is_said_about_utility():
    assert judged_utility([], []).verdict == "underpowered"


def test_a_diverged_model_is_wrong_everywhere():
    nowhere = np.full((3, 2), np.nan)
    assert predicted(nowhere).tolist() == [-1, -1, -1]
    assert accuracy(nowhere, np.array([0, 0, 0])) == 0


# --- agreement ---


def judged_agreement(before, after):
    return agreement(evidence(holdout_labels=np.zeros(len(after), int), holdout_before=before, holdout_after=after), THRESHOLDS)


def test_versions_agree_by_label_whatever_the_truth_is():
    assert judged_agreement(sure([1, 1, 1, 1]), sure([1, 1, 1, 0])).value == 0.75
    assert judged_agreement(sure([1, 1, 1, 1]), sure([1, 1, 1, 0])).verdict == "passed"
    assert judged_agreement(sure([1, 1, 1, 1]), sure([1, 1, 0, 0])).verdict == "failed"


def test_two_diverged_models_do_not_agree():
    nowhere = np.full((4, 2), np.nan)
    assert judged_agreement(nowhere, nowhere).value == 0


def test_agreement_needs_a_version_before_and_a_holdout():
    assert judged_agreement(None, sure([1])).verdict == "underpowered"
    assert judged_agreement(np.zeros((0, 2)), np.zeros((0, 2))).verdict == "underpowered"


# --- membership ---

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


def attacked(forget_confidence, unseen_confidence, **more):
    forget, unseen = np.arange(len(forget_confidence)) % 2, np.arange(len(unseen_confidence)) % 2
    return membership(
        evidence(
            forget_labels=forget,
            forget_after=half(forget, forget_confidence),
            holdout_labels=unseen,
            holdout_after=half(unseen, unseen_confidence),
            **more,
        ),
        THRESHOLDS,
    )


def spread(n):
    return (np.arange(n) + 0.5) / n


def test_forgotten_records_that_look_like_unseen_ones_pass():
    result = attacked(spread(100), spread(500))
    assert result.verdict == "passed"
    assert isclose(result.value, 0.5)


def test_remembered_and_overly_forgotten_records_both_fail():
    remembered, pushed_away = attacked(0.5 + spread(100) / 2, spread(500)), attacked(spread(100) / 2, spread(500))
    assert remembered.verdict == pushed_away.verdict == "failed"
    assert isclose(remembered.value, 0.75)
    assert isclose(pushed_away.value, 0.25)


def test_three_records_are_too_few_to_pass():
    result = attacked(spread(3), spread(500))
    assert result.verdict == "underpowered"
    assert result.details["forgotten"] < result.details["records_needed"]


def test_the_attack_on_the_version_before_is_given_for_context():
    forget, unseen = np.arange(100) % 2, np.arange(500) % 2
    result = attacked(
        spread(100),
        spread(500),
        forget_before=half(forget, 0.5 + spread(100) / 2),
        holdout_before=half(unseen, spread(500)),
    )
    assert isclose(result.details["before"], 0.75)


def test_nothing_forgotten_or_no_holdout_is_underpowered():
    assert attacked([], [0.5]).verdict == attacked([0.5], []).verdict == "underpowered"


def test_a_diverged_candidate_fails_the_attack():
    assert attacked([np.nan] * 5, spread(100)).verdict == "failed"


def test_a_probability_of_zero_is_no_warning():
    assert attacked([0.0, 1.0], [0.0, 1.0]).value == 0.5


# --- exactness ---


def replayed(candidate, again):
    return exactness(evidence(digests=candidate, replayed=again), THRESHOLDS)


def test_a_replay_with_the_same_bytes_is_exact():
    assert replayed({0: "a", 1: "b"}, {1: "b"}).verdict == "passed"


def test_one_different_or_missing_shard_is_not_exact():
    result = replayed({0: "a", 1: "b"}, {0: "a", 1: "c", 7: "d"})
    assert result.verdict == "failed"
    assert result.details["different"] == "1, 7"
    assert isclose(result.value, 1 / 3)


def test_what_was_not_replayed_does_not_pass():
    assert replayed({0: "a"}, None).verdict == replayed({0: "a"}, {}).verdict == "underpowered"


# --- what they forbid together ---


def said(**verdicts):
    return [CheckResult(name, None, "", verdict, "") for name, verdict in verdicts.items()]


@pytest.mark.parametrize("guarantee", [Exact(), Certified(1.0, 1e-5), Empirical()])
def test_whatever_failed_blocks(guarantee):
    results = said(utility="failed", membership="passed", agreement="passed")
    assert [result.name for result in blocking(results, guarantee)] == ["utility"]


def test_an_exact_method_is_not_blocked_by_an_attack():
    assert blocking(said(utility="passed", membership="failed"), Exact()) == ()
    assert blocking(said(utility="passed"), Exact()) == ()


@pytest.mark.parametrize("guarantee", [Certified(1.0, 1e-5), Empirical()])
@pytest.mark.parametrize("results", [said(membership="underpowered"), said(membership="failed"), said(utility="passed")])
def test_a_method_without_proof_must_show_that_it_forgot(guarantee, results):
    assert [result.name for result in blocking(results, guarantee)] == ["membership"]


def test_an_exactness_that_was_not_asked_for_does_not_block():
    assert blocking(said(exactness="underpowered", membership="passed"), Empirical()) == ()
    assert len(blocking(said(exactness="failed"), Exact())) == 1
