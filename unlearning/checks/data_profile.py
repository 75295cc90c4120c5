"""What a table looked like, in few numbers, and how far another one is from it. Pure.

A number column is compared by its mean, in old standard deviations (the standardised difference; .25 and more is commonly
taken as imbalance: Rubin 2001, doi:10.1023/A:1020363010465). A category is compared by the population stability index,
Σ (q - p) ln(q / p) over the shares (Siddiqi 2006, "Credit Risk Scorecards"; .25 and more is commonly taken as a shift).

Two tables that differ by a few people and two exact means give those people's values away by subtraction. So a profile
belongs in memory only, keeps no extremes (they are one person's) and no rare categories, and distances are told in hundredths.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, fsum, inf, log, nan, sqrt
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict, final

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    Column = pd.Series[Any]

Kind = Literal["number", "boolean", "text", "time", "empty", "other"]
"""A column's type as it survives a redaction: removing the only missing value turns pandas' float64 into int64."""

_FEWEST_ROWS = 5
"""Categories with fewer rows are counted together."""
_SMALLEST_SHARE = 1e-4
"""Stands for a share of 0, whose logarithm has no value."""


@final
class Number(TypedDict):
    """A number column; None for a column that held no value."""

    mean: float | None
    deviation: float | None


@final
class Category(TypedDict):
    """Shares of the values that were not rare, by `spelled` value; the rest is what is missing to 1."""

    shares: dict[str, float]


class Profile(TypedDict):
    """Facts about one version of a table, as plain values."""

    rows: int
    columns: list[str]
    kinds: dict[str, Kind]
    missing: dict[str, float]
    """Share of missing values of each declared column, rounded up to hundredths."""
    features: dict[str, Number | Category]


@dataclass(frozen=True)
class Facts:
    """What a column, or a piece of one, holds: numbers that add up, so that no piece of a large table is read twice."""

    rows: int
    missing: int
    kind: Kind
    total: float = 0.0
    """Sum of what is there, of a column of numbers; infinite, or no number, where a value is."""
    finite: int = 0
    mean: float = 0.0
    """Of the finite values."""
    squares: float = 0.0
    """Sum of their squared distances from it."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Present value, `spelled` → rows; of a category."""

    @property
    def missing_share(self) -> float:
        """0 without rows."""
        return self.missing / self.rows if self.rows else 0.0

    @property
    def described(self) -> Number | Category:
        """What a later version is held against; by numbers unless values were counted."""
        if self.kind == "empty":
            return Number(mean=None, deviation=None)
        if self.kind == "number" and not self.counts:
            # That a value is infinite is the finding of another check.
            deviation = sqrt(self.squares / self.finite) if self.finite else nan
            return Number(mean=self.mean if self.finite else nan, deviation=deviation)
        total = sum(self.counts.values())
        return Category(shares={value: rows / total for value, rows in sorted(self.counts.items()) if rows >= _FEWEST_ROWS})


Depth = Literal["kind", "value", "code"]
"""What is told of a column: what it holds; how it is distributed, of numbers by their moments; or of numbers as of codes."""


def facts(column: Column, depth: Depth = "value") -> Facts:
    """Of a column."""
    held, missing = kind(column), int(column.isna().sum())
    if held == "empty" or depth == "kind":
        return Facts(len(column), missing, held)
    if held != "number" or depth == "code":
        return Facts(len(column), missing, held, counts=spellings(column))
    values = column.to_numpy(np.float64, na_value=nan)
    values = values[~np.isnan(values)] if missing else values
    finite = values if np.isfinite(values).all() else values[np.isfinite(values)]
    mean = float(finite.mean()) if len(finite) else 0.0
    return Facts(len(column), missing, held, float(values.sum()), len(finite), mean, float(np.square(finite - mean).sum()))


def together(pieces: Sequence[Facts]) -> Facts | None:
    """Of a column in pieces; None where they are of different kinds, so that only the whole can tell.

    Means and squared distances are joined as by Chan, Golub & LeVeque (1983, doi:10.1080/00031305.1983.10483115).
    """
    kinds = {one.kind for one in pieces} - {"empty"}
    if len(kinds) > 1:
        return None
    count = sum(one.finite for one in pieces)
    mean = fsum(one.finite * one.mean for one in pieces) / count if count else 0.0
    counts: Counter[str] = Counter()
    for one in pieces:
        counts.update(one.counts)
    return Facts(
        rows=sum(one.rows for one in pieces),
        missing=sum(one.missing for one in pieces),
        kind=kinds.pop() if kinds else "empty",
        total=sum(one.total for one in pieces),
        finite=count,
        mean=mean,
        squares=fsum(one.squares + one.finite * (one.mean - mean) ** 2 for one in pieces),
        counts=counts,
    )


Told = Callable[[str, Depth], Facts]
"""Column, how much is asked of it → its facts."""


class Table(Protocol):
    """A table as it is read here: a pandas one, or what is like it and holds one column at a time."""

    @property
    def columns(self) -> pd.Index[Any]:
        """Their names."""

    def __len__(self) -> int:
        """Rows."""

    def __getitem__(self, name: str, /) -> Column:
        """One column; the same cells whenever it is asked for."""


def profile(
    table: Table,
    *,
    features: Sequence[str],
    target: str | None,
    categories: Collection[str] = (),
    told: Told | None = None,
) -> Profile:
    """The facts that a later version is held against.

    categories: features whose numbers are codes. The target is always one. Columns that are not there are left out: the
    check of the columns speaks of them. told: who knows the facts of a column; without, it is read.
    """
    declared = [name for name in (*features, *filter(None, [target])) if name in table.columns]
    coded = {target, *categories}
    kinds, missing, features_of = dict[str, Kind](), dict[str, float](), dict[str, Number | Category]()
    told = told or (lambda name, depth: facts(table[name], depth))
    for name in table.columns:
        one = told(name, "kind" if name not in declared else "code" if name in coded else "value")
        kinds[str(name)] = one.kind
        if name in declared:
            missing[name], features_of[name] = hundredths(one.missing_share), one.described
    return Profile(
        rows=len(table),
        columns=[str(name) for name in table.columns],
        kinds=kinds,
        missing={name: missing[name] for name in declared},
        features={name: features_of[name] for name in declared},
    )


def kind(column: Column) -> Kind:
    """What a column holds, missing values aside."""
    import pandas as pd
    from pandas.api import types

    if types.is_bool_dtype(column.dtype):
        return "boolean"
    if types.is_numeric_dtype(column.dtype):
        return "number" if column.notna().any() else "empty"
    if isinstance(column.dtype, pd.StringDtype):
        return "text" if column.notna().any() else "empty"
    inferred = types.infer_dtype(column.astype(object), skipna=True)
    if inferred in ("string", "empty", "boolean"):
        return {"string": "text", "empty": "empty", "boolean": "boolean"}[inferred]  # type: ignore[return-value]
    if inferred in ("integer", "floating", "decimal", "mixed-integer-float"):
        return "number"
    return "time" if inferred.startswith(("date", "time", "period")) else "other"


def drift(now: Facts, before: Number | Category) -> float:
    """How far a column is from its old profile: standardised mean difference, or stability index; ∞ when it is another kind.

    now: with its values counted where those of before are.
    """
    if "shares" in before:
        total = sum(now.counts.values()) or 1
        return stability_index(before["shares"], {value: now.counts.get(value, 0) / total for value in before["shares"]})
    if before["mean"] is None or before["deviation"] is None or now.kind == "empty":
        return 0.0 if before["mean"] is None and now.kind == "empty" else inf
    if now.kind != "number":
        return inf
    shift = abs(now.total / (now.rows - now.missing) - before["mean"])
    noise = 1e-9 * max(1.0, abs(before["mean"]))
    if shift <= noise:
        return 0.0
    return shift / before["deviation"] if before["deviation"] > noise else inf


def stability_index(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """Population stability index over the same values; what they leave of 1 counts as one more value."""
    pairs = [(share, after[value]) for value, share in before.items()]
    pairs.append((1 - sum(before.values()), 1 - sum(after[value] for value in before)))
    floored = [(max(p, _SMALLEST_SHARE), max(q, _SMALLEST_SHARE)) for p, q in pairs]
    return sum((q - p) * log(q / p) for p, q in floored)


def hundredths(value: float) -> float:
    """Rounded up to hundredths: enough to judge by, too coarse to compute a person's values from."""
    return value if value in (inf, -inf) else ceil(round(value * 100, 9)) / 100


def spellings(column: Column) -> Counter[str]:
    """How many rows hold each present value, by its text; one spelling whether pandas holds a code as 1 or as 1.0."""
    counts: Counter[str] = Counter()
    hashable = column if kind(column) != "other" else column.map(str, na_action="ignore")
    for value, rows in hashable.value_counts().items():
        counts[spelled(value)] += int(rows)
    return counts


def spelled(value: object) -> str:
    """A present value as text."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
