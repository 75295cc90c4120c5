"""Is the candidate still useful?

The task's metric on records of people who are in no training set, against the version before. The standard error of an
accuracy is the binomial one, √(p(1-p)/n): it is reported, so that a reader sees when the tolerance is finer than the holdout
can resolve.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan, sqrt

from unlearning.domain import tasks
from unlearning.domain.entities import CheckResult
from unlearning.domain.protocols import Evidence
from unlearning.domain.tasks import Metric


def utility(evidence: Evidence, thresholds: Mapping[str, float]) -> CheckResult:
    """Whether the metric on the holdout is at most `utility_tolerance` worse than the version before's.

    Without a version before, whether it is better than answering the target's own shares, or its mean, to everybody.
    """
    target, metric, tolerance = evidence.holdout_target, evidence.metric, thresholds["utility_tolerance"]
    if not len(target):
        return CheckResult("utility", None, "a holdout", "underpowered", "not measured: the holdout is empty")
    after = metric.measure(evidence.holdout_after, target)
    before = None if evidence.holdout_before is None else metric.measure(evidence.holdout_before, target)
    naive = metric.measure(evidence.task.naive(target, evidence.holdout_after.shape[1]), target)
    how = f"{metric.name} on {evidence.held_out} of people who are in no training set"
    if isnan(naive) and isnan(after):
        return CheckResult(
            "utility", None, "a holdout that varies", "underpowered", f"not measured: {how}, whose target is constant"
        )
    if before is None or isnan(before):  # a version that gave no numbers is nothing to hold another against
        good, threshold = metric.better(after, naive), f"{'>' if metric.higher else '<'} {naive:.3f}, what needs no model"
    else:
        limit = metric.limit(before, tolerance)
        good, threshold = metric.reached(after, limit), _threshold(metric, before, limit, tolerance)
    return CheckResult(
        name="utility",
        value=after,
        threshold=threshold,
        verdict="passed" if good else "failed",
        how=how,
        details={
            "before": before,
            "naive": naive,
            "records": len(target),
            **({"standard_error": sqrt(after * (1 - after) / len(target))} if metric.measure is tasks.accuracy else {}),
        },
    )


def _threshold(metric: Metric, before: float, limit: float, tolerance: float) -> str:
    sign, lost = ("≥", "-") if metric.higher else ("≤", "+")
    return f"{sign} {limit:.3f} ({before:.3f} before {lost} {f'{tolerance:g}' if metric.bounded else f'{tolerance:.3g} of it'})"
