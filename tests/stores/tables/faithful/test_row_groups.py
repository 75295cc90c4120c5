"""Row groups that lose nothing are copied byte for byte, and the file reads as the one that is written as a whole."""

import io
from collections.abc import Iterator

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.stores.tables.faithful.test_parquet_copy import ROWS, files
from unlearning.stores.tables.faithful import footers, parquet_copy, row_groups, thrift
from unlearning.stores.tables.faithful.same import same

pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")  # of pyarrow, about time zones
WHO = [f"person-{number:02}" for number in range(ROWS)]


READERS = (
    pd.read_parquet,
    lambda path: pl.read_parquet(path).to_pandas(),
    lambda path: duckdb.read_parquet(str(path)).df(),
)


def written(table: pa.Table, **options: object) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def groups(raw: bytes) -> list[list[bytes]]:
    """The bytes of each column chunk of each row group."""
    return [
        [raw[start : start + length] for start, length in map(row_groups._span, footers.listed(group, footers.COLUMNS))]
        for group in footers.listed(footers.of(raw), footers.ROW_GROUPS)
    ]


def parts(raw: bytes, keep: np.ndarray) -> list[np.ndarray]:
    sizes = [group[footers.GROUP_ROWS][1] for group in footers.listed(footers.of(raw), footers.ROW_GROUPS)]
    return np.split(keep, np.cumsum(sizes)[:-1])


def put_together(raw: bytes, keep: np.ndarray) -> bytes | None:
    """None for a file that is written as a whole."""
    out = io.BytesIO()
    try:
        row_groups._put_together(io.BytesIO(raw), out, keep, "t")
    except row_groups._Unfit:
        return None
    return out.getvalue()


def pages(raw: bytes) -> Iterator[tuple[int, bytes, thrift.Struct]]:
    """(how many bytes it should have, its bytes, its header) of each page that an offset index names."""
    for group in footers.listed(footers.of(raw), footers.ROW_GROUPS):
        for chunk in footers.listed(group, footers.COLUMNS):
            if footers.OFFSET_INDEX in chunk:
                index = thrift.read(raw, chunk[footers.OFFSET_INDEX][1])
                for page in footers.listed(index, 1):
                    at, length = page[1][1], page[2][1]
                    header, end = thrift.read_on(raw, at)
                    yield length, raw[at : end + header[3][1]], header


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(file=files(), keep=st.lists(st.sampled_from([True, True, True, False]), min_size=ROWS, max_size=ROWS))
def test_what_loses_nothing_is_the_same_bytes_and_the_rest_reads_as_if_the_whole_were_written(
    file: tuple[pa.Table, dict[str, object]], keep: list[bool]
) -> None:
    table, options = file
    raw, rows = written(table, **options), np.array(keep)
    new = put_together(raw, rows)
    if new is None:
        return
    kept = [part for part in parts(raw, rows) if part.any()]
    old = [chunks for chunks, part in zip(groups(raw), parts(raw, rows), strict=True) if part.any()]
    assert len(groups(new)) == len(kept)
    for before, after, part in zip(old, groups(new), kept, strict=True):
        assert (before == after) or not part.all()
    whole = parquet_copy.subset(raw, rows, "t")
    assert same(pq.read_table(io.BytesIO(new)), pq.read_table(io.BytesIO(whole)))
    assert pq.read_schema(io.BytesIO(new)).equals(pq.read_schema(io.BytesIO(whole)), check_metadata=True)
    said = [pq.read_metadata(io.BytesIO(one)) for one in (new, whole)]
    assert said[0].num_rows == said[1].num_rows == rows.sum()
    for length, page, header in pages(new):
        assert length == len(page)
        assert header[1][1] in (0, 3)


@pytest.mark.parametrize("codec", ["none", "snappy", "zstd"])
def test_files_of_other_writers_are_put_together_too(codec: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    frame = pd.DataFrame(
        {"who": WHO, "city": ["Ulm", "Jena", None] * 4, "x": np.linspace(0, 1, ROWS), "old": [True, False] * 6}
    )
    compression = "uncompressed" if codec == "none" else codec
    polars, duck = tmp_path / "p.parquet", tmp_path / "d.parquet"
    pl.from_pandas(frame).write_parquet(polars, row_group_size=4, compression=compression)
    many = pd.concat([frame] * 400, ignore_index=True).assign(who=[f"person-{number:04}" for number in range(400 * ROWS)])
    duckdb.from_df(many).to_parquet(str(duck), row_group_size=2048, compression=compression)
    for path in (polars, duck):
        raw = path.read_bytes()
        keep = np.ones(pq.read_metadata(path).num_rows, dtype=bool)
        keep[5] = False
        gone = pq.read_table(path).column("who")[5].as_py()
        new = put_together(raw, keep)
        assert new is not None
        assert groups(new)[-1] == groups(raw)[-1]
        path.with_suffix(".new.parquet").write_bytes(new)
        for read in (
            pd.read_parquet,
            lambda one: pl.read_parquet(one).to_pandas(),
            lambda one: duckdb.read_parquet(str(one)).df(),
        ):
            expected = read(path)[keep].reset_index(drop=True)
            pd.testing.assert_frame_equal(read(path.with_suffix(".new.parquet")), expected)
        found = pl.scan_parquet(path.with_suffix(".new.parquet")).filter(pl.col("who") == gone).collect()
        assert len(found) == 0


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("spare", ["person-00", 17, 2.5])
def test_a_dictionary_that_lists_who_goes_where_no_row_is_theirs_is_written_anew(spare: object, stored: bool) -> None:
    """Each row group lists all categories."""
    others = {"person-00": ["a", "b"], 17: [1, 2], 2.5: [0.5, 1.5]}[spare]
    codes = [0, *[1, 2] * 5, 1]
    column = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), pa.array([spare, *others]))
    raw = written(pa.table({"c": column}), row_group_size=3, store_schema=stored, compression="none")
    keep = np.arange(ROWS) > 0
    new = row_groups.subset(raw, keep, "t")
    values = pq.read_table(io.BytesIO(raw)).column(0).to_pylist()
    assert pq.read_table(io.BytesIO(new)).column(0).to_pylist() == values[1:]
    for group in footers.listed(footers.of(new), footers.ROW_GROUPS):
        (chunk,) = footers.listed(group, footers.COLUMNS)
        start, length = row_groups._span(chunk)
        needle = spare.encode() if isinstance(spare, str) else pa.array([spare]).buffers()[1].to_pybytes()[:8]
        assert needle not in new[start : start + length]


def test_extremes_of_who_went_are_in_no_statistics() -> None:
    raw = written(pa.table({"who": WHO, "x": range(ROWS)}), row_group_size=6, write_page_index=True, compression="none")
    new = row_groups.subset(raw, np.arange(ROWS) != ROWS - 1, "t")
    assert new is not None
    said = pq.read_metadata(io.BytesIO(new)).row_group(1)
    assert (said.column(0).statistics.max, said.column(1).statistics.max) == (WHO[-2], ROWS - 2)
    assert WHO[-1].encode() not in new
    assert groups(new)[0] == groups(raw)[0]


def test_what_a_footer_says_beyond_what_is_known_is_written_as_a_whole() -> None:
    raw = written(pa.table({"who": WHO}), row_group_size=4)
    keep = np.arange(ROWS) > 0
    footer = footers.of(raw)
    for strange in ({30: (thrift.I32, 1)}, {footers.CREATED_BY: (thrift.BINARY, b"parquet-mr version 1.2.0 (build x)")}):
        odd = footers.replaced(raw, footer | strange)
        assert put_together(odd, keep) is None
        assert pq.read_table(io.BytesIO(row_groups.subset(odd, keep, "t"))).column(0).to_pylist() == WHO[1:]


class Reads(io.BytesIO):
    largest = 0

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(size)
        self.largest = max(self.largest, len(found))
        return found


def test_memory_holds_some_columns_of_one_row_group_whatever_the_file_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_groups, "_BUNDLE_BYTES", 1 << 16)
    monkeypatch.setattr(row_groups, "_BLOCK_BYTES", 1 << 16)
    rows = 20_000
    columns = {f"x{number}": np.random.default_rng(number).normal(size=rows) for number in range(8)}
    raw = written(pa.table(columns), row_group_size=rows // 4)
    source, out = Reads(raw), io.BytesIO()
    keep = np.arange(rows) % (rows // 2) > 0
    row_groups.copy(source, out, keep, "t")
    assert source.largest < len(raw) / 20
    kept = pq.read_table(io.BytesIO(raw)).filter(pa.array(keep))
    assert same(pq.read_table(io.BytesIO(out.getvalue())), kept)
