"""Attacks with shadow models: was a record in the training data? The higher the score, the more likely it was.

All work on the confidence p of an answer (`confidence`) and its logit φ = log(p / (1 − p)), over models that were trained with
a record ("in") and without it ("out").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_LEAST, _STEADY = 1e-12, 1e-3
GAMMA = 2.0
"""By how much a record's likelihood ratio must exceed another's in RMIA; its authors' choice."""
LEAST_EACH = 2
"""Models on each side that a record needs to be scored."""


@dataclass(frozen=True)
class Shadows:
    """Models of the same recipe, each trained on about half of the people."""

    member: Mask
    """(k, n) whether each was trained on each record."""
    confidence: Floats
    """(k, n) what each answers."""
    unlearned: Floats | None = None
    """(k, n) the same once it has unlearned the records that are judged, by the method under test; None where none did."""

    def __len__(self) -> int:
        return len(self.member)

    @property
    def scored(self) -> Mask:
        """(n,) the records with enough models on both sides."""
        inside = self.member.sum(axis=0)
        return np.asarray((inside >= LEAST_EACH) & (len(self) - inside >= LEAST_EACH), np.bool_)


def confidence(task: str, losses: Floats, *, scale: float = 1.0) -> Floats:
    """(…,) losses as numbers in [0, 1]: the label's probability; the likelihood of a squared error; how well items are placed.

    scale: of a regression, the mean squared error of models that never saw the records.
    """
    if task == "classification":
        return np.exp(-losses)
    return np.exp(-losses / (2 * max(scale, _LEAST))) if task == "regression" else 1 - losses


def logit(confidence: Floats) -> Floats:
    """φ of a confidence, finite at 0 and 1."""
    p = np.clip(confidence, _LEAST, 1 - _LEAST)
    return np.log(p) - np.log1p(-p)


def lira(confidence: Floats, shadows: Shadows) -> Floats:
    """(n,) log-likelihood ratio of "in" against "out", a Gaussian each; NaN for records that are not scored.

    Carlini et al. 2022, arXiv:2112.03570. One variance for all records on each side, their choice for few shadow models.
    """
    return _gaussian_ratio(confidence, shadows, shadows.confidence)


def u_lira(confidence: Floats, shadows: Shadows) -> Floats:
    """(n,) the same, where "in" means trained on and then unlearned (Hayes et al. 2024, arXiv:2403.01218).

    Raises ValueError when no shadow model unlearned anything.
    """
    if shadows.unlearned is None:
        raise ValueError("no shadow model unlearned anything")
    return _gaussian_ratio(confidence, shadows, shadows.unlearned)


def _gaussian_ratio(confidence: Floats, shadows: Shadows, inside: Floats) -> Floats:
    here = np.full(confidence.shape, np.nan)
    at, member = shadows.scored, shadows.member
    if at.any():
        observed = logit(confidence)[at]
        sides = ((logit(inside), member), (logit(shadows.confidence), ~member))
        densities = [_log_density(observed, values[:, at], mask[:, at]) for values, mask in sides]
        here[at] = densities[0] - densities[1]
    return here


def _log_density(observed: Floats, values: Floats, mask: Mask) -> Floats:
    """(n,) of each record under the Gaussian of its models. values, mask: (k, n)."""
    counts = mask.sum(axis=0)
    mean = np.where(mask, values, 0.0).sum(axis=0) / counts
    residual = np.where(mask, values - mean, 0.0)
    # Of all records together, with one degree of freedom a record spent on its mean.
    variance = max(float(np.square(residual).sum() / max(1, counts.sum() - len(counts))), _STEADY**2)
    density: Floats = -np.square(observed - mean) / (2 * variance) - np.log(variance) / 2
    return density


def rmia(confidence: Floats, shadows: Shadows, population: Mask) -> Floats:
    """(n,) share of the population that a record beats, by its confidence over that of the shadow models, by a factor GAMMA.

    Zarifzadeh, Liu & Shokri 2024, arXiv:2312.03262, with models on both sides. population: (n,) records of people who are in no
    training set. NaN for records that are not scored.
    """
    found, at, member = np.full(confidence.shape, np.nan), shadows.scored, shadows.member
    if not at.any() or not (at & population).any():
        return found
    inside = np.where(member, shadows.confidence, 0.0).sum(axis=0)[at] / member.sum(axis=0)[at]
    outside = np.where(~member, shadows.confidence, 0.0).sum(axis=0)[at] / (~member).sum(axis=0)[at]
    ratio = confidence[at] / np.maximum((inside + outside) / 2, _LEAST)
    others = np.sort(ratio[population[at]])
    found[at] = np.searchsorted(others, ratio / GAMMA, side="right") / len(others)
    return found


def area(members: Floats, strangers: Floats) -> float:
    """Area under the ROC curve: the share of pairs in which the member scores higher, ties as halves; at least 1 each."""
    ranked = np.sort(strangers)
    sides = [int(np.searchsorted(ranked, members, side=side).sum(dtype=np.int64)) for side in ("left", "right")]
    return sum(sides) / (2 * len(members) * len(strangers))


def caught(members: Floats, strangers: Floats, *, wrongly: float) -> float:
    """Share of members above a threshold that at most the share `wrongly` of strangers is above; at least 1 each."""
    allowed = int(wrongly * len(strangers))
    threshold = np.sort(strangers)[::-1][allowed] if allowed < len(strangers) else -np.inf
    return float(np.mean(members > threshold))


def curve(members: Floats, strangers: Floats, points: int = 200) -> Mapping[str, list[float]]:
    """The ROC curve, at most so many points, of which none is one record's alone where there are more records."""
    thresholds = np.unique(np.concatenate((members, strangers)))[::-1]
    chosen = thresholds[np.unique(np.linspace(0, len(thresholds) - 1, points).astype(np.int64))]
    above = [1 - np.searchsorted(np.sort(side), chosen, side="left") / len(side) for side in (strangers, members)]
    return {"false_positives": [0.0, *above[0].tolist()], "true_positives": [0.0, *above[1].tolist()]}
