"""Against scikit-learn, within the declared resolution."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.naive_bayes import BernoulliNB, GaussianNB, MultinomialNB

from tests.learners.statistics.sums import UNIT, answers, classified, learned

RECORDS = classified()
COUNTS = replace(RECORDS, features=np.floor(np.abs(RECORDS.features) * 3).astype(np.float32))
BITS = replace(RECORDS, features=(RECORDS.features > 0.3).astype(np.float32))


def test_gaussian() -> None:
    inputs = RECORDS.features.astype(float) / UNIT
    expected = GaussianNB().fit(inputs, RECORDS.target).predict_proba(inputs)
    assert np.abs(answers("gaussian_nb", RECORDS) - expected).max() < 1e-4


@pytest.mark.parametrize("alpha", [0.5, 1.0, 20.0])
def test_multinomial_of_whole_counts_is_exact(alpha: float) -> None:
    expected = MultinomialNB(alpha=alpha).fit(COUNTS.features, COUNTS.target).predict_proba(COUNTS.features)
    for ranges in ((0.0, 32.0), (0.0, 31.0)):
        assert np.abs(answers("multinomial_nb", COUNTS, ranges=ranges, alpha=alpha) - expected).max() < 1e-8


def test_multinomial_counts_from_0_wherever_its_range_begins() -> None:
    more = replace(COUNTS, features=COUNTS.features + 2)
    expected = MultinomialNB().fit(more.features, more.target).predict_proba(more.features)
    assert np.abs(answers("multinomial_nb", more, ranges=(1.0, 40.0)) - expected).max() < 1e-8


@pytest.mark.parametrize("alpha", [0.5, 1.0, 20.0])
def test_bernoulli_of_zeros_and_ones_is_exact(alpha: float) -> None:
    expected = BernoulliNB(alpha=alpha).fit(BITS.features, BITS.target).predict_proba(BITS.features)
    assert np.abs(answers("bernoulli_nb", BITS, ranges=(0.0, 1.0), alpha=alpha) - expected).max() < 1e-8


def test_a_gap_in_counts_is_a_count_of_nothing() -> None:
    gaps = COUNTS.features.copy()
    gaps[gaps == 0] = np.nan
    _, some = learned("multinomial_nb", replace(COUNTS, features=gaps), ranges=(0.0, 32.0))
    _, none = learned("multinomial_nb", COUNTS, ranges=(0.0, 32.0))
    assert np.array_equal(some.arrays["sums"], none.arrays["sums"])


@pytest.mark.parametrize("model", ["gaussian_nb", "bernoulli_nb"])
def test_a_label_without_records_and_one_of_equal_records_have_probabilities(model: str) -> None:
    few = RECORDS[np.flatnonzero(RECORDS.target != 1)]
    equal = replace(few, features=np.where(few.target[:, None] == 0, np.float32(1.5), few.features))
    found = answers(model, equal)
    assert np.isfinite(np.log(found)).all()
    assert found[:, 1].max() < 1e-9
