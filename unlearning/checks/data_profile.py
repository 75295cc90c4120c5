"""What a table looked like, in few numbers, and how far another one is from it. Pure.

A number column is compared by its mean, in old standard deviations (the standardised difference; .25 and more is commonly
taken as imbalance: Rubin 2001, doi:10.1023/A:1020363010465). A category is compared by the population stability index,
Σ (q - p) ln(q / p) over the shares (Siddiqi 2006, "Credit Risk Scorecards"; .25 and more is commonly taken as a shift).

Two tables that differ by a few people and two exact means give those people's values away by subtraction. So a profile
belongs in memory only, keeps no extremes (they are one person's) and no rare categories, and distances are told in hundredths.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from math import ceil, inf, log
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict, final

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


class Table(Protocol):
    """A table as it is read here: a pandas one, or what is like it and holds one column at a time."""

    @property
    def columns(self) -> pd.Index[Any]:
        """Their names."""

    def __len__(self) -> int:
        """Rows."""

    def __getitem__(self, name: str, /) -> Column:
        """One column; the same cells whenever it is asked for."""


def profile(table: Table, *, features: Sequence[str], target: str | None, categories: Collection[str] = ()) -> Profile:
    """The facts that a later version is held against.

    categories: features whose numbers are codes. The target is always one. Columns that are not there are left out: the
    check of the columns speaks of them.
    """
    declared = [name for name in (*features, *filter(None, [target])) if name in table.columns]
    coded = {target, *categories}
    kinds, missing, features_of = dict[str, Kind](), dict[str, float](), dict[str, Number | Category]()
    for name in table.columns:
        column = table[name]
        kinds[str(name)] = kind(column)
        if name in declared:
            missing[name], features_of[name] = hundredths(missing_share(column)), _described(column, coded=name in coded)
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


def missing_share(column: Column) -> float:
    """Share of missing values; 0 for a column without rows."""
    return float(column.isna().mean()) if len(column) else 0.0


def drift(column: Column, before: Number | Category) -> float:
    """How far a column is from its old profile: standardised mean difference, or stability index; ∞ when it is another kind."""
    if "shares" in before:
        return stability_index(before["shares"], _shares(column, before["shares"]))
    if before["mean"] is None or before["deviation"] is None or kind(column) == "empty":
        return 0.0 if before["mean"] is None and kind(column) == "empty" else inf
    if kind(column) != "number":
        return inf
    shift = abs(float(column.astype(float).mean()) - before["mean"])
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


def _described(column: Column, *, coded: bool) -> Number | Category:
    held = kind(column)
    if held == "empty":
        return Number(mean=None, deviation=None)
    if held != "number" or coded:
        return _category(column)
    values = column.dropna().astype(float)
    values = values[values.abs() < inf]  # that one is infinite is the finding of another check
    return Number(mean=float(values.mean()), deviation=float(values.std(ddof=0)))


def _category(column: Column) -> Category:
    counts = spellings(column)
    total = sum(counts.values())
    return Category(shares={value: rows / total for value, rows in sorted(counts.items()) if rows >= _FEWEST_ROWS})


def _shares(column: Column, values: Collection[str]) -> dict[str, float]:
    counts = spellings(column)
    total = sum(counts.values()) or 1
    return {value: counts[value] / total for value in values}


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
