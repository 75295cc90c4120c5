"""Same is same to the bit, and NaN is NaN."""

from typing import Any

import pyarrow as pa
import pytest

from unlearning.stores.tables.faithful.same import same

NAN = float("nan")
CATEGORIES = pa.DictionaryArray.from_arrays([0, 1], ["a", "b"])
NESTED = pa.list_(pa.struct([("x", pa.float64()), ("m", pa.map_(pa.string(), pa.float32()))]))


def table(values: Any, kind: pa.DataType | None = None, metadata: dict[str, str] | None = None) -> pa.Table:
    column = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, kind)
    return pa.table({"c": column}).replace_schema_metadata(metadata)


@pytest.mark.parametrize(
    "columns",
    [
        table([NAN, None, 0.0]),
        table([NAN, None], pa.float16()),
        table([[{"x": NAN, "m": [("k", NAN)]}], None, []], NESTED),
        table(CATEGORIES),
        table(pa.chunked_array([["a"], ["b"]])),
        table([], pa.dictionary(pa.int8(), pa.string())),
    ],
)
def test_a_table_is_the_same_as_itself_however_it_is_cut(columns: pa.Table) -> None:
    pieces = [columns.slice(at, 1) for at in range(len(columns))]
    assert same(columns, pa.concat_tables(pieces) if pieces else columns)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (table([0.0]), table([-0.0])),
        (table([NAN]), table([None], pa.float64())),
        (table([1]), table([1], pa.int32())),
        (table([1]), table([1], metadata={"k": "v"})),
        (table([[1.0], []]), table([[], [1.0]])),
        (table([[None]], pa.list_(pa.int8())), table([None], pa.list_(pa.int8()))),
        (table([[{"x": 1.0}]], NESTED), table([[{"x": 2.0}]], NESTED)),
        (table(CATEGORIES), table(pa.DictionaryArray.from_arrays([1, 0], ["b", "a"]))),
        (table(CATEGORIES), table(pa.DictionaryArray.from_arrays([0, 1], ["a", "b", "c"]))),
    ],
)
def test_what_differs_in_a_bit_a_level_a_type_or_metadata_is_not_the_same(one: pa.Table, other: pa.Table) -> None:
    assert not same(one, other)
