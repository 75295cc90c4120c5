"""What each task calls right, lost and moved, against numbers worked out by hand or by scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as slow

from unlearning.domain import tasks
from unlearning.domain.errors import SettingsError
from unlearning.domain.tasks import CLASSIFICATION, REGRESSION, Task

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
    with pytest.raises(SettingsError, match="'survival'; expected classification or regression"):
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
