"""Does the candidate still answer like the version before?

Two models of the same accuracy can still answer differently, person by person; users of a model notice that first. Label
disagreement is called predictive churn (Milani Fard et al. 2016, "Launch and Iterate", NeurIPS 29).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

import numpy as np

from unlearning.checks.utility import predicted
from unlearning.domain.entities import CheckResult
from unlearning.domain.protocols import Evidence


def agreement(evidence: Evidence, thresholds: Mapping[str, float]) -> CheckResult:
    """Whether old and new version predict the same label for at least `agreement_minimum` of the holdout."""
    minimum = thresholds["agreement_minimum"]
    threshold = f"≥ {minimum:g}"
    if evidence.holdout_before is None:
        return CheckResult("agreement", None, threshold, "underpowered", "not measured: there is no version before")
    if not len(evidence.holdout_labels):
        return CheckResult("agreement", None, threshold, "underpowered", "not measured: the holdout is empty")
    before, after = predicted(evidence.holdout_before), predicted(evidence.holdout_after)
    same = (before == after) & (after >= 0)
    share, records = float(np.mean(same)), len(same)
    return CheckResult(
        name="agreement",
        value=share,
        threshold=threshold,
        verdict="passed" if share >= minimum else "failed",
        how=f"share of {records} holdout records for which both versions predict the same label",
        details={
            "standard_error": sqrt(share * (1 - share) / records),
            "different": records - int(same.sum()),
            "records": records,
        },
    )
