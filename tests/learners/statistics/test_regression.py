"""Against scikit-learn, within the declared resolution."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.learners.statistics.sums import UNIT, answers, learned, valued

RECORDS = valued()


@pytest.mark.parametrize("alpha", [1e-3, 1.0, 50.0])
def test_ridge_is_that_of_features_in_units_of_their_range(alpha: float) -> None:
    inputs = RECORDS.features.astype(float) / UNIT
    expected = Ridge(alpha).fit(inputs, RECORDS.target / 64).predict(inputs) * 64
    assert np.abs(answers("ridge", RECORDS, alpha=alpha)[:, 0] - expected).max() < 1e-4


def test_standardized_ridge_is_that_behind_a_fitted_scaler() -> None:
    made = make_pipeline(StandardScaler(), Ridge(10.0)).fit(RECORDS.features.astype(float), RECORDS.target)
    found = answers("ridge", RECORDS, alpha=10.0, standardize=True)[:, 0]
    assert np.abs(found - made.predict(RECORDS.features.astype(float))).max() < 1e-4


def test_linear_regression_also_of_a_feature_said_twice() -> None:
    twice = replace(RECORDS, features=np.column_stack([RECORDS.features, RECORDS.features[:, :1]]))
    for records in (RECORDS, twice):
        inputs = records.features.astype(float)
        expected = LinearRegression().fit(inputs, records.target).predict(inputs)
        assert np.abs(answers("linear", records)[:, 0] - expected).max() < 1e-3


@pytest.mark.parametrize("components", [1, 3, 5])
def test_a_regression_on_principal_components_is_scikit_learn_s(components: int) -> None:
    inputs = RECORDS.features.astype(float) / UNIT
    expected = make_pipeline(PCA(components), LinearRegression()).fit(inputs, RECORDS.target).predict(inputs)
    assert np.abs(answers("linear", RECORDS, components=components)[:, 0] - expected).max() < 1e-3


def test_a_finer_resolution_is_nearer() -> None:
    inputs = RECORDS.features.astype(float) / UNIT
    expected = Ridge(1.0).fit(inputs, RECORDS.target / 64).predict(inputs) * 64
    off = [np.abs(answers("ridge", RECORDS, bits=bits)[:, 0] - expected).max() for bits in (8, 14, 20)]
    assert off[0] > 8 * off[1] > 64 * off[2]


def test_the_sums_of_nobody_and_of_one_answer_with_numbers() -> None:
    for rows in (0, 1):
        learner, state = learned("linear", RECORDS[:rows]) if rows else (learned("linear", RECORDS)[0], None)
        state = state or learner.fresh(0, RECORDS)
        assert np.isfinite(learner.predict(state, RECORDS.features)).all()
