from math import isclose, sqrt

import numpy as np
import pytest

from unlearning.checks.utility import utility
from unlearning.domain.tasks import accuracy, predicted


def sure(labels):
    """Probabilities of a model that is certain of these labels, two in all."""
    return np.eye(2)[np.asarray(labels, dtype=int)]


@pytest.fixture
def judged(evidence, thresholds):
    def judge(labels, after, before=None):
        before = None if before is None else sure(before)
        return utility(evidence(holdout_target=np.array(labels), holdout_after=sure(after), holdout_before=before), thresholds)

    return judge


def test_a_candidate_that_lost_no_more_than_the_tolerance_is_useful(judged):
    labels, right = [0] * 5 + [1] * 5, [0] * 5 + [1] * 5
    one_wrong = [1, *right[1:]]
    two_wrong = [1, 1, *right[2:]]
    assert judged(labels, one_wrong, right).verdict == "passed"
    assert judged(labels, two_wrong, right).verdict == "failed"


def test_utility_reports_its_standard_error(judged):
    result = judged([0, 0, 1, 1], [0, 0, 1, 0], [0, 0, 1, 1])
    assert result.value == 0.75
    assert isclose(result.details["standard_error"], sqrt(0.75 * 0.25 / 4))
    assert result.details["before"] == 1


def test_a_first_version_must_beat_the_most_frequent_label(judged):
    labels = [0, 0, 0, 1]
    assert judged(labels, [0, 0, 0, 0]).verdict == "failed"
    assert judged(labels, [0, 0, 0, 1]).verdict == "passed"


def test_without_a_holdout_nothing_is_said_about_utility(judged):
    assert judged([], []).verdict == "underpowered"


def test_a_diverged_model_is_wrong_everywhere():
    nowhere = np.full((3, 2), np.nan)
    assert predicted(nowhere).tolist() == [-1, -1, -1]
    assert accuracy(nowhere, np.array([0, 0, 0])) == 0


def test_a_report_on_drawn_people_says_from_how_many_rows_they_were_drawn(evidence, thresholds):
    labels = np.array([0, 0, 1, 1])
    shown = {"holdout_target": labels, "holdout_after": sure(labels), "holdout_before": sure(labels)}
    said = [utility(evidence(**shown, **more), thresholds).how for more in ({}, {"holdout_drawn_from": 9_000})]
    assert "accuracy on 4 records of people" in said[0]
    assert "accuracy on 4 records (of people drawn from a holdout of 9000 rows)" in said[1]
