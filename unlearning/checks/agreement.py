"""Does the candidate still answer like the version before?

Two models of the same accuracy can still answer differently, person by person; users of a model notice that first. Label
disagreement is called predictive churn (Milani Fard et al. 2016, "Launch and Iterate", NeurIPS 29). Equal labels say little
about how far answers moved, so that is reported too.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

import numpy as np

from unlearning.domain.entities import CheckResult
from unlearning.domain.protocols import Evidence


def agreement(evidence: Evidence, thresholds: Mapping[str, float]) -> CheckResult:
    """Whether old and new version decide alike for at least `agreement_minimum` of the holdout."""
    minimum = thresholds["agreement_minimum"]
    threshold = f"≥ {minimum:g}"
    if evidence.holdout_before is None:
        return CheckResult(
            "agreement", None, threshold, "underpowered", "not measured: there is no version before that this recipe can ask"
        )
    if not len(evidence.holdout_target):
        return CheckResult("agreement", None, threshold, "underpowered", "not measured: the holdout is empty")
    moved = evidence.task.moved(evidence.holdout_before, evidence.holdout_after, evidence.holdout_target)
    share, records = float(np.mean(moved.kept)), len(moved.kept)
    typical, most = (float(value) for value in np.quantile(moved.by, (0.5, 0.95)))
    return CheckResult(
        name="agreement",
        value=share,
        threshold=threshold,
        verdict="passed" if share >= minimum else "failed",
        how=f"share of {evidence.held_out} of the holdout for which {moved.kept_means}",
        details={
            "standard_error": sqrt(share * (1 - share) / records),
            "different": records - int(moved.kept.sum()),
            "records": records,
            "moved_in": moved.unit,
            "moved_mean": _told(moved.by.mean()),
            "moved_median": _told(typical),
            "moved_95_percent": _told(most),
            "moved_largest": _told(moved.by.max()),
        },
    )


def _told(value: float) -> float | None:
    """To four places; None where an answer is no number."""
    return round(float(value), 4) if np.isfinite(value) else None
