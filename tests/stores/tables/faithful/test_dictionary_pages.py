"""What a dictionary lists is told, in any compression."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unlearning.stores.tables.faithful import dictionary_pages, footers


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "brotli", "zstd", "lz4"])
@pytest.mark.parametrize(
    ("values", "lying"),
    [
        (pa.array(["a", "bc", "a", None]), {b"a", b"bc"}),
        (pa.array([7, 8, 7], pa.int32()), {b"\7\0\0\0", b"\x08\0\0\0"}),
        (pa.array([b"xyz", b"xyz"], pa.binary(3)), {b"xyz"}),
        (pa.array([True, False]), set()),
    ],
)
def test_what_a_dictionary_lists(codec: str, values: pa.Array, lying: set[bytes]) -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"c": values}), out, compression=codec)
    footer = footers.of(out.getvalue())
    (group,) = footers.listed(footer, footers.ROW_GROUPS)
    meta = footers.listed(group, footers.COLUMNS)[0][footers.META][1]
    chunk, (leaf,) = out.getvalue()[footers.chunk_start(meta) :], footers.leaves(footer)
    assert dictionary_pages.values(chunk, meta, leaf) == lying
    assert dictionary_pages.listed(chunk, meta, leaf, {b"a", b"xyz", b"\0\0\0\7"}) == lying & {b"a", b"xyz"}
