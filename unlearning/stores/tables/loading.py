"""Files that are one table, as an Arrow table: by the same rules as they are searched, whatever their form."""

from __future__ import annotations

import ctypes
import gc
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from unlearning.domain.errors import DataError, ParentMoved
from unlearning.stores.contents import digest_of, state
from unlearning.stores.files import regular
from unlearning.stores.tables.dialect import COMMON, SAMPLE_BYTES, Dialect, csv_dialect
from unlearning.stores.tables.encoding import encoding
from unlearning.stores.tables.forms import archives, columnar, delimited, documents

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

UNTYPED = b"unlearning.untyped"
"""Marks a table whose column names are a first line that nobody vouches for."""
_PARQUET = b"PAR1"
_SPACES = " \t\r\n"
_BATCH_ROWS = 1 << 16


def give_back() -> None:
    """What was held of tables goes back to the system before somebody asks for more.

    Much of it hangs in circles, which are seldom sought; Arrow and the C library keep what is freed.
    """
    import pyarrow as pa

    gc.collect(1)
    pa.default_memory_pool().release_unused()
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)


def load(path: Path, people: Sequence[str] = (), *, only: bool = False) -> pa.Table:
    """The table in a file, told by its content. Raises FileNotFoundError, DataError, and whatever a parser does.

    people: the columns that name a person: text in a CSV stays text there, so that `0042` stays `0042`.
    only: no other column is wanted; where one of them is missing, all are read.
    """
    with ExitStack() as opened:
        stream: IO[bytes] = opened.enter_context(regular(path))
        head = stream.read(SAMPLE_BYTES)
        while (codec := archives.codec(head)) is not None:
            stream = opened.enter_context(archives.decompressed(stream, codec))
            head = stream.read(SAMPLE_BYTES)
        stream.seek(0)
        table = _load(stream, head, people, only=only)
        here = only and bool(people) and all(table.column_names.count(name) == 1 for name in people)
        return table.select(list(people)) if here else table


def rows(path: Path) -> int | None:
    """How many rows a file says that it has, where it says so. Raises FileNotFoundError and whatever a parser does."""
    said = _footer(path)
    return None if said is None else said.num_rows


def names(path: Path) -> list[str] | None:
    """The columns that a file says that it has, where it says so. Raises as `rows`."""
    said = schema(path)
    return None if said is None else list(said.names)


@contextmanager
def columns(path: Path, *, named: str) -> Iterator[tuple[pa.Schema, int, Callable[[str], pa.Table], Callable[[], str]]]:
    """(schema, rows, what reads one column, what tells the digest of its bytes) of a Parquet file that stays open meanwhile.

    Raises as `load`; in the end ParentMoved when it was rewritten where it lies: its columns were not of the same bytes.
    """
    import pyarrow.parquet as pq

    with regular(path) as stream, pq.ParquetFile(stream) as file:
        before = state(stream)
        schema = file.schema_arrow
        dotted = any("." in name for name in schema.names)  # it looks like one between a column and what is inside of it

        def column(name: str) -> pa.Table:
            return file.read(columns=None if dotted else [name], use_threads=False).select([name])

        yield schema, file.metadata.num_rows, column, cache(partial(digest_of, stream))
        if state(stream) != before:
            raise ParentMoved(f"{named} changed while it was read; run again")


def some_rows(path: Path, keep: NDArray[np.bool_]) -> pa.Table | None:
    """The rows of a Parquet file where `keep` is true, little else of it in memory; None of another form. Raises as `load`.

    keep: (n,). Raises ParentMoved for a file of another number of rows.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with regular(path) as stream:
        if stream.read(len(_PARQUET)) != _PARQUET:
            return None
        with pq.ParquetFile(stream) as file:
            if file.metadata.num_rows != len(keep):
                raise ParentMoved(f"a table has {file.metadata.num_rows} rows, expected {len(keep)}: it changed; run again")
            found, first = list[pa.RecordBatch](), 0
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                if keep[first : first + rows].any():
                    found += _kept(file, group, keep[first : first + rows])
                first += rows
            return pa.Table.from_batches(found) if found else file.schema_arrow.empty_table()


def _kept(file: Any, group: int, keep: NDArray[np.bool_]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    first = 0
    for batch in file.iter_batches(batch_size=_BATCH_ROWS, row_groups=[group], use_threads=False):
        yield batch.filter(pa.array(keep[first : first + len(batch)]))
        first += len(batch)


def schema(path: Path) -> pa.Schema | None:
    """The columns and types that a file says that it has, where it says so. Raises as `rows`."""
    said = _footer(path)
    return None if said is None else said.schema.to_arrow_schema()


def _footer(path: Path) -> Any:
    """What Parquet says of itself; None of another form."""
    import pyarrow.parquet as pq

    with regular(path) as stream:
        return pq.read_metadata(stream) if stream.read(len(_PARQUET)) == _PARQUET else None


def _load(stream: IO[bytes], head: bytes, people: Sequence[str], *, only: bool) -> pa.Table:
    import pyarrow.orc
    import pyarrow.parquet as pq

    if head.startswith((_PARQUET, b"PARE")):
        # A dot in a name looks like one between a column and what is inside of it.
        names = pq.read_schema(stream).names if only and people and not any("." in name for name in people) else []
        stream.seek(0)
        return pq.read_table(stream, use_threads=False, columns=list(people) if names and set(people) <= set(names) else None)
    if head.startswith(b"ARROW1"):
        return pyarrow.ipc.open_file(stream).read_all()
    if head.startswith(b"\xff\xff\xff\xff"):
        return pyarrow.ipc.open_stream(stream).read_all()
    if head.startswith(b"FEA1"):
        return columnar.read_feather(stream)
    found = encoding(head)
    if found is None:
        # Its first letters could begin a text.
        return pyarrow.orc.ORCFile(stream).read()
    text = head[len(found.mark) :].decode(found.name, "ignore").lstrip(_SPACES)
    if text[:1] in ("{", "["):
        return _json(stream.read()[len(found.mark) :].decode(found.name))
    return _csv(stream, head, people)


def _csv(stream: IO[bytes], head: bytes, people: Sequence[str]) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    dialect = _dialect(head, people)
    source, _ = delimited.body(stream, dialect, always=True)
    table = csv.read_csv(
        source,
        parse_options=delimited.parse_options(dialect),
        convert_options=csv.ConvertOptions(column_types=dict.fromkeys(people, pa.string())),
    )
    return table.replace_schema_metadata({UNTYPED: b""})


def _dialect(head: bytes, people: Sequence[str]) -> Dialect:
    """As the head shows it; where the first line names the people in another plain way, so."""
    found = csv_dialect(head)
    for delimiter in (found.delimiter, *COMMON):
        for skipped in (found.skipped_lines, 0):
            one = replace(found, delimiter=delimiter, skipped_lines=skipped)
            if people and delimited.parsable(one) and set(people) <= set(delimited.header(head, one)):
                return one
    return found


def _json(text: str) -> pa.Table:
    """A list of objects, an object of columns, a split, or an object a line; a key that is not everywhere is null elsewhere."""
    import pyarrow as pa

    try:
        content = documents.loads(text)
    except ValueError:
        content = [documents.loads(line) for line in io.StringIO(text) if line.strip()]
    if isinstance(content, documents.Pairs):
        table = documents.as_table(content, lambda _: None)
        if table is not None:
            names, columns, _ = table
            # Without a name: the names of rows, as pandas writes them.
            named = {name: _plain(column) for name, column in zip(names, columns, strict=True) if name}
            return pa.table(named)
        content = [content]
    if not isinstance(content, list) or not all(isinstance(row, documents.Pairs) for row in content):
        raise DataError("a JSON document is no table; expected a list of records, an object of columns, or a record a line")
    keys = dict.fromkeys(key for row in content for key, _ in row)
    rows = [dict(row) for row in content]
    return pa.table({key: [_plain(row.get(key)) for row in rows] for key in keys})


def _plain(value: object) -> object:
    if isinstance(value, documents.Pairs):
        return {key: _plain(inner) for key, inner in value}
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
