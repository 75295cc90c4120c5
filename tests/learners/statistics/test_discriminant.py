"""Against scikit-learn, within the declared resolution."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import NearestCentroid

from tests.learners.statistics.sums import UNIT, answers, classified, learned

RECORDS = classified()
INPUTS = RECORDS.features.astype(float) / UNIT


@pytest.mark.parametrize("shrinkage", [0.0, 0.3, 1.0])
def test_lda(shrinkage: float) -> None:
    known = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage or None).fit(INPUTS, RECORDS.target)
    assert np.abs(answers("lda", RECORDS, shrinkage=shrinkage) - known.predict_proba(INPUTS)).max() < 1e-4


def test_lda_of_fewer_records_than_features_has_probabilities() -> None:
    learner, state = learned("lda", classified(rows=4, features=9))
    assert np.isfinite(learner.predict(state, classified(rows=50, features=9).features)).all()


def test_the_nearest_centroid_wins() -> None:
    known = NearestCentroid().fit(INPUTS, RECORDS.target)
    assert (answers("nearest_centroid", RECORDS).argmax(axis=1) == known.predict(INPUTS)).all()


def test_standardized_distances_are_those_behind_a_fitted_scaler() -> None:
    scaled = (INPUTS - INPUTS.mean(axis=0)) / INPUTS.std(axis=0)
    known = NearestCentroid().fit(scaled, RECORDS.target)
    assert (answers("nearest_centroid", RECORDS, standardize=True).argmax(axis=1) == known.predict(scaled)).all()
    assert (known.predict(scaled) != NearestCentroid().fit(INPUTS, RECORDS.target).predict(INPUTS)).any()
