"""Who is in a file, read as a stream: any Parquet or CSV file with the person column, whatever it is called.

Nothing here holds a whole table: Parquet is read one row group and one column at a time, CSV in blocks. An empty or unreadable
identifier is nobody, so one bad row hides nobody else.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

from unlearning.domain import hashing
from unlearning.domain.errors import DataError, IdentifierError
from unlearning.domain.hashing import IdentifierKind
from unlearning.stores.tables import tables

_PARQUET = b"PAR1"
_HEADER_BYTES = 1 << 20
_PIECE_BYTES = 1 << 14


def identifiers(stream: IO[bytes], people: Sequence[str]) -> Iterator[object] | None:
    """The identifiers in a table, some of them more than once; None for anything that is no table with people in it.

    people: person columns, any of which may be there. A cell that names several people gives each of them, besides the cell
    itself. Raises DataError, while it is read, for a table that is broken in the middle.
    """
    head = stream.read(len(_PARQUET))
    stream.seek(0)
    return _parquet(stream, people) if head == _PARQUET else _csv(stream, people)


def tokens(stream: IO[bytes], people: Sequence[str], *, kind: IdentifierKind, key: bytes) -> frozenset[str] | None:
    """The index tokens of everyone in a table; None for anything that is no table with people in it. Raises DataError."""
    found = identifiers(stream, people)
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


def _parquet(stream: IO[bytes], people: Sequence[str]) -> Iterator[object] | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(stream)
    except (pa.ArrowInvalid, OSError):
        return None  # starts like one; `searched by bytes` still sees it
    here = [person for person in people if tables.names_people(file.schema_arrow.names, person)]
    return _row_groups(file, here) if here else None


def _row_groups(file: Any, people: Sequence[str]) -> Iterator[object]:
    import pyarrow as pa

    try:
        for number, person in itertools.product(range(file.num_row_groups), people):
            group = file.read_row_group(number, columns=list(tables.columns_of(person)), use_threads=False)
            yield from _distinct(group, person)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"a Parquet file cannot be read to its end ({type(error).__name__}); restore or delete it") from None


def _distinct(table: Any, person: str) -> Iterator[object]:
    found: list[object] = tables.named(table, person).unique().drop_null().to_pylist()
    for one in found:
        yield one
        yield from hashing.several(one)


def _csv(stream: IO[bytes], people: Sequence[str]) -> Iterator[object] | None:
    try:
        line = _first_line(stream).decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    stream.seek(0)
    named = _header(line)
    here = [person for person in people if tables.names_people(named, person)]
    return _blocks(stream, here) if "\0" not in line and here else None


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


def _blocks(stream: IO[bytes], people: Sequence[str]) -> Iterator[object]:
    import pyarrow as pa
    from pyarrow import csv as arrow

    columns = list(dict.fromkeys(column for person in people for column in tables.columns_of(person)))
    try:
        reader = arrow.open_csv(
            stream,
            read_options=arrow.ReadOptions(use_threads=False),
            parse_options=arrow.ParseOptions(newlines_in_values=True),
            convert_options=arrow.ConvertOptions(include_columns=columns, column_types=dict.fromkeys(columns, pa.string())),
        )
        for batch in reader:
            table = pa.Table.from_batches([batch])
            yield from itertools.chain.from_iterable(_distinct(table, person) for person in people)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"a CSV file cannot be read to its end ({type(error).__name__}); restore or delete it") from None
