"""What a model is for, and so how it is judged: its loss, its metrics, and how far its answers moved. Pure.

Answers are (n, k) float64: a probability for each of the k declared labels, or, with k = 1, the value itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.errors import SettingsError

if TYPE_CHECKING:
    from unlearning.domain.protocols import Answers, Target

Losses = NDArray[np.float64]
_LEAST = 1e-12
"""Stands for a probability of 0, whose logarithm has no value."""


@dataclass(frozen=True)
class Metric:
    """One number about answers."""

    name: str
    measure: Callable[[Answers, Target], float]
    """(n, k) answers, (n,) target with n ≥ 1 → the value; NaN where it has none."""
    higher: bool
    """The better, the higher."""
    bounded: bool
    """A tolerance is a difference; of a metric without bounds it is a share of what it was before."""
    two_labels_only: bool = False

    def limit(self, before: float, tolerance: float) -> float:
        """The worst value that is allowed after this one."""
        lost = tolerance if self.bounded else tolerance * abs(before)
        return before - lost if self.higher else before + lost

    def reached(self, value: float, limit: float) -> bool:
        """At the limit or better; never for a value that is no number."""
        return value >= limit if self.higher else value <= limit

    def better(self, value: float, other: float) -> bool:
        """Better, and not equal; never for a value that is no number."""
        return value > other if self.higher else value < other


@dataclass(frozen=True)
class Moved:
    """How other answers differ from those before, record by record."""

    kept: NDArray[np.bool_]
    """(n,) The decision is the same; False for an answer that is no number."""
    by: NDArray[np.float64]
    """(n,) How far the answer moved, in `unit`."""
    unit: str
    kept_means: str
    """What `kept` says, as in "both versions predict the same label"."""


@dataclass(frozen=True)
class Task:
    """A kind of question that models answer."""

    name: str
    metrics: tuple[Metric, ...]
    """The first is the one that judges unless another is asked for."""
    losses: Callable[[Answers, Target], Losses]
    """(n,) how wrong each answer is; what the loss-threshold attack looks at."""
    naive: Callable[[Target, int], Answers]
    """(n, k) what is answered from the target's own shares or mean, without a model."""
    moved: Callable[[Answers, Answers, Target], Moved]

    def metric(self, name: str | None, labels: int) -> Metric:
        """The metric with this name, or the task's own; raises SettingsError listing those for so many labels."""
        fitting = self.fitting(labels)
        found = fitting[0] if name is None else next((one for one in fitting if one.name == name), None)
        if found is None:
            known = ", ".join(one.name for one in fitting)
            raise SettingsError(f"checks.metric: {name!r} is no metric of a {self.name} with {labels} labels; expected {known}")
        return found

    def fitting(self, labels: int) -> list[Metric]:
        """The metrics that have a meaning for so many labels."""
        return [one for one in self.metrics if labels == 2 or not one.two_labels_only]

    def measured(self, answers: Answers, target: Target) -> dict[str, float]:
        """Every metric that fits, by name; n ≥ 1."""
        return {one.name: one.measure(answers, target) for one in self.fitting(answers.shape[1])}


def named(name: str) -> Task:
    """The task with this name; raises SettingsError listing the known ones."""
    if name not in TASKS:
        raise SettingsError(f"a recipe's task is {name!r}; expected {' or '.join(TASKS)}")
    return TASKS[name]


# --- classification -------------------------------------------------------------------------------------------------


def predicted(answers: Answers) -> NDArray[np.int64]:
    """(n,) most probable label; -1, which is no label, where a diverged model gave something that is no number."""
    finite = np.isfinite(answers).all(axis=1)
    return np.where(finite, np.argmax(answers, axis=1), -1).astype(np.int64)


def accuracy(answers: Answers, target: Target) -> float:
    """Share of records with the right label."""
    return float(np.mean(predicted(answers) == target))


def balanced_accuracy(answers: Answers, target: Target) -> float:
    """Mean over the labels that occur of the share of their records with the right label."""
    right = predicted(answers) == target
    return float(np.mean([right[target == label].mean() for label in np.unique(target)]))


def log_loss(answers: Answers, target: Target) -> float:
    """Mean of `cross_entropy`."""
    return float(cross_entropy(np.clip(answers, _LEAST, 1), target).mean())


def auc(answers: Answers, target: Target) -> float:
    """Area under the ROC curve of the second label's probability, ties as halves; NaN when only one label occurs."""
    scores, positive = answers[:, 1], target == 1
    if positive.all() or not positive.any() or not np.isfinite(scores).all():
        return float("nan")
    ranked = np.sort(scores[~positive])
    below = np.searchsorted(ranked, scores[positive], side="left") + np.searchsorted(ranked, scores[positive], side="right")
    return float(below.mean() / 2 / len(ranked))


def cross_entropy(answers: Answers, target: Target) -> Losses:
    """(n,) minus the logarithm of the probability given to the label, in nats."""
    with np.errstate(divide="ignore"):  # a probability of 0 is an infinite loss, and ranks as one
        losses: Losses = -np.log(answers[np.arange(len(target)), target].astype(np.float64))
    return losses


def _shares(target: Target, labels: int) -> Answers:
    return np.tile(np.bincount(target, minlength=labels) / max(1, len(target)), (len(target), 1))


def _moved_labels(before: Answers, after: Answers, target: Target) -> Moved:
    del target
    old, new = predicted(before), predicted(after)
    by = np.abs(after - before).max(axis=1, initial=0.0)
    return Moved((old == new) & (new >= 0), by, "probability", "both versions predict the same label")


# --- regression -----------------------------------------------------------------------------------------------------

STEADY = 0.1
"""An answer that moved by at most this share of the target's standard deviation counts as the same."""


def squared(answers: Answers, target: Target) -> Losses:
    """(n,) squared error."""
    errors: Losses = np.square(answers[:, 0] - target)
    return errors


def rmse(answers: Answers, target: Target) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(squared(answers, target).mean()))


def mae(answers: Answers, target: Target) -> float:
    """Mean absolute error."""
    return float(np.abs(answers[:, 0] - target).mean())


def r2(answers: Answers, target: Target) -> float:
    """Share of the target's variance that the answers explain; NaN when the target is constant."""
    spread = float(np.square(target - target.mean()).sum())
    return 1 - float(squared(answers, target).sum()) / spread if spread else float("nan")


def _mean(target: Target, width: int) -> Answers:
    return np.full((len(target), width), target.mean() if len(target) else 0.0)


def _moved_values(before: Answers, after: Answers, target: Target) -> Moved:
    spread = float(np.std(target)) or 1.0
    by = np.abs(after[:, 0] - before[:, 0]) / spread
    means = f"both versions answer alike, within {STEADY:g} standard deviations of the target"
    return Moved(by <= STEADY, by, "standard deviations of the target", means)


def _metric(
    measure: Callable[[Any, Any], float], *, higher: bool, bounded: bool = True, two_labels_only: bool = False
) -> Metric:
    return Metric(measure.__name__, measure, higher, bounded, two_labels_only)


CLASSIFICATION = Task(
    name="classification",
    metrics=(
        _metric(accuracy, higher=True),
        _metric(balanced_accuracy, higher=True),
        _metric(log_loss, higher=False, bounded=False),
        _metric(auc, higher=True, two_labels_only=True),
    ),
    losses=cross_entropy,
    naive=_shares,
    moved=_moved_labels,
)
REGRESSION = Task(
    name="regression",
    metrics=(_metric(r2, higher=True), _metric(rmse, higher=False, bounded=False), _metric(mae, higher=False, bounded=False)),
    losses=squared,
    naive=_mean,
    moved=_moved_values,
)
TASKS: Mapping[str, Task] = {one.name: one for one in (CLASSIFICATION, REGRESSION)}
