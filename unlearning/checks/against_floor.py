"""A value against its floor: what the same check gives for a model that was trained again and never saw the people.

Both are measured on the same records, so what is judged is their difference, with an interval: people are drawn anew with
replacement (Efron & Tibshirani 1993, the bootstrap of clusters), because the records of one person resemble each other. Few
people are drawn too much alike, so with fewer than `LEAST_PEOPLE` nothing is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.entities import CheckResult, Verdict

LEAST_PEOPLE = 20
"""On each side that a check compares."""
_TIMES, _ENDS = 300, (0.05, 0.95)

Rows = NDArray[np.int64]
Statistic = Callable[[Mapping[str, Rows]], tuple[float, float]]
"""Rows of each side → (value, floor)."""


@dataclass(frozen=True)
class Measure:
    """What a check measures, and what it allows."""

    name: str
    how: str
    margin: float
    """How far the value may be from its floor."""
    worse: str
    """`above`, `below`, or `both`: on which side of the floor a value is bad."""


def judged(
    measure: Measure,
    statistic: Statistic,
    people: Mapping[str, NDArray[np.int64]],
    *,
    seed: int,
    details: Mapping[str, float | int | str | None] | None = None,
) -> CheckResult:
    """The value against its floor. people: side → (n,) whose each of its records is, any numbers.

    `underpowered` where a side has too few people, where the interval crosses the margin, or where a value is no number.
    """
    if few := too_few(people):
        return unmeasured(measure, few)
    value, floor = statistic({side: np.arange(len(whose)) for side, whose in people.items()})
    low, high = interval(statistic, people, seed=seed)
    finite = bool(np.isfinite([value, floor, low, high]).all())
    return CheckResult(
        name=measure.name,
        value=round(value, 4) if np.isfinite(value) else None,
        threshold=_threshold(measure),
        verdict=verdict(low, high, measure) if finite else "underpowered",
        how=measure.how if finite else f"{measure.how}; it has no value here",
        floor=round(floor, 4) if np.isfinite(floor) else None,
        details={
            **({"difference_low": round(low, 4), "difference_high": round(high, 4)} if finite else {}),
            **{f"people_{side}": len(np.unique(whose)) for side, whose in people.items()},
            **(details or {}),
        },
    )


def unmeasured(measure: Measure, why: str) -> CheckResult:
    """A check that could not be made."""
    return CheckResult(measure.name, None, _threshold(measure), "underpowered", f"not measured: {why}")


def too_few(people: Mapping[str, NDArray[np.int64]]) -> str:
    """Why nothing can be judged, in words; empty where there are enough."""
    counts = {side: len(np.unique(whose)) for side, whose in people.items()}
    short = [f"{count} {side}" for side, count in counts.items() if count < LEAST_PEOPLE]
    return f"too few people: {', '.join(short)}; it takes {LEAST_PEOPLE} of each" if short else ""


def interval(statistic: Statistic, people: Mapping[str, NDArray[np.int64]], *, seed: int) -> tuple[float, float]:
    """90 % interval of value minus floor."""
    generator = np.random.default_rng(seed)
    numbered = {side: np.unique(whose, return_inverse=True)[1].reshape(-1) for side, whose in people.items()}
    found = []
    for _ in range(_TIMES):
        value, floor = statistic({side: _drawn(generator, whose) for side, whose in numbered.items()})
        found.append(value - floor)
    low, high = np.quantile(found, _ENDS)
    return float(low), float(high)


def verdict(low: float, high: float, measure: Measure) -> Verdict:
    """The interval of the difference against the margin: within, beyond, or across."""
    margin = measure.margin
    worse = {"above": (low, high), "below": (-high, -low)}
    if measure.worse != "both":
        low, high = worse[measure.worse]
        return "passed" if high <= margin else "failed" if low > margin else "underpowered"
    if -margin <= low and high <= margin:
        return "passed"
    return "failed" if low > margin or high < -margin else "underpowered"


def _drawn(generator: np.random.Generator, whose: Rows) -> Rows:
    """Rows of as many people, drawn with replacement, each with all of theirs."""
    people = int(whose.max()) + 1
    times = np.bincount(generator.integers(people, size=people), minlength=people)
    return np.repeat(np.arange(len(whose)), times[whose])


def _threshold(measure: Measure) -> str:
    sides: Sequence[str] = {"above": ("≤ floor + ",), "below": ("≥ floor − ",), "both": ("floor ± ",)}[measure.worse]
    return f"{sides[0]}{measure.margin:g}"
