"""A Parquet file without some of its rows, in the form of the file that it was: whatever reads one reads the other.

The rows go through Arrow; what Arrow would say in other words (names inside nested types, logical types that it does not know,
field numbers, the stored Arrow schema) is put into the new footer as it stood, once the new file is seen to hold the same
physical columns. Each row group keeps the rows that stay and is left out when none does: what a row group says of its rows
(that they are sorted) stays true, and redacting twice is redacting once with both decisions. Kept: per column compression,
encoding, statistics, bloom filter; page version, page checksums, page index; sort order, format version. New: page sizes,
`created_by`, and the level of a compression: no file says it, and what a guess finds in few rows is not what it finds in many.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product, zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.errors import DataError
from unlearning.stores.tables.faithful import dictionary_pages, footers, levels, thrift
from unlearning.stores.tables.faithful.same import check_rows, same

if TYPE_CHECKING:
    import pyarrow as pa

_ARROW = b"ARROW:schema"
_TROUBLES = (ValueError, TypeError, OSError, OverflowError, LookupError)
_DICTIONARY_BYTES = 1 << 20
"""What Parquet's writer lets a dictionary grow to before it writes plain values; a longer list of categories is kept whole."""
_ENCODINGS = ("DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY", "BYTE_STREAM_SPLIT")
_FILTER = {"ndv": 1 << 20, "fpp": 0.05}
"""Parquet's own defaults; the writer folds each filter to what its values need."""

_MEANING = (6, 7, 8, 10)
"""Of a column's values: converted type, scale, precision, logical type; source: parquet.thrift of Apache Parquet."""
_PAGE_TYPE, _PAGE_CHECKSUM = 1, 4
_DATA_PAGE_V2, _FIXED = 3, 7


@dataclass(frozen=True)
class _Source:
    """A file as it is."""

    table: pa.Table
    groups: tuple[int, ...]
    """Rows of each row group."""
    footer: thrift.Struct
    schema: Any
    """The Parquet schema, as pyarrow says it."""
    options: dict[str, Any]
    """For the writer, without what is said column by column."""
    columns: tuple[dict[str, Any], ...]
    """For the writer, of each physical column."""
    int96_unit: str
    plain: frozenset[int]
    """Columns that are taken as bytes, because Arrow would write what they mean in another physical type."""


def subset(raw: bytes, keep: NDArray[np.bool_], named: str) -> bytes:
    """The file without the rows where `keep` is false. Raises DataError when it cannot be written as it was read."""
    import pyarrow as pa

    try:
        source = _read(raw)
        check_rows(keep, len(source.table), named)
        if keep.all():
            return raw
        source = _writable(raw, source)
        gone = levels.Gone.of_table(source.table, keep)
        kept = levels.without(source.table, gone)
        new = _written(source, kept, [int(part.sum()) for part in _cut(keep, source.groups)])
        new = footers.replaced(new, _footer(source, new, keep, pairs_without(source.footer, kept, gone)))
        return _checked(new, kept, source, named)
    except (pa.ArrowException, *_TROUBLES) as error:
        raise DataError(
            f"{named} cannot be written again as the Parquet file that it is ({type(error).__name__}); {_REWRITE}"
        ) from None


class Rewritten(NamedTuple):
    """A row group without some of its rows."""

    file: bytes
    """Of this row group alone; empty without a row that stays."""
    gone: pa.Table
    values: list[set[bytes]]
    """What the rows that go hold in each physical column, as a dictionary page has it; when it was asked for."""


def group_without(raw: bytes, keep: NDArray[np.bool_], named: str, *, values: bool) -> Rewritten:
    """A file of one row group without the rows where `keep` is false; levels and metadata stay, as the whole file says them.

    Raises DataError as `subset`.
    """
    import pyarrow as pa

    try:
        source = _writable(raw, _read(raw))
        check_rows(keep, len(source.table), named)
        gone = levels.rows(source.table, ~keep)
        held = _values(source, gone) if values else []
        if not keep.any():
            return Rewritten(b"", gone, held)
        kept = levels.rows(source.table, keep)
        new = _written(source, kept, [len(kept)])
        pairs = footers.listed(source.footer, footers.KEY_VALUES)
        return Rewritten(_checked(footers.replaced(new, _footer(source, new, keep, pairs)), kept, source, named), gone, held)
    except (pa.ArrowException, *_TROUBLES) as error:
        raise DataError(f"{named}: {type(error).__name__}") from None


def values_in(raw: bytes) -> list[set[bytes]]:
    """What the rows of a file of one row group hold in each physical column, as a dictionary page has it."""
    source = _writable(raw, _read(raw))
    return _values(source, source.table)


def _values(source: _Source, rows: pa.Table) -> list[set[bytes]]:
    import pyarrow.parquet as pq

    plain = {
        "use_dictionary": True,
        "dictionary_pagesize_limit": 1 << 40,
        "column_encoding": None,
        "compression": "none",
        "write_statistics": False,
        "bloom_filter_options": None,
        "data_page_version": "1.0",
    }
    out = io.BytesIO()
    pq.write_table(rows, out, row_group_size=max(1, len(rows)), **{**_form(source, rows), **plain})
    raw = out.getvalue()
    footer = footers.of(raw)
    (group,) = footers.listed(footer, footers.ROW_GROUPS)
    chunks = [chunk[footers.META][1] for chunk in footers.listed(group, footers.COLUMNS)]
    pairs = zip(chunks, footers.leaves(footer), strict=True)
    return [dictionary_pages.values(raw[footers.chunk_start(chunk) :], chunk, leaf) for chunk, leaf in pairs]


_REWRITE = "rewrite it, with pandas or pyarrow, and run again"


def _cut(keep: NDArray[np.bool_], groups: tuple[int, ...]) -> list[NDArray[np.bool_]]:
    return np.split(keep, np.cumsum(groups)[:-1]) if groups else []


# --- the file as it is ----------------------------------------------------------------------------------------------


def _read(raw: bytes, plain: frozenset[int] = frozenset()) -> _Source:
    """The file as it is; the physical columns in `plain` as the bytes that they are."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    footer = footers.of(raw)
    raw = _stripped(raw, plain)
    metadata = pq.read_metadata(pa.BufferReader(raw))
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    chunks = [[group.column(at) for group in groups] for at in range(metadata.num_columns)]
    int96 = any(chunk.physical_type == "INT96" for column in chunks for chunk in column)
    table, unit = _exact(raw) if int96 else (_table(raw, "ns"), "ns")
    old = any("PLAIN_DICTIONARY" in chunk.encodings for column in chunks for chunk in column)
    return _Source(
        table,
        tuple(group.num_rows for group in groups),
        footer,
        metadata.schema,
        {"use_deprecated_int96_timestamps": int96, "plain_dictionary": old, **_paging(raw, footer)},
        tuple(_column_options(column, at in plain) for at, column in enumerate(chunks)),
        unit,
        plain,
    )


def _table(raw: bytes, unit: str) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(pa.BufferReader(raw), coerce_int96_timestamp_unit=unit) as file:
        return file.read(use_threads=False)


def _exact(raw: bytes) -> tuple[pa.Table, str]:
    """INT96 timestamps in a unit that holds them all: nanoseconds end in 2262, and what is later would become another date."""
    import pyarrow as pa

    fine, coarse = _table(raw, "ns"), _table(raw, "us")
    try:
        coarse.cast(fine.schema)
    except pa.ArrowInvalid:
        wrapped = coarse.cast(fine.schema, safe=False)
        if not same(wrapped, fine):
            raise
        return coarse, "us"
    return fine, "ns"


def _column_options(chunks: list[Any], plain: bool) -> dict[str, Any]:
    """How a column is written, by what its chunks say."""
    encodings = {name for chunk in chunks for name in chunk.encodings}
    codec = chunks[0].compression if chunks else "SNAPPY"
    return {
        "compression": "NONE" if codec == "UNCOMPRESSED" else codec,
        "dictionary": any("DICTIONARY" in name for name in encodings),
        "encoding": next((name for name in _ENCODINGS if name in encodings), None),
        "statistics": not plain and any(chunk.is_stats_set for chunk in chunks),  # bytes have another order than what they mean
        "bloom": any(chunk.bloom_filter_offset is not None for chunk in chunks),
    }


def _paging(raw: bytes, footer: thrift.Struct) -> dict[str, Any]:
    """How pages are written: what the first page of data, and the first page of each chunk, say."""
    groups = footers.listed(footer, footers.ROW_GROUPS)
    chunks = [chunk for group in groups for chunk in footers.listed(group, footers.COLUMNS)]
    metas = [chunk[footers.META][1] for chunk in chunks]
    starts = [(footers.value(meta, footers.DICTIONARY_PAGE, 0), meta[footers.DATA_PAGE][1]) for meta in metas]
    data = next((at for _, at in starts if at > 0), 0)
    first = next((at for both in starts for at in both if at > 0), 0)
    return {
        "data_page_version": "2.0" if data and _page(raw, data)[_PAGE_TYPE][1] == _DATA_PAGE_V2 else "1.0",
        "write_page_checksum": bool(first) and _PAGE_CHECKSUM in _page(raw, first),
        "write_page_index": any(footers.OFFSET_INDEX in chunk for chunk in chunks),
    }


def _page(raw: bytes, at: int) -> thrift.Struct:
    return thrift.read(memoryview(raw), at)


# --- the new file ---------------------------------------------------------------------------------------------------


def _written(source: _Source, kept: pa.Table, groups: list[int]) -> bytes:
    """The rows that stay, in their row groups; of a table without any, one empty row group that remembers the form."""
    import pyarrow.parquet as pq

    options = _form(source, kept)
    out = io.BytesIO()
    done = 0
    with pq.ParquetWriter(out, kept.schema, **options) as writer:
        for rows in filter(None, groups):
            writer.write_table(kept.slice(done, rows), row_group_size=rows)
            done += rows
        if groups and not done:
            writer.write_table(kept)
    return out.getvalue()


def _form(source: _Source, kept: pa.Table) -> dict[str, Any]:
    """The writer's options with which it writes the physical columns that the source has. Raises DataError without any."""
    for options, draft in _drafts(source):
        if _shape(footers.of(draft)) == _shape(source.footer) and not _different(draft, source):
            return {**options, **_by_column(source, footers.paths(footers.of(draft)), kept)}
    raise DataError(f"a Parquet file's columns are laid out in a way that is not written here; {_REWRITE}")


def _writable(raw: bytes, source: _Source) -> _Source:
    strange = _strange(source)
    return _read(raw, strange) if strange else source


def _strange(source: _Source) -> frozenset[int]:
    """The fewest physical columns that would be written in another way than they are."""
    found = [_different(draft, source) for _, draft in _drafts(source)]
    return min(found, key=len, default=frozenset())


def _drafts(source: _Source) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Ways to write the table, each with a file without rows."""
    versions = ("1.0", "2.6") if source.options["plain_dictionary"] else ("2.6", "1.0")
    said = {name: value for name, value in source.options.items() if name != "plain_dictionary"}
    for version, decimals in product(versions, (False, True)):
        options = {"version": version, "store_decimal_as_integer": decimals, "store_schema": False, **said}
        draft = _draft(source.table.slice(0, 0), options)
        if draft is not None:
            yield options, draft


def _draft(empty: pa.Table, options: dict[str, Any]) -> bytes | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    try:
        pq.write_table(empty, out, **options)
    except (pa.ArrowException, ValueError):
        return None
    return out.getvalue()


def _different(draft: bytes, source: _Source) -> frozenset[int]:
    """The columns that a draft has in another physical type, or with another meaning of their values."""
    import pyarrow.parquet as pq

    new = pq.read_metadata(io.BytesIO(draft)).schema
    pairs = [(new.column(at), source.schema.column(at)) for at in range(min(len(new), len(source.schema)))]
    return frozenset(at for at, (ours, theirs) in enumerate(pairs) if not _alike(ours, theirs))


def _alike(ours: Any, theirs: Any) -> bool:
    said, meant = _meaning(ours), _meaning(theirs)
    physical = [(one.physical_type, one.length if one.physical_type == "FIXED_LEN_BYTE_ARRAY" else 0) for one in (ours, theirs)]
    return physical[0] == physical[1] and said in ("None", "String", meant) and (said != "String" or meant in _TEXT)


def _stripped(raw: bytes, plain: frozenset[int]) -> bytes:
    """The file as if nobody had said what the values of some columns mean."""
    if not plain:
        return raw
    footer = footers.of(raw)
    leaves = footers.leaves(footer)
    for at in plain:
        for said in _MEANING:
            leaves[at].pop(said, None)
    return footers.replaced(raw, footer)


_TEXT = ("String", "JSON", "BSON", "Enum", "None")
_HOW_SAID = re.compile(r"isAdjustedToUTC=\w+, |, is_from_converted_type=\w+, force_set_converted_type=\w+")


def _meaning(column: Any) -> str:
    """What a column's values mean, but for what changes no value: whether a time is UTC, and in which field that is said."""
    return _HOW_SAID.sub("", str(column.logical_type))


def _shape(footer: thrift.Struct) -> list[tuple[int, ...]]:
    """Each column and group: physical type, length of fixed-length values, repetition, number of children."""
    return [
        (
            element.get(footers.TYPE, (0, -1))[1],
            element.get(footers.LENGTH, (0, 0))[1] if element.get(footers.TYPE, (0, -1))[1] == _FIXED else 0,
            element.get(footers.REPETITION, (0, 0))[1],
            element.get(footers.CHILDREN, (0, 0))[1],
        )
        for element in footers.listed(footer, footers.SCHEMA)[1:]
    ]


def _by_column(source: _Source, paths: list[list[bytes]], kept: pa.Table) -> dict[str, Any]:
    """The writer's options that name columns.

    Categories get a dictionary, as plain values would come back in order of appearance.
    """
    import pyarrow as pa

    named = list(zip((b".".join(path).decode() for path in paths), source.columns, strict=True))
    categories = {field.name for field in kept.schema if pa.types.is_dictionary(field.type)}
    dictionary = [path for path, said in named if said["dictionary"] or path in categories]
    return {
        "compression": {path: said["compression"] for path, said in named},
        "use_dictionary": dictionary,
        "column_encoding": {path: said["encoding"] for path, said in named if said["encoding"] and path not in dictionary}
        or None,
        "write_statistics": [path for path, said in named if said["statistics"]],
        "bloom_filter_options": {path: _FILTER for path, said in named if said["bloom"]} or None,
        "dictionary_pagesize_limit": max(_DICTIONARY_BYTES, *map(_dictionary_bytes, kept.columns), 0),
    }


def _dictionary_bytes(column: pa.ChunkedArray) -> int:
    """Room for a list of categories, each with four bytes for its length."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        return 0
    return sum(chunk.dictionary.nbytes + 4 * len(chunk.dictionary) for chunk in column.chunks)


def _footer(source: _Source, raw: bytes, keep: NDArray[np.bool_], pairs: list[thrift.Struct]) -> thrift.Struct:
    """The new file's footer, in the old one's words."""
    footer = footers.of(raw)
    footer |= {number: source.footer[number] for number in (footers.VERSION, footers.SCHEMA)}
    footer.pop(footers.KEY_VALUES, None)
    if footers.KEY_VALUES in source.footer:
        kind, (of, _) = source.footer[footers.KEY_VALUES]
        footer[footers.KEY_VALUES] = (kind, (of, pairs))
    paths = footers.paths(footer)
    parts = zip(footers.listed(source.footer, footers.ROW_GROUPS), _cut(keep, source.groups), strict=True)
    old = [group for group, part in parts if part.any()]
    for group, before in zip_longest(footers.listed(footer, footers.ROW_GROUPS), old):
        for chunk, path in zip(footers.listed(group, footers.COLUMNS), paths, strict=True):
            chunk[footers.META][1][footers.PATH] = (thrift.LIST, (thrift.BINARY, path))
        if before and footers.SORTING in before:
            group[footers.SORTING] = before[footers.SORTING]
    return footer


def pairs_without(footer: thrift.Struct, kept: pa.Table, gone: levels.Gone) -> list[thrift.Struct]:
    """The key-value metadata, without who goes. Raises DataError for a text that names them."""
    return [_pair_without(pair, kept, gone) for pair in footers.listed(footer, footers.KEY_VALUES)]


def _pair_without(pair: thrift.Struct, kept: pa.Table, gone: levels.Gone) -> thrift.Struct:
    (kind, key), (_, value) = pair[1], pair.get(2, (thrift.BINARY, b""))
    fewer = (
        _stored_schema(value, kept, gone) if key == _ARROW else (levels.metadata_without({key: value}, kept, gone) or {})[key]
    )
    return pair if fewer == value else {1: (kind, key), 2: (thrift.BINARY, fewer)}


def _stored_schema(value: bytes, kept: pa.Table, gone: levels.Gone) -> bytes:
    import pyarrow as pa

    schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(value)))
    fewer = levels.schema_without(schema, kept, gone)
    return value if fewer.equals(schema, check_metadata=True) else base64.b64encode(fewer.serialize().to_pybytes())


def _checked(raw: bytes, kept: pa.Table, source: _Source, named: str) -> bytes:
    """The new file, once it was read again and says what it should."""
    if not same(_table(_stripped(raw, source.plain), source.int96_unit), kept):
        raise DataError(f"{named} does not read the same once it is written again; {_REWRITE}")
    return raw
