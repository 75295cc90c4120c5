"""The mathematics of recommenders, by hand: three people, three items."""

from __future__ import annotations

import numpy as np
import pytest

from unlearning.learners.statistics.item_scores import MODELS, scores, square, weights

TOGETHER = np.array([[2, 2, 1], [2, 2, 1], [1, 1, 2]])
TRIANGLE = np.array([2, 2, 1, 2, 1, 2], np.uint8)


def test_the_triangle_is_the_matrix() -> None:
    np.testing.assert_array_equal(square(TRIANGLE, 3), TOGETHER)


def test_ease_is_its_formula() -> None:
    inverse = np.linalg.inv(TOGETHER + 10 * np.eye(3))
    expected = np.eye(3) - inverse / np.diag(inverse)
    np.testing.assert_allclose(weights("ease", TRIANGLE, 3, 10.0), expected, atol=1e-12)
    assert not np.diag(expected).any()


def test_baselines_are_shares_of_people() -> None:
    np.testing.assert_allclose(weights("cooccurrence", TRIANGLE, 3, 0.0), (TOGETHER - 2 * np.eye(3)) / 3)
    popular = weights("popularity", np.array([2, 2, 1], np.uint8), 3, 0.0)
    np.testing.assert_allclose(scores(popular, np.eye(3, dtype=np.uint8)), np.tile([2 / 3, 2 / 3, 1 / 3], (3, 1)))


@pytest.mark.parametrize("model", MODELS)
def test_nobody_and_nothing_give_numbers(model: str) -> None:
    counts = np.zeros(3 if model == "popularity" else 6, np.uint8)
    found = scores(weights(model, counts, 0, 100.0), np.zeros((2, 3), np.uint8))
    assert found.shape == (2, 3)
    assert not found.any()
