"""What each task calls right, lost and moved, against numbers worked out by hand or by scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as slow

from unlearning.domain import tasks
from unlearning.domain.errors import SettingsError
from unlearning.domain.tasks import CLASSIFICATION, OWNED, RANKING, REGRESSION, Task

RANDOM = np.random.default_rng(4)
LABELS = RANDOM.integers(0, 2, 300)
CHANCES = np.column_stack([1 - (p := np.clip(LABELS * 0.3 + RANDOM.uniform(0, 0.7, 300), 0.01, 0.99).round(2)), p])
VALUES = RANDOM.normal(20, 5, 300)
GUESSES = (VALUES + RANDOM.normal(0, 2, 300))[:, None]


@pytest.mark.parametrize(
    ("task", "name", "value"),
    [
        (CLASSIFICATION, "accuracy", slow.accuracy_score(LABELS, CHANCES.argmax(axis=1))),
        (CLASSIFICATION, "balanced_accuracy", slow.balanced_accuracy_score(LABELS, CHANCES.argmax(axis=1))),
        (CLASSIFICATION, "log_loss", slow.log_loss(LABELS, CHANCES)),
        (CLASSIFICATION, "auc", slow.roc_auc_score(LABELS, CHANCES[:, 1])),
        (REGRESSION, "r2", slow.r2_score(VALUES, GUESSES)),
        (REGRESSION, "rmse", slow.root_mean_squared_error(VALUES, GUESSES)),
        (REGRESSION, "mae", slow.mean_absolute_error(VALUES, GUESSES)),
    ],
)
def test_a_metric_is_what_scikit_learn_says(task: Task, name: str, value: float) -> None:
    answers, target = (CHANCES, LABELS) if task is CLASSIFICATION else (GUESSES, VALUES)
    assert task.metric(name, 2).measure(answers, target) == pytest.approx(value)
    assert task.measured(answers, target)[name] == pytest.approx(value)


@pytest.mark.parametrize(("task", "labels", "own"), [(CLASSIFICATION, 3, "accuracy"), (REGRESSION, 0, "r2")])
def test_a_metric_that_the_task_does_not_have_is_refused(task: Task, labels: int, own: str) -> None:
    assert task.metric(None, labels).name == own
    for name in ("auc", "ndcg"):
        with pytest.raises(SettingsError, match=rf"checks.metric: '{name}' is no metric of a {task.name}.*expected {own}, "):
            task.metric(name, labels)


def test_a_task_that_nobody_judges_is_refused() -> None:
    with pytest.raises(SettingsError, match="'survival'; expected classification, regression, ranking"):
        tasks.named("survival")


def test_a_tolerance_is_a_difference_or_a_share() -> None:
    accuracy, rmse = CLASSIFICATION.metric("accuracy", 2), REGRESSION.metric("rmse", 0)
    assert accuracy.limit(0.9, 0.05) == pytest.approx(0.85)
    assert rmse.limit(4.0, 0.05) == pytest.approx(4.2)
    assert (accuracy.reached(0.86, 0.85), accuracy.reached(0.84, 0.85)) == (True, False)
    assert (rmse.reached(4.1, 4.2), rmse.reached(4.3, 4.2)) == (True, False)
    assert not accuracy.reached(float("nan"), 0.5)
    assert not rmse.better(float("nan"), 0.5)


def test_no_model_at_all_is_the_least_that_is_beaten() -> None:
    naive = CLASSIFICATION.naive(np.array([0, 0, 0, 1]), 2)
    assert naive.tolist() == [[0.75, 0.25]] * 4
    assert CLASSIFICATION.measured(naive, np.array([0, 0, 0, 1])) == {
        "accuracy": 0.75,
        "balanced_accuracy": 0.5,
        "log_loss": pytest.approx(0.5623351),
        "auc": 0.5,
    }
    assert REGRESSION.measured(REGRESSION.naive(VALUES, 1), VALUES)["r2"] == pytest.approx(0)


def test_values_agree_within_a_tenth_of_the_targets_deviation() -> None:
    target = np.array([0.0, 10.0])  # deviation 5
    moved = REGRESSION.moved(np.array([[1.0], [9.0]]), np.array([[1.4], [8.0]]), target)
    assert moved.kept.tolist() == [True, False]
    assert moved.by.tolist() == pytest.approx([0.08, 0.2])


def test_answers_that_are_no_numbers_agree_with_nothing_and_have_no_metric() -> None:
    nowhere = np.full((2, 1), np.nan)
    assert not REGRESSION.moved(nowhere, nowhere, np.array([1.0, 2.0])).kept.any()
    assert all(np.isnan(value) for value in REGRESSION.measured(nowhere, np.array([1.0, 2.0])).values())


def test_what_has_no_value_is_no_number() -> None:
    assert np.isnan(tasks.auc(CHANCES, np.zeros(300, np.int64)))
    assert np.isnan(tasks.r2(GUESSES, np.full(300, 3.0)))


# --- ranking --------------------------------------------------------------------------------------------------------

SCORES = np.array([[9.0, 7, 5, 3, 1], [1, 2, 3, 4, OWNED], [0, 0, 0, 0, 0]])


def left_out(*people: list[int]) -> np.ndarray:
    rows = np.zeros((len(people), 5), np.uint8)
    for row, items in zip(rows, people, strict=True):
        row[items] = 1
    return np.packbits(rows, axis=1)


LEFT = left_out([0, 3], [3], [4])


def test_ndcg_and_recall_are_what_scikit_learn_and_counting_say() -> None:
    truth = np.unpackbits(LEFT, axis=1, count=5)
    for first in (1, 2, 3, 4):
        expected = [slow.ndcg_score(truth[[row]], SCORES[[row]], k=first, ignore_ties=True) for row in range(2)]
        assert RANKING.metric(f"ndcg@{first}", 5).measure(SCORES[:2], LEFT[:2]) == pytest.approx(np.mean(expected))
    assert RANKING.metric("recall@1", 5).measure(SCORES, LEFT) == pytest.approx(2 / 3)
    assert RANKING.metric("recall@2", 5).measure(SCORES[:1], LEFT[:1]) == pytest.approx(1 / 2)
    assert RANKING.metric("recall@100", 5).measure(SCORES, LEFT) == 1


def test_a_left_out_item_is_misplaced_behind_those_that_others_do_not_have() -> None:
    # First: 0 behind none of {1, 2, 4}, 3 behind two of the three. Last: all scores are equal.
    np.testing.assert_allclose(RANKING.losses(SCORES, LEFT), [(0 + 2 / 3) / 2, 0, 0.5])
    worst = RANKING.losses(np.array([[1.0, 2, 3, 4, OWNED]]), left_out([0]))
    np.testing.assert_allclose(worst, [1])
    assert np.isnan(RANKING.losses(SCORES[:1], left_out([]))).all()


def test_who_has_nothing_left_out_is_not_judged() -> None:
    assert RANKING.judged(left_out([0], [], [2, 3])).tolist() == [True, False, True]
    assert CLASSIFICATION.judged(LABELS).all()


def test_scores_that_are_no_numbers_are_right_about_nothing() -> None:
    broken = np.full((3, 5), np.nan)
    assert RANKING.metric(None, 5).measure(broken, LEFT) == 0
    assert np.isnan(RANKING.losses(broken, LEFT)).all()
    assert not RANKING.moved(SCORES, broken, LEFT).kept.any()


def test_lists_moved_by_the_farthest_place_of_what_was_recommended() -> None:
    before = np.arange(100.0)[None].repeat(3, axis=0)
    after = before.copy()
    after[1, 99] = 79.5  # from the first place to the 20th
    after[2, :50] += 1000
    moved = RANKING.moved(before, after, left_out([0], [0], [0]))
    assert moved.kept.tolist() == [True, True, False]
    np.testing.assert_allclose(moved.by, [0, 19 / 99, 50 / 99])


def test_without_a_model_everybody_is_answered_with_what_others_left_out() -> None:
    np.testing.assert_array_equal(RANKING.naive(LEFT, 5), [[0, 0, 0, 1, 1], [1, 0, 0, 1, 1], [1, 0, 0, 2, 0]])


def test_a_metric_of_a_ranking_has_a_number() -> None:
    assert RANKING.metric(None, 5).name == "ndcg@10"
    assert RANKING.metric("recall@37", 5).name == "recall@37"
    for name in ("ndcg", "ndcg@0", "recall@", "accuracy", "precision@3"):
        with pytest.raises(SettingsError, match=rf"'{name}' is no metric of a ranking.*ndcg@10, recall@10.*another number"):
            RANKING.metric(name, 5)
