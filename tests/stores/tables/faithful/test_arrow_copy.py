"""Arrow files and streams keep their form; two redactions are one."""

import io

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.domain.errors import DataError
from unlearning.stores.tables.faithful import arrow_copy


def written(table: pa.Table, *, rows: int, compression: str | None, stream: bool) -> bytes:
    out = io.BytesIO()
    opened = pa.ipc.new_stream if stream else pa.ipc.new_file
    with opened(out, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table, max_chunksize=rows)
    return out.getvalue()


@given(
    rows=st.integers(1, 8),
    compression=st.sampled_from([None, "lz4", "zstd"]),
    stream=st.booleans(),
    decisions=st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from("abcd")), min_size=1, max_size=8),
)
def test_two_redactions_are_one_and_batches_keep_their_own_rows(
    rows: int, compression: str | None, stream: bool, decisions: list[tuple[bool, bool, str]]
) -> None:
    first, second, who = (np.array(one) for one in zip(*decisions, strict=True))
    table = pa.table({"who": pa.array(who).dictionary_encode(), "x": np.arange(len(who)) / 3})
    raw = written(table, rows=rows, compression=compression, stream=stream)
    step = arrow_copy.subset(raw, first, "t")
    assert arrow_copy.subset(step, second[first], "t") == arrow_copy.subset(raw, first & second, "t")
    batches = (pa.ipc.open_stream(step) if stream else pa.ipc.open_file(step)).read_all().column("x").chunks
    cut = [int(part.sum()) for part in np.array_split(first, range(rows, len(who), rows))]
    assert [len(batch) for batch in batches] == [count for count in cut if count] or not first.any()


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@pytest.mark.parametrize("stream", [True, False])
def test_the_compression_is_kept(compression: str | None, stream: bool) -> None:
    table = pa.table({"who": ["a", "b"] * 500})
    raw = written(table, rows=100, compression=compression, stream=stream)
    kept = arrow_copy.subset(raw, np.arange(1000) != 3, "t")
    assert kept == arrow_copy.subset(raw, np.arange(1000) != 3, "t")
    assert arrow_copy._read(kept).compression == compression


@pytest.mark.parametrize("raw", [b"ARROW1\0\0", b"FEA1" + bytes(20), b"ORC" + bytes(20), b"\xff\xff\xff\xff" + bytes(30)])
def test_what_is_cut_off_is_refused(raw: bytes) -> None:
    with pytest.raises(DataError):
        arrow_copy.subset(raw, np.ones(1, dtype=bool), "t")
