"""What an estimator is asked with, and what its answer means."""

from __future__ import annotations

import numpy as np

from unlearning.learners.sklearn.answering import constant, frame, smoothed


def test_an_estimator_sees_columns_by_name_categories_as_declared_and_gaps_as_nan() -> None:
    table = frame(np.array([[1, 0.5], [np.nan, np.nan]], np.float32), ("ward", "age"), {"ward": ("north", "south")})
    assert list(table.columns) == ["ward", "age"]
    assert table["ward"].dtype == object
    assert table["ward"][0] == "south"
    assert table["ward"].isna().tolist() == [False, True]
    assert table["age"].dtype == np.float64


def test_probabilities_stay_in_order_sum_to_one_and_are_never_zero() -> None:
    shares = smoothed(np.array([[0.0, 0.2, 0.8], [1.0, 0.0, 0.0]]))
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert (shares > 0).all()
    assert shares.argmax(axis=1).tolist() == [2, 0]


def test_who_never_was_fitted_prefers_nothing() -> None:
    np.testing.assert_allclose(constant(2, ("a", "b"), None), 0.5)
    assert constant(2, (), None).tolist() == [[0.0], [0.0]]
