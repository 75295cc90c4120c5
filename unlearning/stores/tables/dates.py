"""Which rows of a table are older than a day: by a column of dates, moments, or texts that begin with an ISO date."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.errors import DataError
from unlearning.stores.tables import parts, tables

if TYPE_CHECKING:
    import pyarrow as pa

_ISO = r"^\d{4}-\d{2}-\d{2}([T ].*)?$"


class Dated(NamedTuple):
    """The rows of one table by their date."""

    older: NDArray[np.bool_]
    """(n,) true for a row of before the day."""
    dated: NDArray[np.bool_]
    """(n,) false for a row without a date, which is never older than any."""
    has_column: bool = True
    """False for a part of a folder where no row could have a date."""

    @property
    def undated(self) -> int:
        """How many rows have no date."""
        return int((~self.dated).sum())


def older(file: Path, column: str, day: datetime, *, named: str) -> Dated:
    """Rows whose date is before midnight of this day, in UTC; a moment without a time zone is taken for one in UTC.

    Of a folder, the rows of its parts in the order of their paths. named: the table's tracked path. Raises DataError for a
    column that is not there, or whose values are no dates.
    """
    if not parts.is_folder(file):
        return older_in(tables.read(file, named=named), column, day, named=named)
    each = parts.parts(file, named=named).items()
    found = [older_in_part(part, name, column, day, named=said) for name, (part, said) in each]
    if not any(one.has_column for one in found):
        raise DataError(f"{named} has no column {column!r} in any of its {len(found)} parts; correct the rule")
    return Dated(np.concatenate([one.older for one in found]), np.concatenate([one.dated for one in found]))


def older_in_part(file: Path, name: str, column: str, day: datetime, *, named: str) -> Dated:
    """The same of one part of a folder, which may have its date from the folders it lies in (`recorded=2026-03-31/`).

    name: its path in the folder. A part without such a column has no dates.
    """
    import pyarrow as pa

    table = tables.read(file, named=named)
    if column in table.column_names:
        return older_in(table, column, day, named=named)
    said = parts.said_by_folders(name)
    values = pa.chunked_array([pa.repeat(pa.scalar(said.get(column), pa.string()), table.num_rows)])
    return _older(values, column, day, named)._replace(has_column=column in said)


def older_in(table: pa.Table, column: str, day: datetime, *, named: str) -> Dated:
    """The same of a table in memory."""
    if column not in table.column_names:
        raise DataError(f"{named} has no column {column!r}; its columns are {', '.join(table.column_names)}")
    return _older(table.column(column), column, day, named)


def _older(values: pa.ChunkedArray, column: str, day: datetime, named: str) -> Dated:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_dictionary(kind):
        values = values.cast(kind.value_type)
        kind = values.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        empty = pc.equal(pc.utf8_trim_whitespace(values), "")
        values = pc.if_else(empty, pa.scalar(None, kind), values)
        if not pc.all(pc.match_substring_regex(values, _ISO), min_count=0).as_py():
            raise DataError(
                f"{named}: column {column!r} holds texts that are no ISO dates (2026-03-31); correct them or the rule"
            )
        values = pc.utf8_slice_codeunits(values, 0, 10)
        ours = pc.less(values, f"{day:%Y-%m-%d}")
    elif pa.types.is_date(kind):
        ours = pc.less(values.cast(pa.date32()), pa.scalar(day.date(), pa.date32()))
    elif pa.types.is_timestamp(kind):
        ours = pc.less(values, pa.scalar(day if kind.tz else day.replace(tzinfo=None), kind))
    elif pa.types.is_null(kind):
        return Dated(np.zeros(len(values), dtype=bool), np.zeros(len(values), dtype=bool))
    else:
        raise DataError(
            f"{named}: column {column!r} holds {kind}; expected dates, moments, or texts that begin with an ISO date"
        )
    return Dated(pc.fill_null(ours, False).to_numpy().astype(bool), pc.is_valid(values).to_numpy().astype(bool))
