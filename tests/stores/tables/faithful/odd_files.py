"""Tables as they are found in the wild, a few rows each, whose column `who` says `person-<n>` once a row."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import io
import json
import lzma
import warnings
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet as pq

from unlearning.stores.tables.faithful import arrow_copy, footers, thrift

ROWS = 6
WHO = [f"person-{number}" for number in range(ROWS)]
VALUES = [1.5, float("nan"), None, -0.0, 4.0, 5.0]
DAY = dt.datetime(2024, 2, 29, 12, 30, 15, 123456)

Made = Callable[[], bytes]
PARQUET: dict[str, Made] = {}
ARROW: dict[str, Made] = {}
ORC: dict[str, Made] = {}
CSV: dict[str, Made] = {}
JSON: dict[str, Made] = {}
REFUSED: dict[str, Made] = {}
"""What cannot be written again without changing those who stay, or names somebody: refused before anything is written."""


def made(family: dict[str, Made]) -> Callable[[Made], Made]:
    def put(function: Made) -> Made:
        family[function.__name__] = function
        return function

    return put


def parquet(columns: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    table = columns if isinstance(columns, pa.Table) else pa.table({"who": WHO, **columns})
    pq.write_table(table, out, **{"compression": "none", **options})
    return out.getvalue()


def levels(codes: list[int | None], words: list[str], *, ordered: bool = True) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), pa.array(words), ordered=ordered)


ORDERED = levels([2, 0, None, 1, 2, 0], ["low", "middle", "high", "never"])


# --- Parquet --------------------------------------------------------------------------------------------------------


@made(PARQUET)
def ordered_categories() -> bytes:
    return parquet({"grade": ORDERED, "x": VALUES})


@made(PARQUET)
def people_as_ordered_categories_in_many_row_groups() -> bytes:
    return parquet({"again": levels(list(range(ROWS))[::-1], WHO[::-1])}, row_group_size=1)


@made(PARQUET)
def categories_that_name_nobody_in_a_row_but_a_person() -> bytes:
    return parquet({"grade": levels([0] * ROWS, ["a", "person-0", "spare"])})


@made(PARQUET)
def categories_from_plain_pages() -> bytes:
    return parquet({"grade": ORDERED}, use_dictionary=False)


@made(PARQUET)
def pandas_with_a_counted_index() -> bytes:
    frame = pd.DataFrame({"who": WHO, "x": VALUES}, index=pd.RangeIndex(5, 5 + 3 * ROWS, 3, name="row"))
    out = io.BytesIO()
    frame.to_parquet(out, compression=None)
    return out.getvalue()


@made(PARQUET)
def pandas_with_an_index_of_people_and_attributes() -> bytes:
    frame = pd.DataFrame({"x": VALUES, "c": pd.Categorical(WHO)}, index=pd.Index(WHO, name="who"))
    frame.attrs = {"source": "ward 7", "units": {"x": "mg"}}
    out = io.BytesIO()
    frame.to_parquet(out, compression=None)
    return out.getvalue()


@made(PARQUET)
def pandas_with_levels_of_columns_and_rows() -> bytes:
    index = pd.MultiIndex.from_arrays([WHO, range(ROWS)], names=["who", "visit"])
    out = io.BytesIO()
    pd.DataFrame({"x": VALUES}, index=index).to_parquet(out, compression=None)
    return out.getvalue()


@made(PARQUET)
def int96_of_spark() -> bytes:
    times = pa.array([DAY, None] * 3, pa.timestamp("ns"))
    return parquet({"at": times}, use_deprecated_int96_timestamps=True, store_schema=False)


@made(PARQUET)
def int96_beyond_2262() -> bytes:
    times = pa.array([dt.datetime(9999, 12, 31), DAY, dt.datetime(1, 1, 1), None, DAY, DAY], pa.timestamp("us"))
    return parquet({"at": times}, use_deprecated_int96_timestamps=True, store_schema=False)


@made(PARQUET)
def int96_with_a_stored_schema_and_zone() -> bytes:
    return parquet({"at": pa.array([DAY] * ROWS, pa.timestamp("us", "Asia/Tokyo"))}, use_deprecated_int96_timestamps=True)


@made(PARQUET)
def old_format_with_plain_dictionaries() -> bytes:
    return parquet(
        {"n": pa.array(range(ROWS), pa.uint32()), "t": pa.array([DAY] * ROWS, pa.timestamp("ns"))},
        version="1.0",
        coerce_timestamps="us",
        allow_truncated_timestamps=True,
    )


@made(PARQUET)
def decimals_as_whole_numbers() -> bytes:
    values = [Decimal(number) / 100 for number in range(ROWS)]
    wide = pa.array(values, pa.decimal128(30, 2))
    return parquet({"d": pa.array(values, pa.decimal128(9, 2)), "w": wide}, store_decimal_as_integer=True)


@made(PARQUET)
def every_delta_and_split_encoding() -> bytes:
    columns = {"n": list(range(ROWS)), "x": VALUES, "b": [name.encode() for name in WHO]}
    encodings = {
        "who": "DELTA_BYTE_ARRAY",
        "n": "DELTA_BINARY_PACKED",
        "x": "BYTE_STREAM_SPLIT",
        "b": "DELTA_LENGTH_BYTE_ARRAY",
    }
    return parquet(columns, use_dictionary=False, column_encoding=encodings)


@made(PARQUET)
def bloom_filters_page_index_and_checksums() -> bytes:
    return parquet(
        {"n": list(range(ROWS))},
        bloom_filter_options={"who": True, "n": {"ndv": 10, "fpp": 0.01}},
        write_page_index=True,
        write_page_checksum=True,
        data_page_version="2.0",
    )


@made(PARQUET)
def sorted_row_groups_of_unequal_size() -> bytes:
    out = io.BytesIO()
    table = pa.table({"who": WHO, "n": [1, 5, 9, 0, 2, 1]})
    with pq.ParquetWriter(out, table.schema, compression="none", sorting_columns=[pq.SortingColumn(1)]) as writer:
        for low, high in ((0, 3), (3, 3), (3, 5), (5, 6)):
            writer.write_table(table.slice(low, high - low))
    return out.getvalue()


@made(PARQUET)
def a_codec_and_statistics_of_its_own_for_each_column() -> bytes:
    codecs = {"who": "none", "n": "brotli", "x": "gzip", "l": "lz4", "z": "zstd"}
    columns = {"n": list(range(ROWS)), "x": VALUES, "l": ["l"] * ROWS, "z": ["z"] * ROWS}
    return parquet(columns, compression=codecs, write_statistics=["n", "x"], use_dictionary=["l"])


@made(PARQUET)
def two_columns_of_one_name() -> bytes:
    return parquet(pa.table([pa.array(WHO), pa.array(VALUES), pa.array(range(ROWS))], names=["who", "x", "x"]))


@made(PARQUET)
def names_with_dots_and_none_at_all() -> bytes:
    return parquet({"a.b": list(range(ROWS)), "": VALUES, "ä\n": ["x"] * ROWS})


@made(PARQUET)
def nested_in_every_way() -> bytes:
    inner = {"x": 1, "tags": ["a", None], "more": [{"k": [1.5, float("nan")]}]}
    return parquet(
        {
            "s": [inner, None, {**inner, "tags": []}, inner, inner, {**inner, "more": None}],
            "m": pa.array([[("k", 1)], None, [], [("a", None)], [], []], pa.map_(pa.string(), pa.int32())),
            "f": pa.array([[1, 2]] * ROWS, pa.list_(pa.int8(), 2)),
        },
        use_compliant_nested_type=False,
    )


@made(PARQUET)
def what_must_not_be_null() -> bytes:
    schema = pa.schema(
        [pa.field("who", pa.string(), nullable=False, metadata={"role": "person"}), pa.field("n", pa.int64(), nullable=False)],
        metadata={"owner": "ward", "sizes": "[1, 2, 3]"},
    )
    return parquet(pa.table({"who": WHO, "n": range(ROWS)}, schema=schema))


@made(PARQUET)
def uuid_float16_json_and_bytes_of_fixed_length() -> bytes:
    halves = pa.array(np.array([0, 1, np.nan, -0.0, 2, 3], dtype=np.float16))
    uuids = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes([number]) * 16 for number in range(ROWS)], pa.binary(16)))
    texts = pa.ExtensionArray.from_storage(pa.json_(pa.string()), pa.array(['{"a": 1.0}'] * ROWS))
    return parquet({"h": halves, "u": uuids, "j": texts, "f": pa.array([b"abc"] * ROWS, pa.binary(3))})


@made(PARQUET)
def all_null_and_of_no_type() -> bytes:
    return parquet(
        {"nothing": pa.nulls(ROWS), "empty": pa.nulls(ROWS, pa.string()), "list": pa.nulls(ROWS, pa.list_(pa.int8()))}
    )


@made(PARQUET)
def times_of_every_kind() -> bytes:
    return parquet(
        {
            "s": pa.array([DAY] * ROWS, pa.timestamp("ms", "+05:30")),
            "n": pa.array([DAY] * ROWS, pa.timestamp("ns", "UTC")),
            "d": pa.array([dt.date(1, 1, 1), dt.date(9999, 12, 31)] * 3),
            "c": pa.array([dt.time(23, 59, 59, 999999)] * ROWS, pa.time64("us")),
            "p": pa.array([dt.timedelta(days=-1)] * ROWS, pa.duration("ms")),
        }
    )


@made(PARQUET)
def views_of_text() -> bytes:
    return parquet({"v": pa.array([f"long enough for a buffer, {name}" for name in WHO], pa.string_view())})


@made(PARQUET)
def written_by_polars() -> bytes:
    out = io.BytesIO()
    pl.DataFrame(
        {
            "who": WHO,
            "e": pl.Series(["low", "high", None, "low", "mid", "mid"], dtype=pl.Enum(["low", "mid", "high", "never"])),
            "c": pl.Series(WHO, dtype=pl.Categorical),
            "l": [[1], [], None, [2, 3], [None], [4]],
            "d": [dt.timedelta(hours=1)] * ROWS,
            "s": [{"a": 1, "b": "x"}] * ROWS,
            "t": [DAY.replace(tzinfo=dt.UTC)] * ROWS,
            "n": pl.Series(range(ROWS), dtype=pl.UInt8),
        }
    ).write_parquet(out, compression="uncompressed", row_group_size=4)
    return out.getvalue()


@made(PARQUET)
def written_by_duckdb() -> bytes:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as db:
        file = Path(folder) / "t.parquet"
        db.sql(
            "copy (select 'person-' || i as who, i::uinteger as u, interval (i) day as span, "
            "('00000000-0000-0000-0000-00000000000' || i)::uuid as id, "
            "(case when i < 3 then 'low' else 'high' end)::enum('low', 'mid', 'high') as e, "
            "[i, null] as l, {'x': i, 'y': [{'z': 'a'}]} as s, map {'k': i} as m, (i / 4)::decimal(9, 2) as d, "
            "(i / 4 - 1)::decimal(25, 2) as w, "
            "timestamptz '2020-01-01 00:00:00+00' as t, '12:00'::time as c, date '2020-01-01' as day, '{\"a\": 1}'::json as j, "
            "i % 2 = 0 as b, 'ab'::blob as raw, timestamp_ns '2020-01-01' as ns, i::float as f "
            f"from range({ROWS}) r(i)) to '{file}' (format parquet, compression uncompressed)"
        )
        return file.read_bytes()


@made(PARQUET)
def pandas_with_a_level_of_the_index_that_counts() -> bytes:
    frame = pd.DataFrame({"x": VALUES}, index=pd.MultiIndex.from_arrays([WHO, range(ROWS)], names=["who", "visit"]))
    out = io.BytesIO()
    frame.to_parquet(out, compression=None)
    return out.getvalue()


@made(PARQUET)
def metadata_of_other_tools() -> bytes:
    huggingface = {"info": {"features": {"label": {"names": ["person-0", "cat", "dog"], "_type": "ClassLabel"}}}}
    table = pa.table({"who": WHO, "label": [0, 1, 2, 1, 1, 2]})
    return parquet(
        table.replace_schema_metadata({"huggingface": json.dumps(huggingface), "note": "no names here", "raw": b"\xff\x00"})
    )


@made(PARQUET)
def no_rows_no_row_groups() -> bytes:
    out = io.BytesIO()
    with pq.ParquetWriter(out, pa.schema([("who", pa.string())])):
        pass
    return out.getvalue()


@made(PARQUET)
def int96_beside_other_timestamps() -> bytes:
    times = pa.array([DAY] * ROWS, pa.timestamp("ns"))
    raw = parquet({"old": times, "new": list(range(ROWS))}, use_deprecated_int96_timestamps=True, store_schema=False)
    footer = thrift.read(raw[-8 - int.from_bytes(raw[-8:-4], "little") : -8])
    micros = {1: (thrift.TRUE, False), 2: (thrift.STRUCT, {2: (thrift.STRUCT, {})})}
    footer[2][1][1][3][10] = (thrift.STRUCT, {8: (thrift.STRUCT, micros)})
    return footers.replaced(raw, footer)


@made(REFUSED)
def parquet_with_a_name_in_a_note() -> bytes:
    return parquet(pa.table({"who": WHO}).replace_schema_metadata({"note": "without person-0, who asked"}))


@made(REFUSED)
def parquet_with_a_dictionary_in_a_struct() -> bytes:
    return parquet({"s": pa.StructArray.from_arrays([ORDERED], ["grade"])})


@made(REFUSED)
def parquet_with_lists_of_two_levels() -> bytes:
    raw = parquet({"l": pa.array([[1]] * ROWS, pa.list_(pa.field("array", pa.int32(), nullable=False)))}, store_schema=False)
    length = int.from_bytes(raw[-8:-4], "little")
    footer = thrift.read(raw[-8 - length : -8])
    elements = footer[2][1][1]
    elements.pop(3)
    elements[3][3] = (thrift.I32, 2)  # no group in between: the values themselves are repeated
    return footers.replaced(raw, footer)


@made(REFUSED)
def parquet_cut_off() -> bytes:
    return parquet({})[:-9]


# --- Arrow and ORC --------------------------------------------------------------------------------------------------

TABLE = pa.table(
    {
        "who": WHO,
        "grade": ORDERED,
        "x": VALUES,
        "s": [{"a": [1, None]}] * ROWS,
        "at": pa.array([DAY] * ROWS, pa.timestamp("ns", "Asia/Tokyo")),
        "d": pa.array([Decimal("1.50")] * ROWS, pa.decimal128(5, 2)),
        "v": pa.array([f"a long text of {name}" for name in WHO], pa.string_view()),
    }
).replace_schema_metadata({"owner": "ward 7"})


def feather(**options: Any) -> bytes:
    out = io.BytesIO()
    pyarrow.feather.write_feather(TABLE, out, **options)
    return out.getvalue()


@made(ARROW)
def feather_uncompressed_in_batches() -> bytes:
    return feather(compression="uncompressed", chunksize=2)


@made(ARROW)
def feather_lz4() -> bytes:
    return feather(compression="lz4")


@made(ARROW)
def feather_zstd() -> bytes:
    return feather(compression="zstd", chunksize=4)


@made(ARROW)
def arrow_file_with_metadata_of_file_and_batches() -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_file(out, TABLE.schema, metadata={"made": "here"}) as writer:
        for batch in TABLE.to_batches(max_chunksize=3):
            writer.write_batch(batch, custom_metadata={"n": str(len(batch))})
    return out.getvalue()


@made(ARROW)
def arrow_stream_with_growing_dictionaries() -> bytes:
    out = io.BytesIO()
    parts = [levels([0, 1], ["a", "b"]), levels([2, 0], ["a", "b", "person-2"]), levels([1, 1], ["a", "b", "person-2"])]
    table = pa.table({"who": WHO, "grade": pa.chunked_array(parts)})
    with pa.ipc.new_stream(out, table.schema, options=pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)) as writer:
        writer.write_table(table)
    return out.getvalue()


@made(ARROW)
def feather_of_the_first_version() -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pyarrow.feather.write_feather(TABLE.select(["who", "x"]), out, version=1)
    return out.getvalue()


@made(ARROW)
def arrow_of_polars() -> bytes:
    out = io.BytesIO()
    grades = pl.Series(["low", "high", None, "low", "mid", "mid"], dtype=pl.Enum(["low", "mid", "high", "never"]))
    pl.DataFrame({"who": WHO, "e": grades, "l": [[1]] * ROWS}).write_ipc(out, compression="zstd")
    return out.getvalue()


def orc(**options: Any) -> bytes:
    out = io.BytesIO()
    pyarrow.orc.write_table(TABLE.select(["who", "x", "s", "d"]), out, **options)
    return out.getvalue()


@made(ORC)
def orc_plain() -> bytes:
    return orc()


@made(ORC)
def orc_zlib_in_old_format() -> bytes:
    return orc(compression="zlib", file_version="0.11")


@made(ORC)
def orc_zstd_with_dictionaries_and_filters() -> bytes:
    return orc(compression="zstd", dictionary_key_size_threshold=1.0, bloom_filter_columns=[1], row_index_stride=1000)


@made(ORC)
def orc_with_metadata_of_spark() -> bytes:
    return arrow_copy._with_metadata(orc(compression="snappy"), {b"org.apache.spark.version": b"3.5.1"}, packed=True)


@made(ORC)
def orc_with_metadata_and_no_codec() -> bytes:
    return arrow_copy._with_metadata(orc(), {b"owner": b"ward 7", b"raw": bytes(range(200))}, packed=False)


# --- texts ----------------------------------------------------------------------------------------------------------


def lines(delimiter: str = ",", end: str = "\n", before: str = "", cell: str = "{}") -> str:
    return before + "".join(
        delimiter.join([cell.format(name), cell.format(value)]) + end
        for name, value in [("who", "x"), *((name, f"v{number}") for number, name in enumerate(WHO))]
    )


for name, raw in {
    "csv_plain": lines().encode(),
    "csv_semicolons_and_cr": lines(";", "\r").encode(),
    "csv_tabs_and_crlf": lines("\t", "\r\n").encode(),
    "csv_pipes": lines("|").encode(),
    "csv_with_a_mark": b"\xef\xbb\xbf" + lines().encode(),
    "csv_utf_16": lines(";", "\r\n").encode("utf-16"),
    "csv_utf_16_big": b"\xfe\xff" + lines().encode("utf-16-be"),
    "csv_utf_32": lines().encode("utf-32"),
    "csv_cp1252": lines(";").replace("v0", "Müller").encode("cp1252"),
    "csv_quoted": lines(cell='"{}"').replace("v1", 'two\nlines, and a ""word""').encode(),
    "csv_escaped": lines(cell='"{}"').replace("v1", 'a \\"word\\" and\nmore').encode(),
    "csv_after_blank_lines": lines(before="\n\n").encode(),
    "csv_after_a_preamble": lines(before="# made on 2024-02-29\n# it's \"ours\n").encode(),
    "csv_of_excel": lines(";", before="sep=;\n").encode(),
    "csv_without_a_last_line_end": lines().rstrip("\n").encode(),
    "csv_with_blank_lines_between": lines().replace("person-3", "\nperson-3").encode(),
}.items():
    CSV[name] = lambda raw=raw: raw

FRAME = pd.DataFrame({"who": WHO, "x": [1.0, 2.25, 3.0, 4.5, 5.0, 6.125]})
for orient in ("records", "columns", "index", "split", "values", "table"):
    JSON[f"json_{orient}"] = lambda orient=orient: FRAME.to_json(orient=orient).encode()
    JSON[f"json_{orient}_indented"] = lambda orient=orient: FRAME.to_json(orient=orient, indent=2).encode()
JSON |= {
    "json_lists": lambda: json.dumps(FRAME.to_dict(orient="list"), indent=1).encode(),
    "json_tight": lambda: json.dumps(FRAME.to_dict(orient="tight")).encode(),
    "jsonl": lambda: FRAME.to_json(orient="records", lines=True).encode(),
    "jsonl_with_blank_lines_and_a_mark": lambda: (
        b"\xef\xbb\xbf" + FRAME.to_json(orient="records", lines=True).encode().replace(b"\n", b"\r\n\r\n")
    ),
    "json_odd_numbers_and_keys": lambda: (
        json.dumps([{"who": name, "x": 0, "x2": None} for name in WHO]).replace(": 0", ": 1.50e+2").encode()
    ),
}
PACKED = {
    "gzip": (gzip.compress, ".gz"),
    "bzip2": (bz2.compress, ".bz2"),
    "xz": (lzma.compress, ".xz"),
    "zstd": (lambda raw: pa.Codec("zstd").compress(raw, asbytes=True), ".zst"),
}
REFUSED |= {
    "csv_with_stray_quotes": lambda: lines().replace("v1", '5" pipe').replace("v3", '6" pipe').encode(),
    "csv_half_a_character": lambda: lines().encode("utf-16")[:-1],
    "json_with_another_number_of_rows": lambda: json.dumps({"who": WHO, "x": [1]}).encode(),
    "json_of_another_form": lambda: json.dumps({"count": 6, "patients": WHO}).encode(),
    "json_cut_off": lambda: FRAME.to_json(orient="records").encode()[:-3],
    "json_schema_with_categories": lambda: FRAME.astype({"who": "category"}).to_json(orient="table").encode(),
    "gzip_cut_off": lambda: gzip.compress(lines().encode())[:-12],
}
