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
from itertools import islice, product, zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.errors import DataError
from unlearning.stores.tables.faithful import levels, thrift
from unlearning.stores.tables.faithful.same import check_rows, same

if TYPE_CHECKING:
    import pyarrow as pa

MAGIC, ENCRYPTED = b"PAR1", b"PARE"
_TAIL = 8
_ARROW = b"ARROW:schema"
_DICTIONARY_BYTES = 1 << 20
"""What Parquet's writer lets a dictionary grow to before it writes plain values; a longer list of categories is kept whole."""
_ENCODINGS = ("DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY", "BYTE_STREAM_SPLIT")
_FILTER = {"ndv": 1 << 20, "fpp": 0.05}
"""Parquet's own defaults; the writer folds each filter to what its values need."""

# Fields of the structs in Parquet's footer; source: parquet.thrift of Apache Parquet.
_VERSION, _SCHEMA, _ROW_GROUPS, _KEY_VALUES = 1, 2, 4, 5
_TYPE, _LENGTH, _REPETITION, _NAME, _CHILDREN = 1, 2, 3, 4, 5
_MEANING = (6, 7, 8, 10)
"""Of a column's values: converted type, scale, precision, logical type."""
_COLUMNS, _SORTING = 1, 4
_OFFSET_INDEX, _META = 4, 3
_PATH, _DATA_PAGE, _DICTIONARY_PAGE = 3, 9, 11
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
        if strange := _strange(source):
            source = _read(raw, strange)
        gone = levels.Gone(source.table, keep)
        kept = levels.without(source.table, gone)
        new = _written(source, kept, [int(part.sum()) for part in _cut(keep, source.groups)])
        new = _with_footer(new, _footer(source, new, keep, kept, gone))
        return _checked(new, kept, source, named)
    except (pa.ArrowException, ValueError, TypeError, OSError, OverflowError, LookupError) as error:
        raise DataError(
            f"{named} cannot be written again as the Parquet file that it is ({type(error).__name__}); {_REWRITE}"
        ) from None


_REWRITE = "rewrite it, with pandas or pyarrow, and run again"


def _cut(keep: NDArray[np.bool_], groups: tuple[int, ...]) -> list[NDArray[np.bool_]]:
    return np.split(keep, np.cumsum(groups)[:-1]) if groups else []


# --- the file as it is ----------------------------------------------------------------------------------------------


def _read(raw: bytes, plain: frozenset[int] = frozenset()) -> _Source:
    """The file as it is; the physical columns in `plain` as the bytes that they are."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    footer = _footer_of(raw)
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


def _footer_of(raw: bytes) -> thrift.Struct:
    if raw[-4:] != MAGIC:
        raise DataError("a Parquet file without its last four bytes, or an encrypted one, cannot be redacted; decrypt it first")
    length = int.from_bytes(raw[-_TAIL:-4], "little")
    return thrift.read(raw[-_TAIL - length : -_TAIL])


def _listed(fields: thrift.Struct, number: int) -> list[Any]:
    values: list[Any] = fields[number][1][1] if number in fields else []
    return values


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
    chunks = [chunk for group in _listed(footer, _ROW_GROUPS) for chunk in _listed(group, _COLUMNS)]
    metas = [chunk[_META][1] for chunk in chunks]
    data = next((meta[_DATA_PAGE][1] for meta in metas if meta[_DATA_PAGE][1] > 0), 0)
    first = next((at for meta in metas for at in (meta.get(_DICTIONARY_PAGE, (0, 0))[1], meta[_DATA_PAGE][1]) if at > 0), 0)
    return {
        "data_page_version": "2.0" if data and _page(raw, data)[_PAGE_TYPE][1] == _DATA_PAGE_V2 else "1.0",
        "write_page_checksum": bool(first) and _PAGE_CHECKSUM in _page(raw, first),
        "write_page_index": any(_OFFSET_INDEX in chunk for chunk in chunks),
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
        if _shape(_footer_of(draft)) == _shape(source.footer) and not _different(draft, source):
            return {**options, **_by_column(source, _paths(_footer_of(draft)), kept)}
    raise DataError(f"a Parquet file's columns are laid out in a way that is not written here; {_REWRITE}")


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
    footer = _footer_of(raw)
    leaves = [element for element in _listed(footer, _SCHEMA) if not element.get(_CHILDREN, (0, 0))[1]]
    for at in plain:
        for said in _MEANING:
            leaves[at].pop(said, None)
    return _with_footer(raw, footer)


_TEXT = ("String", "JSON", "BSON", "Enum", "None")
_HOW_SAID = re.compile(r"isAdjustedToUTC=\w+, |, is_from_converted_type=\w+, force_set_converted_type=\w+")


def _meaning(column: Any) -> str:
    """What a column's values mean, but for what changes no value: whether a time is UTC, and in which field that is said."""
    return _HOW_SAID.sub("", str(column.logical_type))


def _shape(footer: thrift.Struct) -> list[tuple[int, ...]]:
    """Each column and group: physical type, length of fixed-length values, repetition, number of children."""
    return [
        (
            element.get(_TYPE, (0, -1))[1],
            element.get(_LENGTH, (0, 0))[1] if element.get(_TYPE, (0, -1))[1] == _FIXED else 0,
            element.get(_REPETITION, (0, 0))[1],
            element.get(_CHILDREN, (0, 0))[1],
        )
        for element in _listed(footer, _SCHEMA)[1:]
    ]


def _paths(footer: thrift.Struct) -> list[list[bytes]]:
    """The names from the top to each physical column."""
    elements = iter(_listed(footer, _SCHEMA))

    def below(before: list[bytes], count: int) -> Iterator[list[bytes]]:
        for element in islice(elements, count):
            path = [*before, element[_NAME][1]]
            inner = element.get(_CHILDREN, (0, 0))[1]
            yield from below(path, inner) if inner else [path]

    return list(below([], next(elements)[_CHILDREN][1]))


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


def _with_footer(raw: bytes, footer: thrift.Struct) -> bytes:
    length = int.from_bytes(raw[-_TAIL:-4], "little")
    said = thrift.written(footer)
    return b"".join([raw[: -_TAIL - length], said, len(said).to_bytes(4, "little"), MAGIC])


def _footer(source: _Source, raw: bytes, keep: NDArray[np.bool_], kept: pa.Table, gone: levels.Gone) -> thrift.Struct:
    """The new file's footer, in the old one's words."""
    footer = _footer_of(raw)
    footer |= {number: source.footer[number] for number in (_VERSION, _SCHEMA)}
    footer.pop(_KEY_VALUES, None)
    if _KEY_VALUES in source.footer:
        kind, (of, pairs) = source.footer[_KEY_VALUES]
        footer[_KEY_VALUES] = (kind, (of, [_pair_without(pair, kept, gone) for pair in pairs]))
    paths = _paths(footer)
    old = [
        group for group, part in zip(_listed(source.footer, _ROW_GROUPS), _cut(keep, source.groups), strict=True) if part.any()
    ]
    for group, before in zip_longest(_listed(footer, _ROW_GROUPS), old):
        for chunk, path in zip(_listed(group, _COLUMNS), paths, strict=True):
            chunk[_META][1][_PATH] = (thrift.LIST, (thrift.BINARY, path))
        if before and _SORTING in before:
            group[_SORTING] = before[_SORTING]
    return footer


def _pair_without(pair: thrift.Struct, kept: pa.Table, gone: levels.Gone) -> thrift.Struct:
    """One entry of the key-value metadata, without who goes."""
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
