from __future__ import annotations

import numpy as np
import pytest

from unlearning.learners.statistics.solved import FLOOR, NEVER, Solved, as_arrays, log_shares


def test_scores_are_linear_and_quadratic_parts_together() -> None:
    solved = Solved(np.array([1.0]), np.array([[2.0, 0.0]]), np.array([[0.0, 1.0]]), np.array([[0.0, 4.0]]))
    assert solved.answers(np.array([[3.0, 2.0]]), labels=False).tolist() == [[1 + 6 - 2]]
    assert set(as_arrays(solved)) == {"bias", "weights", "centres", "precision"}


def test_a_label_without_records_is_improbable_and_its_loss_a_number() -> None:
    shares = log_shares(np.array([3, 0, 1]))
    assert np.exp(shares[[0, 2]]) == pytest.approx([0.75, 0.25])
    assert shares[1] == NEVER
    answers = Solved.linear(shares, np.zeros((3, 2))).answers(np.ones((1, 2)), labels=True)
    assert answers[0] == pytest.approx([0.75, 0, 0.25])
    assert 0 < answers[0, 1] <= FLOOR


def test_the_shares_of_nobody_are_equal_chances() -> None:
    answers = Solved.linear(log_shares(np.zeros(4, int)), np.zeros((4, 1))).answers(np.zeros((1, 1)), labels=True)
    assert answers[0] == pytest.approx([0.25] * 4)
