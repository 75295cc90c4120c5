"""Thrift as Parquet's footers have it."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.domain.errors import DataError
from unlearning.stores.tables.faithful import thrift

VALUES = st.one_of(
    st.tuples(st.just(thrift.TRUE), st.booleans()),
    st.tuples(st.sampled_from([thrift.I16, thrift.I32, thrift.I64]), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just(thrift.BINARY), st.binary(max_size=300)),
    st.tuples(st.just(thrift.DOUBLE), st.floats(allow_nan=False)),
    st.tuples(st.just(thrift.LIST), st.tuples(st.just(thrift.BINARY), st.lists(st.binary(), max_size=20))),
    st.tuples(st.just(thrift.LIST), st.tuples(st.just(thrift.TRUE), st.lists(st.booleans(), max_size=20))),
)
STRUCTS = st.recursive(
    st.dictionaries(st.integers(1, 300), VALUES, max_size=4),
    lambda inner: st.dictionaries(st.integers(1, 300), st.tuples(st.just(thrift.STRUCT), inner), max_size=3),
    max_leaves=6,
)


@given(fields=STRUCTS)
def test_what_is_written_is_read(fields: thrift.Struct) -> None:
    assert thrift.written(thrift.read(thrift.written(fields))) == thrift.written(fields)


def test_a_footer_is_read_and_written_byte_for_byte() -> None:
    out = io.BytesIO()
    table = pa.table({"a": ["x", None] * 20, "b": [[1.5], []] * 20, "c": [True, False] * 20})
    pq.write_table(table, out, write_page_index=True, row_group_size=7, sorting_columns=[pq.SortingColumn(0)])
    raw = out.getvalue()
    footer = raw[-8 - int.from_bytes(raw[-8:-4], "little") : -8]
    assert thrift.written(thrift.read(footer)) == footer


@pytest.mark.parametrize("raw", [b"", b"\x15", b"\x18\x7fshort", b"\x1b\x01", b"\x1c" * 5000])
def test_what_is_no_struct_is_refused(raw: bytes) -> None:
    with pytest.raises(DataError, match="no Thrift struct"):
        thrift.read(raw)
