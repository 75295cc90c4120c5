"""Can an attacker still tell that the forgotten people were in the training data?

The loss-threshold attack: a record whose loss is low was probably trained on (Yeom et al. 2018, arXiv:1709.01604). Its area
under the ROC curve, forgotten against unseen records, is .5 for a model that treats both alike. Far below .5 is a trace
too: a model that was pushed away from somebody's records knows which they were. A smoke test, weaker than LiRA.

Sampling error: the larger of Hanley & McNeil 1982 (Radiology 143:29-36), which vanishes at an area of 0 or 1 however few
the records, and the Mann-Whitney error at .5. Three verdicts by the 90 % interval: inside the band .5 ± margin passes (two
one-sided tests at 5 %, Schuirmann 1987), outside fails, across its edge is underpowered.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, sqrt
from typing import TYPE_CHECKING

import numpy as np

from unlearning.domain.entities import CheckResult, Verdict
from unlearning.domain.protocols import Evidence
from unlearning.domain.tasks import Losses

if TYPE_CHECKING:
    from unlearning.domain.protocols import Answers

_Z = 1.6449
"""95 % quantile of the standard normal."""


def membership(evidence: Evidence, thresholds: Mapping[str, float]) -> CheckResult:
    """Whether forgotten records look like unseen ones, within `membership_margin` of an area of .5."""
    margin = thresholds["membership_margin"]
    threshold = f"within 0.50 ± {margin:.2f}"
    forgotten, unseen = len(evidence.forget_target), len(evidence.holdout_target)
    if not forgotten or not unseen:
        empty = "forget set" if not forgotten else "holdout"
        return CheckResult("membership", None, threshold, "underpowered", f"not measured: the {empty} is empty")
    area = _area(evidence.forget_after, evidence.holdout_after, evidence)
    if area is None:
        return CheckResult("membership", None, threshold, "failed", "the candidate gives answers that are no numbers")
    error = area_error(area, forgotten=forgotten, unseen=unseen)
    return CheckResult(
        name="membership",
        value=area,
        threshold=threshold,
        verdict=judge(area, error, margin),
        how=f"area under the ROC curve of the loss-threshold attack, {forgotten} forgotten records against "
        f"{evidence.held_out} of people who are in no training set",
        details={
            "before": _area(evidence.forget_before, evidence.holdout_before, evidence),
            "standard_error": error,
            "interval_low": max(0.0, area - _Z * error),
            "interval_high": min(1.0, area + _Z * error),
            "forgotten": forgotten,
            "unseen": unseen,
            "records_needed": records_needed(margin, unseen=unseen),
        },
    )


def judge(area: float, error: float, margin: float) -> Verdict:
    """The 90 % interval of the area against the band .5 ± margin: inside, outside, or across its edge."""
    distance, reach = abs(area - 0.5), _Z * error
    if distance + reach <= margin:
        return "passed"
    return "failed" if distance - reach > margin else "underpowered"


def membership_auc(forget: Losses, holdout: Losses) -> float:
    """Area under the ROC curve of the loss-threshold attack; .5 means no better than guessing.

    forget, holdout: (n,), (m,) per-record loss. The share of pairs in which the forgotten record has the lower
    loss, ties as halves. Raises ValueError if either is empty or holds a NaN.
    """
    if not len(forget) or not len(holdout):
        raise ValueError(f"an area needs records on both sides; got {len(forget)} forgotten and {len(holdout)} unseen")
    if np.isnan(forget).any() or np.isnan(holdout).any():
        raise ValueError("a loss is no number; the model diverged")
    ranked = np.sort(forget)
    lower = np.searchsorted(ranked, holdout, side="left").sum(dtype=np.int64)
    not_higher = np.searchsorted(ranked, holdout, side="right").sum(dtype=np.int64)
    return int(lower + not_higher) / (2 * len(forget) * len(holdout))


def area_error(area: float, *, forgotten: int, unseen: int) -> float:
    """Standard error of an area from so many records on each side, at least 1 each; they are taken as independent."""
    at_chance = (forgotten + unseen + 1) / (12 * forgotten * unseen)
    return max(hanley_mcneil(area, forgotten=forgotten, unseen=unseen), sqrt(at_chance))


def hanley_mcneil(area: float, *, forgotten: int, unseen: int) -> float:
    """Standard error of an area of exponential losses (Hanley & McNeil 1982, whose "abnormal" side is the unseen one)."""
    both_unseen = area / (2 - area) - area**2
    both_forgotten = 2 * area**2 / (1 + area) - area**2
    spread = area * (1 - area) + (forgotten - 1) * both_forgotten + (unseen - 1) * both_unseen
    return sqrt(max(0.0, spread) / (forgotten * unseen))


def records_needed(margin: float, *, unseen: int) -> int | None:
    """How many forgotten records an area of exactly .5 needs to pass; None when the holdout is too small for any number."""
    allowed = 12 * (margin / _Z) ** 2 - 1 / unseen
    return ceil((1 + 1 / unseen) / allowed) if allowed > 0 else None


def _area(forget: Answers | None, holdout: Answers | None, evidence: Evidence) -> float | None:
    """The area of one model, or None without a model or when it diverged."""
    if forget is None or holdout is None:
        return None
    if not (np.isfinite(forget).all() and np.isfinite(holdout).all()):
        return None
    losses = evidence.task.losses
    return membership_auc(losses(forget, evidence.forget_target), losses(holdout, evidence.holdout_target))
