"""Columns are read where they are wanted, and what only the file keeps goes aside."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unlearning.stores.tables import cells
from unlearning.stores.tables.forms import columnar
from unlearning.stores.tables.pieces import Aside, Piece, Rows


def first(names: Sequence[str]) -> list[int] | None:
    return [names.index("who")] if "who" in names else None


def parquet(table: pa.Table, **options: object) -> list[Piece]:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return list(columnar.parquet(out, first))


def aside(pieces: list[Piece]) -> str:
    return "\n".join(piece.text for piece in pieces if isinstance(piece, Aside))


@pytest.mark.parametrize("stored", [True, False])
def test_a_category_that_no_row_uses_goes_aside_and_one_that_a_row_uses_does_not(stored: bool) -> None:
    category = pa.DictionaryArray.from_arrays(pa.array([1, 1]), pa.array(["spare", "used"]))
    pieces = parquet(pa.table({"who": ["a", "b"], "group": category}), store_schema=stored, row_group_size=1)
    assert "spare" in aside(pieces)
    assert "used" not in aside(pieces)
    assert all(piece.columns.keys() == {0} for piece in pieces if isinstance(piece, Rows))


def test_what_schema_and_fields_say_goes_aside() -> None:
    field = pa.field("who", pa.string(), metadata={"of": "zq-7"})
    table = pa.table([["a"]], schema=pa.schema([field], metadata={"by": "zq-8"}))
    assert {"zq-7", "zq-8"} <= set(aside(parquet(table)).split())


def test_two_columns_of_one_name_are_both_read_by_position() -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2]), pa.array([3])], names=["x", "who", "who"])
    out = io.BytesIO()
    pq.write_table(table, out)
    (rows,) = [one for one in columnar.parquet(out, lambda _: [1, 2]) if isinstance(one, Rows)]
    assert {at: column.to_pylist() for at, column in rows.columns.items()} == {1: [2], 2: [3]}


@pytest.mark.parametrize("kind", [pa.list_(pa.string()), pa.bool_(), pa.struct([("a", pa.string())])], ids=str)
def test_a_column_that_cannot_name_people_has_no_name_for_those_who_choose(kind: pa.DataType) -> None:
    pieces = parquet(pa.table({"who": pa.nulls(1, kind)}))
    assert [piece.whole for piece in pieces if isinstance(piece, Rows)] == [True]


@pytest.mark.parametrize(
    "array",
    [np.array(["ann", "bob"]), np.array([b"ann", b"bob"]), np.array([("ann", 1)], dtype=[("who", "U5"), ("x", "<i4")])],
    ids=["text", "bytes", "structured"],
)
def test_arrays_of_numpy_are_read_in_blocks(array: np.ndarray) -> None:
    out = io.BytesIO()
    np.save(out, array)
    out.seek(0)
    (rows,) = columnar.numpy(out, first)
    assert isinstance(rows, Rows)
    assert "ann" in set(cells.distinct(rows.columns[0]))


def test_arrays_of_objects_are_never_loaded() -> None:
    out = io.BytesIO()
    np.save(out, np.array([{}], dtype=object))
    out.seek(0)
    with pytest.raises(ValueError, match="pickled"):
        list(columnar.numpy(out, first))


@pytest.mark.parametrize(
    ("kind", "values"), [(pa.int64(), [4711, 5, 6]), (pa.float64(), [4711.0, 5.5, 6.0]), (pa.string(), ["4711", "5", "6"])]
)
@pytest.mark.parametrize("sliced", [False, True])
def test_what_the_bytes_say_below_a_null_is_looked_at(kind: pa.DataType, values: list[object], sliced: bool) -> None:
    _, *content = pa.array(values, kind).buffers()
    masked = pa.Array.from_buffers(kind, 3, [pa.py_buffer(b"\x06"), *content])
    table = pa.table({"other": pa.chunked_array([masked])})
    out = io.BytesIO()
    with pa.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table.slice(0, 2) if sliced else table)
    said = [
        one for piece in columnar.arrow_file(out, first) if isinstance(piece, Rows) for one in cells.distinct(piece.columns[0])
    ]
    assert "4711" in map(str, said)


def test_nulls_over_nothing_are_no_piece() -> None:
    out = io.BytesIO()
    table = pa.table({"one": pa.array([1, None, 3]), "two": ["a", None, "c"], "three": [True, None, False]})
    with pa.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table)
    assert sum(isinstance(piece, Rows) for piece in columnar.arrow_file(out, first)) == 1
