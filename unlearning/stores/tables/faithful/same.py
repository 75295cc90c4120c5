"""Whether two Arrow tables say the same: types, metadata, order, and each value, where NaN is NaN and −0 is not 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


def check_rows(keep: NDArray[np.bool_], rows: int, named: str) -> None:
    """A decision is about the rows that a table has. Raises DataError."""
    if len(keep) != rows:
        raise DataError(f"{named} has {rows} rows, the decision is about {len(keep)}; it changed meanwhile, run again")


def same(one: pa.Table, other: pa.Table) -> bool:
    """Equal in schema, metadata included, and in every value and every level of a dictionary."""
    return one.schema.equals(other.schema, check_metadata=True) and all(
        _column(left, right) for left, right in zip(one.columns, other.columns, strict=True)
    )


def _column(left: pa.ChunkedArray, right: pa.ChunkedArray) -> bool:
    import pyarrow as pa

    if left.equals(right) and not pa.types.is_nested(left.type) and not pa.types.is_floating(left.type):
        return not pa.types.is_dictionary(left.type) or _levels(left) == _levels(right)
    return len(left) == len(right) and _array(_whole(left), _whole(right))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    import pyarrow as pa

    if isinstance(column.type, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _levels(column: pa.ChunkedArray) -> list[object]:
    levels: list[object] = _whole(column).dictionary.to_pylist() if len(column) else []
    return levels


def _array(left: pa.Array, right: pa.Array) -> bool:
    import pyarrow as pa

    kind = left.type
    if isinstance(kind, pa.BaseExtensionType):
        return _array(left.storage, right.storage)
    if not left.is_null().equals(right.is_null()):
        return False
    if pa.types.is_floating(kind):
        bits = {16: pa.int16(), 32: pa.int32(), 64: pa.int64()}[kind.bit_width]
        return bool(left.drop_null().view(bits).equals(right.drop_null().view(bits)))
    if pa.types.is_struct(kind):
        return all(_array(a, b) for a, b in zip(left.flatten(), right.flatten(), strict=True))
    if pa.types.is_map(kind):
        entries = pa.list_(pa.struct([kind.key_field, kind.item_field]))
        return _array(left.cast(entries), right.cast(entries))
    if pa.types.is_nested(kind) and hasattr(left, "flatten"):
        return bool(left.value_lengths().equals(right.value_lengths())) and _array(left.flatten(), right.flatten())
    return bool(left.equals(right))
