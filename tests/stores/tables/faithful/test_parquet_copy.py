"""A redacted Parquet file reads equal in every reader, and holds nothing of who went."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import strategies as st

from tests.properties import drawn
from tests.stores.tables.readers import assert_equal_for_who_stays, form
from unlearning.stores.tables import redaction

pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")  # of pyarrow, about time zones

ROWS = 12
GONE = "person-to-forget"


def values(kind: pa.DataType, seed: int, nulls: bool) -> pa.Array:
    """A column of a type, with a few values that come again."""
    draw = np.random.default_rng(seed)
    numbers = draw.integers(0, 100, ROWS)
    made = {
        "text": [f"word-{n}" for n in numbers],
        "bytes": [b"\x00\xff" + bytes([n]) for n in numbers],
        "int": [int(n) for n in numbers],
        "float": [float("nan") if n % 7 == 0 else -0.0 if n % 7 == 1 else n / 3 for n in map(int, numbers)],
        "bool": [bool(n % 2) for n in numbers],
        "decimal": [Decimal(int(n)) / 4 for n in numbers],
        "day": [dt.date(1900, 1, 1) + dt.timedelta(days=int(n) * 900) for n in numbers],
        "time": [dt.datetime(1990, 1, 1, 3, 4, 5, int(n)) for n in numbers],
        "clock": [dt.time(1, 2, 3, int(n)) for n in numbers],
        "span": [dt.timedelta(seconds=int(n)) for n in numbers],
        "flba": [bytes([n]) * 16 for n in numbers],
        "list": [None if n % 5 == 0 else [int(n)] * (n % 4) for n in map(int, numbers)],
        "struct": [None if n % 5 == 0 else {"x": n, "y": f"y{n}"} for n in map(int, numbers)],
        "deep": [[{"x": n, "y": [float(n)]}] * (n % 3) for n in map(int, numbers)],
        "map": [[(f"k{n}", n)] * (n % 2) for n in map(int, numbers)],
    }[KINDS[kind]]
    return pa.array([None if nulls and n % 3 == 0 else value for n, value in zip(numbers, made, strict=True)], kind)


KINDS = {
    pa.string(): "text",
    pa.large_string(): "text",
    pa.string_view(): "text",
    pa.binary(): "bytes",
    pa.int8(): "int",
    pa.uint16(): "int",
    pa.uint32(): "int",
    pa.int64(): "int",
    pa.uint64(): "int",
    pa.float16(): "float",
    pa.float32(): "float",
    pa.float64(): "float",
    pa.bool_(): "bool",
    pa.decimal128(7, 2): "decimal",
    pa.decimal128(30, 2): "decimal",
    pa.decimal256(50, 2): "decimal",
    pa.date32(): "day",
    pa.timestamp("ms"): "time",
    pa.timestamp("us", "Europe/Berlin"): "time",
    pa.timestamp("ns"): "time",
    pa.timestamp("ns", "UTC"): "time",
    pa.time32("ms"): "clock",
    pa.time64("us"): "clock",
    pa.duration("us"): "span",
    pa.binary(16): "flba",
    pa.list_(pa.int32()): "list",
    pa.large_list(pa.int64()): "list",
    pa.struct([("x", pa.int32()), ("y", pa.string())]): "struct",
    pa.list_(pa.struct([("x", pa.int16()), ("y", pa.list_(pa.float32()))])): "deep",
    pa.map_(pa.string(), pa.int32()): "map",
}
DELTA = {
    "int": "DELTA_BINARY_PACKED",
    "text": "DELTA_BYTE_ARRAY",
    "float": "BYTE_STREAM_SPLIT",
    "bytes": "DELTA_LENGTH_BYTE_ARRAY",
}


@st.composite
def files(draw: st.DrawFn) -> tuple[pa.Table, dict[str, object]]:
    """A table and how it is written."""
    kinds = draw(st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=4))
    columns = [values(kind, draw(st.integers(0, 9)), draw(st.booleans())) for kind in kinds]
    names = [f"c{number}" for number in range(len(kinds))]
    fields = [
        pa.field(name, kind, metadata=draw(st.sampled_from([None, {"unit": "mg"}])))
        for name, kind in zip(names, kinds, strict=True)
    ]
    for number in range(draw(st.integers(0, 2))):
        levels = draw(st.permutations(["low", "middle", "high", "never"]))
        codes = draw(st.lists(st.one_of(st.none(), st.integers(0, 3)), min_size=ROWS, max_size=ROWS))
        ordered = draw(st.booleans())
        columns.append(pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), pa.array(levels), ordered=ordered))
        names.append(f"d{number}")
        fields.append(pa.field(names[-1], columns[-1].type))
    table = pa.Table.from_arrays(columns, schema=pa.schema(fields, metadata=draw(st.sampled_from([None, {"owner": "ward 7"}]))))
    if draw(st.booleans()):
        known = not any(kind in str(table.schema) for kind in ("decimal256", "view", "map", "half"))
        table = pa.Table.from_pandas(table.to_pandas()) if known else table
    return table, draw(ways(table))


@st.composite
def ways(draw: st.DrawFn, table: pa.Table) -> dict[str, object]:
    names = table.column_names
    kinds = {name: table.schema.field(name).type for name in names}
    flat = [name for name, kind in kinds.items() if KINDS.get(kind) in DELTA and kind != pa.float16()]
    plain = draw(st.booleans())
    delta = {name: DELTA[KINDS[table.schema.field(name).type]] for name in flat} if plain and draw(st.booleans()) else None
    codecs = st.sampled_from(["none", "snappy", "gzip", "zstd", "lz4", "brotli"])
    ints = any(pa.types.is_decimal(field.type) for field in table.schema) and draw(st.booleans())
    compression = draw(st.one_of(codecs, st.fixed_dictionaries(dict.fromkeys(flat, codecs))))
    return {
        "compression_level": draw(st.sampled_from([None, 1, 4, 9])) if compression in ("gzip", "zstd", "brotli") else None,
        "use_dictionary": False
        if plain
        else draw(st.one_of(st.just(True), st.lists(st.sampled_from(names), min_size=1, unique=True))),
        "column_encoding": delta,
        "compression": compression,
        "row_group_size": draw(st.sampled_from([1, 3, 5, 100])),
        "write_statistics": draw(
            st.one_of(st.booleans(), st.lists(st.sampled_from(flat), unique=True) if flat else st.just(True))
        ),
        "write_page_index": draw(st.booleans()),
        "write_page_checksum": draw(st.booleans()),
        "data_page_version": draw(st.sampled_from(["1.0", "2.0"])),
        "version": draw(st.sampled_from(["1.0", "2.4", "2.6"])),
        "store_schema": draw(st.booleans()),
        "use_deprecated_int96_timestamps": draw(st.booleans()),
        "store_decimal_as_integer": ints,
        "use_compliant_nested_type": draw(st.booleans()),
        "bloom_filter_options": {name: True for name in flat} if draw(st.booleans()) else None,
        "sorting_columns": [pq.SortingColumn(0)] if draw(st.booleans()) else None,
        "coerce_timestamps": draw(st.sampled_from([None, "us"])),
        "allow_truncated_timestamps": True,
    }


@drawn(
    few=12,
    many=200,
    file=files(),
    keep=st.lists(st.booleans(), min_size=ROWS, max_size=ROWS),
    again=st.lists(st.booleans(), min_size=ROWS, max_size=ROWS),
)
def test_whoever_stays_reads_equal_in_every_reader_and_the_file_is_written_as_it_was(
    tmp_path: Path, file: tuple[pa.Table, dict[str, object]], keep: list[bool], again: list[bool]
) -> None:
    table, options = file
    source, out, twice, both = (tmp_path / f"{name}.parquet" for name in ("source", "out", "twice", "both"))
    pq.write_table(table, source, **options)
    first, second = np.array(keep), np.array(again)
    redaction.redact(source, out, first)

    assert assert_equal_for_who_stays(source, out, first) >= 1
    if first.any():
        assert form(out)["schema"] == form(source)["schema"]
        old, new = form(source), form(out)
        for said in ("version", "codecs", "encodings", "bloom", "index", "sorting"):
            assert new[said] == old[said], said
        categories = [pa.types.is_dictionary(field.type) for field in pq.read_schema(source)]
        if len(categories) == len(old["dictionary"]):
            assert new["dictionary"] == [was or category for was, category in zip(old["dictionary"], categories, strict=True)]

    redaction.redact(out, twice, second[first])
    redaction.redact(source, both, first & second)
    assert twice.read_bytes() == both.read_bytes()
