import numpy as np
import pytest

from unlearning.checks.agreement import agreement


def sure(labels):
    """Probabilities of a model that is certain of these labels, two in all."""
    return np.eye(2)[np.asarray(labels, dtype=int)]


@pytest.fixture
def judged(evidence, thresholds):
    def judge(before, after):
        labels = np.zeros(len(after), dtype=np.int64)
        return agreement(evidence(holdout_target=labels, holdout_before=before, holdout_after=after), thresholds)

    return judge


def test_versions_agree_by_label_whatever_the_truth_is(judged):
    assert judged(sure([1, 1, 1, 1]), sure([1, 1, 1, 0])).value == 0.75
    assert judged(sure([1, 1, 1, 1]), sure([1, 1, 1, 0])).verdict == "passed"
    assert judged(sure([1, 1, 1, 1]), sure([1, 1, 0, 0])).verdict == "failed"


def test_two_diverged_models_do_not_agree(judged):
    nowhere = np.full((4, 2), np.nan)
    assert judged(nowhere, nowhere).value == 0


def test_agreement_needs_a_version_before_and_a_holdout(judged):
    assert judged(None, sure([1])).verdict == "underpowered"
    assert judged(np.zeros((0, 2)), np.zeros((0, 2))).verdict == "underpowered"
