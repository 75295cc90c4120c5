"""What a model is for, and so how it is judged: its loss, its metrics, and how far its answers moved. Pure.

Answers are (n, k) float64: a probability for each of the k declared labels, or, with k = 1, the value itself, or a score for
each of k items.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.errors import SettingsError
from unlearning.domain.item_lists import unpacked

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
    judged: Callable[[Target], NDArray[np.bool_]] = lambda target: np.ones(len(target), np.bool_)
    """(n,) False for a record whose answer nothing tells right from wrong: it counts in no check."""
    at: Callable[[str], Metric | None] = lambda name: None  # noqa: ARG005
    """A metric that is one of a series, by its name."""

    def metric(self, name: str | None, labels: int) -> Metric:
        """The metric with this name, or the task's own; raises SettingsError listing those for so many labels."""
        fitting = self.fitting(labels)
        found = fitting[0] if name is None else next((one for one in fitting if one.name == name), None) or self.at(name)
        if found is None:
            known = ", ".join(one.name for one in fitting) + (", or one at another number" if self.at(fitting[0].name) else "")
            raise SettingsError(f"checks.metric: {name!r} is no metric of a {self.name} with {labels} labels; expected {known}")
        return found

    def fitting(self, labels: int) -> list[Metric]:
        """The metrics that have a meaning for so many labels."""
        return [one for one in self.metrics if labels == 2 or not one.two_labels_only]

    def measured(self, answers: Answers, target: Target) -> dict[str, float]:
        """Every metric that fits, by name; n ≥ 1."""
        return {one.name: one.measure(answers, target) for one in self.fitting(answers.shape[1])}


def task_of(learner: object) -> Task:
    """By what a learner's recipe says; a classification without a recipe."""
    return named(getattr(getattr(learner, "recipe", None), "task", CLASSIFICATION.name))


def named(name: str) -> Task:
    """The task with this name; raises SettingsError listing the known ones."""
    if name not in TASKS:
        raise SettingsError(f"a recipe's task is {name!r}; expected {', '.join(TASKS)}")
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


# --- ranking --------------------------------------------------------------------------------------------------------

OWNED = -1e300
"""The score of an item that the person has: below every other, and a number, so that means of it are."""
FIRST = 10
"""So many items are recommended, where nobody says how many."""
ALIKE = 8
"""Of the first ten, so many are the same where two versions recommend alike."""
_SERIES = re.compile(r"(ndcg|recall)@([1-9]\d{0,4})")


def recommended(answers: Answers, first: int) -> NDArray[np.int64]:
    """(n, at most first) the items with the highest scores, best first; equal ones in the order of the declared list."""
    best: NDArray[np.int64] = np.argsort(-answers, axis=1, kind="stable")[:, :first]
    return best


def ndcg(answers: Answers, target: Target, first: int) -> float:
    """Mean of the discounted gain of the items left out among the first, over the most that could be gained.

    Järvelin & Kekäläinen 2002, doi:10.1145/582415.582418.
    """
    hits, sought = _found(answers, target, first)
    gains = 1 / np.log2(np.arange(2, first + 2))
    most = np.cumsum(gains)[np.clip(sought, 1, first) - 1]
    return float((hits @ gains[: hits.shape[1]] / most).mean())


def recall(answers: Answers, target: Target, first: int) -> float:
    """Mean share of the items left out that are among the first, of as many as can be (Liang et al. 2018, arXiv:1802.05814)."""
    hits, sought = _found(answers, target, first)
    return float((hits.sum(axis=1) / np.clip(sought, 1, first)).mean())


def misplaced(answers: Answers, target: Target) -> Losses:
    """(n,) share of the items which the person does not have that rank before one left out, mean over those left out.

    From 0 to 1, and .5 for who guesses; equal scores rank half before. NaN where nothing was left out, or a score is no number.
    The expected percentile ranking of Hu, Koren & Volinsky 2008, doi:10.1109/ICDM.2008.22.
    """
    losses = np.full(len(target), np.nan)
    left = unpacked(target, answers.shape[1]).astype(np.bool_)
    for row in np.flatnonzero(left.any(axis=1) & _finite(answers)).tolist():
        others = np.sort(answers[row, (answers[row] > OWNED / 2) & ~left[row]])
        below = [np.searchsorted(others, answers[row, left[row]], side=side) for side in ("left", "right")]
        losses[row] = 1 - (below[0] + below[1]).mean() / 2 / max(1, len(others)) if len(others) else 0.5
    return losses


def _found(answers: Answers, target: Target, first: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """(n, at most first) whether each item recommended was left out, and (n,) how many were."""
    left = unpacked(target, answers.shape[1]).astype(np.bool_)
    hits = np.take_along_axis(left, recommended(answers, first), axis=1)
    hits[~_finite(answers)] = False
    return hits, left.sum(axis=1)


def _most_left_out(target: Target, width: int) -> Answers:
    """How many others each item was left out of."""
    left = unpacked(target, width)
    often: Answers = (left.sum(axis=0, dtype=np.int64) - left).astype(np.float64)
    return often


def _moved_lists(before: Answers, after: Answers, target: Target) -> Moved:
    del target
    first = min(FIRST, before.shape[1])
    old, new = recommended(before, first), recommended(after, first)
    same = (old[:, :, None] == new[:, None, :]).sum(axis=(1, 2))
    finite = _finite(before) & _finite(after)
    places = [np.argsort(np.argsort(-one, axis=1, kind="stable"), axis=1) for one in (before, after)]
    by = np.take_along_axis(np.abs(places[0] - places[1]), old, axis=1).max(axis=1, initial=0) / max(1, before.shape[1] - 1)
    means = f"both versions recommend at least {ALIKE} of the same {FIRST} items"
    by = np.where(finite, by, np.nan)
    return Moved(finite & (same >= first * ALIKE / FIRST), by, "places, as a share of all items", means)


def _at(name: str) -> Metric | None:
    """`ndcg@20`, `recall@50`."""
    if (said := _SERIES.fullmatch(name)) is None:
        return None
    return Metric(name, partial({"ndcg": ndcg, "recall": recall}[said[1]], first=int(said[2])), higher=True, bounded=True)


def _anything_left_out(target: Target) -> NDArray[np.bool_]:
    return np.asarray(np.max(target, axis=1, initial=0) > 0, np.bool_)


def _finite(answers: Answers) -> NDArray[np.bool_]:
    """(n,) every score is a number."""
    return np.asarray(np.isfinite(answers).all(axis=1), np.bool_)


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
RANKING = Task(
    name="ranking",
    metrics=tuple(found for name in ("ndcg@10", "recall@10", "ndcg@100", "recall@100") if (found := _at(name))),
    losses=misplaced,
    naive=_most_left_out,
    moved=_moved_lists,
    judged=_anything_left_out,
    at=_at,
)
TASKS: Mapping[str, Task] = {one.name: one for one in (CLASSIFICATION, REGRESSION, RANKING)}
