"""A year of requests at any size, simulated from constants that this run measured: what waiting saves, what breaks first.

Requests come by a Poisson process, with a wave on the first of each month (a letter to all customers). People lie in parts of
equal size by a keyed hash; each model was trained on a share of the people. A batch pays once for its fixed work, once for each
part it rewrites and once for each shard it trains again; the constants are CPU seconds of `benchmarks.growth`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from benchmarks.growth import EPOCHS, ROWS_A_PERSON, Cost
from benchmarks.report import Section
from unlearning.domain.planning.cost import expected_share

DAYS, DEADLINE = 365, 30
MODELS, SHARE, SHARDS, SLICES = 40, 0.25, 100, 16
"""Registered models, the share of all people that each has learned from, and how each is cut."""
A_YEAR, WAVE = 1e-3, 10.0
"""Requests a person and year; how many times the daily mean come on the first of a month."""
ROWS_A_PART = 100_000
CORES = 16
PEOPLE = (1e5, 1e6, 1e7, 1e8)


@dataclass(frozen=True)
class Constants:
    """CPU seconds."""

    fixed: float
    """Of an erasure, however small its table: services, checks, purge, certificate."""
    row: float
    """Of a row of a part that is rewritten and looked at."""
    trained: float
    """Of a record shown to the learner once."""
    checked: float
    """Of an erasure a model: a candidate is validated, registered and promoted."""

    @classmethod
    def of(cls, found: Mapping[int, Mapping[str, Cost]]) -> Constants:
        """From the smallest and the largest table; the slope of training is what a record costs in all its epochs."""
        small, large = min(found), max(found)

        def slope(name: str) -> float:
            return max((found[large][name].cpu - found[small][name].cpu) / (large - small), 0.0)

        fixed = found[small]["erase"].cpu
        return cls(fixed=fixed, row=slope("erase"), trained=slope("train") / EPOCHS, checked=fixed / 2)


@dataclass(frozen=True)
class Batch:
    """What one erasure costs."""

    alone: float
    """Seconds of what is done by one process: tables, checks, purge, certificate."""
    training: float
    """CPU seconds that any number of workers share."""
    records: float
    """Shown to learners."""


@dataclass(frozen=True)
class Year:
    """What one rule costs."""

    rule: str
    waited: int
    """Days that the first of a batch waits."""
    done: Sequence[tuple[int, Batch]]
    """Each batch with its day."""

    @property
    def hours(self) -> float:
        """CPU hours of a mean day."""
        return sum(one.alone + one.training for _, one in self.done) / DAYS / 3600

    @property
    def behind(self) -> float:
        """Days that the queue is behind at most, one batch at a time with all cores for its training."""
        due, behind = [0.0] * DAYS, [0.0]
        for day, one in self.done:
            due[day] += (one.alone + one.training / CORES) / 86400
        for days in due:
            behind.append(max(behind[-1] - 1, 0.0) + days)
        return max(behind)


def arrivals(people: float, generator: np.random.Generator) -> NDArray[np.int64]:
    """(365,) requests of each day."""
    mean = people * A_YEAR / (DAYS + 12 * (WAVE - 1))
    first = np.isin(np.arange(DAYS), np.cumsum([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30]))
    return generator.poisson(np.where(first, WAVE * mean, mean))


def batched(asked: NDArray[np.int64], every: int) -> Iterator[tuple[int, int]]:
    """(day, requests) of each batch: everybody who waits, once the first has waited `every` days."""
    waiting, since = 0, 0
    for day, count in enumerate(asked):
        since = since if waiting else day
        waiting += int(count)
        if waiting and (day - since >= every or day == DAYS - 1):
            yield day, waiting
            waiting = 0


def cost(requests: int, people: float, measured: Constants) -> Batch:
    """Of one batch, by what it touches on average."""
    rows = people * ROWS_A_PERSON
    parts = max(rows / ROWS_A_PART, 1.0)
    touched = -parts * math.expm1(requests * ROWS_A_PERSON * math.log1p(-1 / parts)) if parts > 1 else 1.0
    reached = 1 - (1 - SHARE) ** requests
    theirs = min(max(round(requests * SHARE / reached), 1), 5_000)  # beyond that every shard is trained from its first slice on
    shown = MODELS * reached * rows * SHARE * EPOCHS * expected_share(shards=SHARDS, slices=SLICES, requests=theirs)
    alone = measured.fixed + MODELS * reached * measured.checked + touched * min(rows, ROWS_A_PART) * measured.row
    return Batch(alone, shown * measured.trained, shown)


def year(rule: str, asked: NDArray[np.int64], people: float, measured: Constants) -> Year:
    """All batches of a year under one rule."""
    waited = {"at once": 0, "daily": 1}.get(rule, DEADLINE - 5)
    each: Iterable[tuple[int, int]] = ((day, 1) for day, count in enumerate(asked) for _ in range(count))
    batches = each if rule == "at once" else batched(asked, 0 if rule == "daily" else waited)
    prices = cache(lambda requests: cost(requests, people, measured))
    return Year(rule, waited, [(day, prices(requests)) for day, requests in batches])


def section(found: Mapping[int, Mapping[str, Cost]]) -> Section:
    """The table, from what `benchmarks.growth` measured in this run."""
    measured, rows = Constants.of(found), []
    for people in PEOPLE:
        asked = arrivals(people, np.random.default_rng(0))
        for rule in ("at once", "daily", "by deadline"):
            one = year(rule, asked, people, measured)
            rows.append((
                f"{people:,.0f} people, {asked.sum():,} requests: {rule}",
                f"{len(one.done):,}",
                f"{one.hours:,.2f}",
                f"{sum(batch.records for _, batch in one.done):.1e}",
                f"{one.waited}",
                f"{one.behind:,.1f}",
            ))  # fmt: skip
    return Section(
        "A year of requests",
        f"Simulated from this run's constants: {measured.fixed:.0f} CPU s an erasure, {measured.checked:.0f} a model, "
        f"{measured.row * 1e6:.1f} a million rows rewritten, {measured.trained * 1e6:.1f} a million records shown. {MODELS} "
        f"models of {SHARDS} shards and {SLICES} slices, each trained on {SHARE:.0%} of the people; {ROWS_A_PERSON} rows a "
        f"person in parts of {ROWS_A_PART:,} rows; {A_YEAR:.1%} of the people ask in a year, {WAVE:.0f} times the daily "
        f"mean on the first of each month. What it means: docs/scale.md.",
        ("size and rule", "erasures", "CPU h a day", "records shown", "days waited", f"days behind, {CORES} cores"),
        rows,
    )
