"""Who is in a file, read as a stream: any Parquet or CSV file with the person column, whatever it is called.

Nothing here holds a whole table: Parquet is read one row group and one column at a time, CSV in blocks. An empty or unreadable
identifier is nobody, so one bad row hides nobody else.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import IO, Any

from unlearning import hashing
from unlearning.errors import DataError, IdentifierError
from unlearning.hashing import IdentifierKind

_PARQUET = b"PAR1"
_HEADER_BYTES = 1 << 20
_PIECE_BYTES = 1 << 14


def identifiers(stream: IO[bytes], column: str) -> Iterator[object] | None:
    """The identifiers in a table, some of them more than once; None for anything that is no table with this column.

    Raises DataError, while it is read, for a table that is broken in the middle.
    """
    head = stream.read(len(_PARQUET))
    stream.seek(0)
    return _parquet(stream, column) if head == _PARQUET else _csv(stream, column)


def tokens(stream: IO[bytes], column: str, *, kind: IdentifierKind, key: bytes) -> frozenset[str] | None:
    """The index tokens of everyone in a table; None for anything that is no table with this column. Raises DataError."""
    found = identifiers(stream, column)
    return None if found is None else tokens_of(found, kind=kind, key=key)


def tokens_of(found: Iterable[object], *, kind: IdentifierKind, key: bytes) -> frozenset[str]:
    """The tokens of identifiers as they lie in a table."""
    inner = {print_ for one in dict.fromkeys(found) if (print_ := _fingerprint(one, kind)) is not None}
    return frozenset(token.hex() for token in hashing.keyed(key, inner))


def _fingerprint(value: object, kind: IdentifierKind) -> bytes | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    try:
        return hashing.fingerprint(value, kind)
    except IdentifierError:
        return None


def _parquet(stream: IO[bytes], column: str) -> Iterator[object] | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(stream)
    except (pa.ArrowInvalid, OSError):
        return None  # starts like one; `searched by bytes` still sees it
    return _row_groups(file, column) if column in file.schema_arrow.names else None


def _row_groups(file: Any, column: str) -> Iterator[object]:
    import pyarrow as pa

    try:
        for number in range(file.num_row_groups):
            yield from _distinct(file.read_row_group(number, columns=[column], use_threads=False).column(0))
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"a Parquet file cannot be read to its end ({type(error).__name__}); restore or delete it") from None


def _distinct(values: Any) -> list[object]:
    import pyarrow as pa

    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    found: list[object] = values.unique().drop_null().to_pylist()
    return found


def _csv(stream: IO[bytes], column: str) -> Iterator[object] | None:
    try:
        line = _first_line(stream).decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    stream.seek(0)
    return _blocks(stream, column) if "\0" not in line and column in _header(line) else None


def _first_line(stream: IO[bytes]) -> bytes:
    """Up to its end, or to where no header is that long; streams of object stores have no bound for `readline`."""
    head = b""
    while b"\n" not in head and len(head) < _HEADER_BYTES and (piece := stream.read(_PIECE_BYTES)):
        head += piece
    return head.partition(b"\n")[0]


def _header(line: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(line)), [])
    except csv.Error:
        return []  # one line longer than any header: minified JSON, say


def _blocks(stream: IO[bytes], column: str) -> Iterator[object]:
    import pyarrow as pa
    from pyarrow import csv as arrow

    try:
        reader = arrow.open_csv(
            stream,
            read_options=arrow.ReadOptions(use_threads=False),
            parse_options=arrow.ParseOptions(newlines_in_values=True),
            convert_options=arrow.ConvertOptions(include_columns=[column], column_types={column: pa.string()}),
        )
        for batch in reader:
            yield from _distinct(batch.column(0))
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"a CSV file cannot be read to its end ({type(error).__name__}); restore or delete it") from None
