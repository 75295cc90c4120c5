"""Is the candidate still useful?

Accuracy on records of people who are in no training set, against the version before. The standard error is the binomial
one, √(p(1-p)/n): it is reported, so that a reader sees when the tolerance is finer than the holdout can resolve.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.entities import CheckResult
from unlearning.domain.protocols import Evidence

if TYPE_CHECKING:
    from unlearning.domain.protocols import Labels, Probabilities


def utility(evidence: Evidence, thresholds: Mapping[str, float]) -> CheckResult:
    """Whether holdout accuracy is at most `utility_tolerance` below the version before.

    Without a version before, whether it is above the rate of the most frequent label.
    """
    labels = evidence.holdout_labels
    if not len(labels):
        return CheckResult("utility", None, "a holdout", "underpowered", "not measured: the holdout is empty")
    after = accuracy(evidence.holdout_after, labels)
    before = None if evidence.holdout_before is None else accuracy(evidence.holdout_before, labels)
    majority = float(np.bincount(labels).max() / len(labels))
    if before is None:
        good, threshold = after > majority, f"> {majority:.3f}, the share of the most frequent label"
    else:
        floor = before - thresholds["utility_tolerance"]
        good, threshold = after >= floor, f"≥ {floor:.3f} ({before:.3f} before - {thresholds['utility_tolerance']:g})"
    return CheckResult(
        name="utility",
        value=after,
        threshold=threshold,
        verdict="passed" if good else "failed",
        how=f"accuracy on {len(labels)} records of people who are in no training set",
        details={
            "before": before,
            "standard_error": sqrt(after * (1 - after) / len(labels)),
            "majority": majority,
            "records": len(labels),
        },
    )


def accuracy(probabilities: Probabilities, labels: Labels) -> float:
    """Share of records with the right label; labels (n,), n ≥ 1."""
    return float(np.mean(predicted(probabilities) == labels))


def predicted(probabilities: Probabilities) -> NDArray[np.int64]:
    """(n,) most probable label; -1, which is no label, where a diverged model gave something that is no number."""
    finite = np.isfinite(probabilities).all(axis=1)
    return np.where(finite, np.argmax(probabilities, axis=1), -1).astype(np.int64)
