"""Numbers as whole multiples of a declared step, so that their sums are exact: in any order, and backwards.

    whole = round((x - middle) / step),   |whole| ≤ 2^bits,   step = 2^(⌈log2(half the range)⌉ - bits)

A step is a power of two, so that counts, halves and zeros-and-ones are exact. Products are summed by BLAS in float64 over so
few rows that every partial sum is a whole number below 2^53: exact too, whatever the order, the threads or the chip.
After Cao & Yang 2015, "Towards making systems forget with machine unlearning", doi:10.1109/SP.2015.35.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.errors import DataError

Values = NDArray[np.float64]
Whole = NDArray[np.float64]
"""Whole numbers, held as float64 so that BLAS multiplies them."""

MAX_BITS = 24
"""Features are float32, which holds no more."""
_EXACT = 53
_LARGEST: int = 2**63 - 1
_ROWS = 8192
_STRIP = 128


@dataclass(frozen=True)
class Column:
    """One number a record: its declared range, and what stands for a gap."""

    name: str
    low: float
    high: float
    gap: float
    middle: float
    unit: float
    """(x - middle) / unit is what models see: within [-1, 1]."""

    @property
    def declared(self) -> str:
        """As messages say it."""
        return f"{self.name} ({self.low:g} to {self.high:g})"


def number(what: str, low: float, high: float, gap: float | None = None) -> Column:
    """A column of numbers; a gap counts as the middle of the range unless another stand-in is declared."""
    middle = (low + high) / 2
    return Column(what, low, high, middle if gap is None else gap, middle, (high - low) / 2)


def indicator(what: str) -> Column:
    """A column of zeros and ones."""
    return Column(what, 0.0, 1.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class Scale:
    """How (n, d) values become whole numbers."""

    columns: tuple[Column, ...]
    bits: int

    @cached_property
    def low(self) -> Values:
        """(d,)"""
        return np.array([one.low for one in self.columns])

    @cached_property
    def high(self) -> Values:
        """(d,)"""
        return np.array([one.high for one in self.columns])

    @cached_property
    def middle(self) -> Values:
        """(d,)"""
        return np.array([one.middle for one in self.columns])

    @cached_property
    def unit(self) -> Values:
        """(d,)"""
        return np.array([one.unit for one in self.columns])

    @cached_property
    def gap(self) -> Values:
        """(d,) what stands for a missing value."""
        return np.array([one.gap for one in self.columns])

    @cached_property
    def step(self) -> Values:
        """(d,) the resolution."""
        steps: Values = np.exp2(np.ceil(np.log2(self.unit)) - self.bits)
        return steps

    @property
    def in_units(self) -> Values:
        """(d,) what a whole 1 is in units."""
        return self.step / self.unit

    @property
    def rows(self) -> int:
        """Records in one product: few enough that float64 holds every partial sum."""
        return min(_ROWS, 1 << (_EXACT - 2 * self.bits))

    @property
    def most(self) -> int:
        """Records whose sums of products an int64 holds, whatever is within the ranges."""
        return _LARGEST >> 2 * self.bits

    def units(self, values: NDArray[Any]) -> Values:
        """(n, d) values as models see them."""
        filled = np.where(np.isnan(values), self.gap, values)
        return (filled - self.middle) / self.unit

    def whole(self, values: NDArray[Any]) -> Whole:
        """(n, d) values that are within their ranges as whole numbers."""
        filled = np.where(np.isnan(values), self.gap, values)
        most = 2.0**self.bits  # a bound of the range may be rounded outwards when it becomes float32
        return np.clip(np.rint((filled - self.middle) / self.step), -most, most)

    def findings(self, values: NDArray[Any]) -> Iterable[str]:
        """What the sums cannot hold: values out of range, and more records than fit. Columns and ranges, never a cell."""
        low, high = (ends.astype(values.dtype) for ends in (self.low, self.high))
        least = np.fmin.reduce(values, axis=0, initial=np.inf)  # fmin and fmax leave gaps out
        largest = np.fmax.reduce(values, axis=0, initial=-np.inf)
        for at in np.flatnonzero((least < low) | (largest > high)).tolist():
            outside = int(((values[:, at] < low[at]) | (values[:, at] > high[at])).sum())
            said = self.columns[at].declared
            yield f"{said} is out of its declared range in {outside} records; mend them, or widen the range"
        if len(values) > self.most:
            yield (
                f"{len(values)} records may overflow the sums of {self.columns[0].declared} at {self.bits} bits, which hold"
                f" {self.most}; declare fewer bits"
            )


def refuse(findings: Sequence[str]) -> None:
    """Raise DataError when there is one."""
    if findings:
        raise DataError("it does not fit the recipe's ranges; correct one of the two:\n  " + "\n  ".join(findings))


# --- exact sums -----------------------------------------------------------------------------------------------------


def exact(sums: Whole) -> NDArray[np.int64]:
    """Sums over at most `Scale.rows` records, as integers."""
    return sums.astype(np.int64)


def by_label(whole: Whole, target: NDArray[Any], labels: int) -> NDArray[np.int64]:
    """(labels, d) sums of each label's records."""
    return exact(np.equal(np.arange(labels)[:, None], target).astype(np.float64) @ whole)


def products(whole: Whole) -> NDArray[np.int64]:
    """(d (d + 1) / 2,) sums of the products of any two columns: the upper triangle, row by row."""
    width, done = whole.shape[1], 0
    triangle = np.empty(width * (width + 1) // 2, np.int64)
    for start in range(0, width, _STRIP):  # in strips, for fresh memory costs more than multiplying one person's records does
        upper = _upper(min(_STRIP, width - start), width - start)
        triangle[done : done + len(upper)] = (whole[:, start : start + _STRIP].T @ whole[:, start:]).reshape(-1).take(upper)
        done += len(upper)
    return triangle


def square(triangle: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """(d, d) the inverse of `products`."""
    full = np.zeros((width, width), np.int64)
    full.reshape(-1)[_upper(width, width)] = triangle
    return full + np.triu(full, 1).T


@lru_cache(maxsize=64)
def _upper(rows: int, width: int) -> NDArray[np.int64]:
    """Flat positions on and above the diagonal."""
    return np.flatnonzero(np.triu(np.ones((rows, width), bool)))


def scatter(products: NDArray[np.int64], sums: NDArray[np.int64], counts: NDArray[np.int64]) -> Values:
    """(d, d) Σ x xᵀ - Σ_k s_k s_kᵀ / n_k: products around the means of groups; a group without records has no part.

    In extended precision where the platform has it, which holds an int64 whole: the two are large and nearly equal.
    """
    total = products.astype(np.longdouble)
    for count, group in zip(counts.tolist(), sums.astype(np.longdouble), strict=True):
        total -= np.outer(group, group) / max(count, 1)
    around: Values = total.astype(np.float64)
    return around


def spread(squares: NDArray[np.int64], sums: NDArray[np.int64], counts: NDArray[np.int64]) -> Values:
    """(labels, d) the diagonal of `scatter`, label by label."""
    mean_square = np.square(sums.astype(np.longdouble)) / np.maximum(counts, 1)[:, None]
    around: Values = np.maximum(squares.astype(np.longdouble) - mean_square, 0).astype(np.float64)
    return around


def spread_of_all(squares: NDArray[np.int64], sums: NDArray[np.int64], rows: int) -> Values:
    """(d,) the same of all labels' records together."""
    around: Values = spread(squares.sum(axis=0)[None], sums.sum(axis=0)[None], np.array([rows]))[0]
    return around
