"""What the columns of a table look like, so that a project can be proposed from it. Part of the home of pyarrow.

Values come out of here only where several people share them: what is proposed is written into a file that Git keeps.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log2
from typing import TYPE_CHECKING, Literal, NamedTuple

from unlearning.domain.errors import DataError
from unlearning.stores.tables import tables

if TYPE_CHECKING:
    import pyarrow as pa

SHARED_BY = 5
"""So many people must have a value for it to be proposed as a label or a category."""
_VALUE = re.compile(r"^\s*$|^[-+.,/:\d\s]+$|@")
"""What stands in a record and hardly ever in a header: nothing, numbers, dates, an address."""
_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")

Kind = Literal["whole", "number", "truth", "text", "email", "other"]


@dataclass(frozen=True)
class Column:
    """One column."""

    name: str
    kind: Kind
    type: str
    """As Arrow calls it."""
    distinct: int
    missing: int


class Values(NamedTuple):
    """What stands in a column, as `str` spells it."""

    shared: tuple[str, ...]
    """Sorted; each is of several people."""
    rarer: int
    """How many other values there are."""


def describe(table: pa.Table) -> list[Column]:
    """Each column of a table. Raises DataError where the first line of a CSV seems to be a record."""
    names = table.column_names
    if len(set(names)) < len(names) or any(map(_VALUE.search, names)):
        raise DataError(
            f"the names of its {len(names)} columns are no header: one is empty, a number, an address or there twice; "
            "expected a first line that names every column"
        )
    return [_described(name, _plain(table.column(name))) for name in names]


def values(table: pa.Table, column: str, *, person: str) -> Values:
    """The values of a column, and how many are of too few people to be named. person: as `tables.people` takes it."""
    import pyarrow as pa

    who = pa.chunked_array([tables.people(table, person).codes])
    pairs = pa.table({"value": _plain(table.column(column)), "who": who}).drop_null()
    counted = pairs.group_by("value").aggregate([("who", "count_distinct")]).to_pydict()
    shared = [
        value for value, people in zip(counted["value"], counted["who_count_distinct"], strict=True) if people >= SHARED_BY
    ]
    return Values(tuple(sorted(_spelled(value) for value in shared)), len(counted["value"]) - len(shared))


def ranges(table: pa.Table, columns: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Number column → ends between which all of its values lie: powers of two, and 0 below where nothing is negative.

    The smallest and the largest value are somebody's; these ends are not.
    """
    import pyarrow.compute as pc

    found = {}
    for name in columns:
        ends = pc.min_max(_plain(table.column(name)).cast("float64"), skip_nulls=True).as_py()
        reach = max(abs(ends["min"] or 0.0), abs(ends["max"] or 0.0)) or 1.0
        high = 2.0 ** ceil(log2(reach) + 1)
        found[name] = (-high if (ends["min"] or 0.0) < 0 else 0.0, high)
    return found


def _described(name: str, column: pa.ChunkedArray) -> Column:
    import pyarrow.compute as pc

    missing = pc.sum(pc.is_null(column, nan_is_null=True)).as_py() or 0
    nested = str(column.type).startswith(("list", "struct", "map", "large_list", "fixed_size_list"))
    distinct = 0 if nested else pc.count_distinct(column).as_py()
    return Column(name, "other" if nested else _kind(column), str(column.type), distinct, missing)


def _kind(column: pa.ChunkedArray) -> Kind:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_boolean(kind):
        return "truth"
    if pa.types.is_integer(kind):
        return "whole"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return "other"
    said = pc.drop_null(column.slice(0, 1000)).to_pylist()
    return "email" if said and all(map(_EMAIL.match, map(str.strip, said))) else "text"


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _spelled(value: object) -> str:
    """As a recipe declares it: whole numbers in a column with gaps are floats, and are declared without `.0`."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
