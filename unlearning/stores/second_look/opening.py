"""One file of any form, opened as far as it nests: archives, compressed files, tables, databases, Git's objects."""

from __future__ import annotations

import bz2
import csv
import io
import lzma
import mmap
import os
import re
import sqlite3
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from unlearning.stores.files import looked_at
from unlearning.stores.second_look.matching import WINDOW, Wanted, let_go

if TYPE_CHECKING:
    import pyarrow as pa

Content = bytes | mmap.mmap
"""Of a file: in memory, or as it lies on the disk."""

DEPTH = 4
"""How deep archives in archives are opened."""

_PARQUET = b"PAR1"
_SQLITE = b"SQLite format 3\0"
_LARGE = 1 << 24
_OVERLAP = 1 << 16
_ROWS = 1000
"""Of a database, that are looked at together."""
LARGEST = 1 << 28
"""Bytes of what is unpacked at once; a file that unpacks to more counts as not read to its end."""

_DAMAGED = (
    OSError, EOFError, ValueError, KeyError, RuntimeError, NotImplementedError, zlib.error, lzma.LZMAError,
    zipfile.BadZipFile, tarfile.TarError, sqlite3.Error, csv.Error,
)  # fmt: skip


class NotRead(Exception):
    """What is packed was not read to its end."""


class TooLarge(NotRead):
    """It is larger, or nested deeper, than is read at once."""


class Broken(NotRead):
    """It is damaged, encrypted, or packed in a way that is not known here."""


def holds(wanted: Wanted, content: Content, depth: int = 0) -> bool:
    """One of them is in it, as it lies there or in what is packed in it. Raises NotRead for what is not read to its end."""
    if wanted.in_bytes(content):
        return True
    if (groups := _groups(content)) is not None:
        return _in_groups(wanted, content, groups)
    if content[: len(_SQLITE)] == _SQLITE:
        return _in_database(wanted, content[:])
    if _in_person_column(wanted, content):
        return True
    for inner in _inside(content):
        if depth == DEPTH:
            raise TooLarge
        if holds(wanted, inner, depth + 1):
            return True
    return False


@contextmanager
def content(file: Path) -> Iterator[Content]:
    """Of a file; a large table from the disk, as it is needed: nobody shortens one in place, as databases and logs are."""
    with looked_at(file) as stream:
        if os.fstat(stream.fileno()).st_size < _LARGE or stream.read(len(_PARQUET)) != _PARQUET:
            stream.seek(0)
            yield stream.read()
            return
        yield mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)  # unmapped once no reader of the table holds it


def digest(content: Content) -> str:
    """SHA-256 of a content, in hex."""
    made, view = sha256(), memoryview(content)
    try:
        for at in range(0, len(view), WINDOW):
            made.update(view[at : at + WINDOW])
            let_go(content, at)
    finally:
        view.release()
    return made.hexdigest()


def is_database(file: Path) -> bool:
    """An SQLite file, by its first bytes."""
    with looked_at(file) as stream:
        return stream.read(len(_SQLITE)) == _SQLITE


def database_holds(wanted: Wanted, file: Path) -> bool:
    """One of them is among the bytes of an SQLite file, or in a row, its log included. Raises sqlite3.Error.

    Some of it is in memory at a time: a ledger grows for ever, and a file that others shorten must not be mapped. Of one in
    whose bytes no form of them stands, whatever is beside it, the rows are read that do not lie there in one piece, and the
    numbers: a cell of any other row would have been seen.
    """
    log, near = file.with_name(f"{file.name}-wal"), False
    for one in (file, *([log] if log.exists() else [])):
        with looked_at(one) as stream:
            for piece in pieces(stream, _LARGE):
                if wanted.may_be_in(piece):
                    near = True
                    if wanted.in_bytes(piece):
                        return True
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        return _a_row_holds(wanted, connection, every=near)


def _in_database(wanted: Wanted, content: bytes) -> bool:
    """The same of one that lies in something else, without a log, whose bytes hold nobody."""
    rolling_back = content[:18] + b"\1\1" + content[20:]  # what it says of its log: in memory there is none
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.deserialize(rolling_back)
            return _a_row_holds(wanted, connection, every=wanted.may_be_in(content))
        except sqlite3.Error as error:
            raise Broken from error


def pieces(stream: BinaryIO, size: int, overlap: int = _OVERLAP) -> Iterator[bytes]:
    """A content in pieces of about so many bytes, which overlap, and of which none begins or ends within a word.

    So what is found in the whole and is no longer than the overlap is found in a piece, and nothing else is.
    """
    kept = b""
    while some := stream.read(size):
        kept += some
        end = len(kept)
        while end and kept[end - 1 : end].isalnum():
            end -= 1
        if not end:
            continue
        yield kept[:end]
        start = max(end - overlap, 0)
        while start and kept[start - 1 : start].isalnum():
            start -= 1
        kept = kept[start:]
    yield kept


def _a_row_holds(wanted: Wanted, connection: sqlite3.Connection, *, every: bool) -> bool:
    connection.text_factory = bytes
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0"  # of virtual ones, those that keep them
    for (table,) in connection.execute(tables).fetchall():
        rows = connection.execute(_query(connection, table.decode(), None if every else wanted.whole))
        while some := rows.fetchmany(_ROWS):
            if rows_hold(wanted, some):
                return True
    return False


def _query(connection: sqlite3.Connection, table: str, numbers: Collection[int] | None) -> str:
    """What reads the rows of a table; with numbers: those that may be split among pages, hold one of them, or a fraction."""
    rows = f"SELECT * FROM {_quoted(table)}"
    if numbers is None:
        return rows
    columns = [_quoted(name) for name, *_ in connection.execute(f"{rows} LIMIT 0").description]
    either = ", ".join(str(sign * number) for number in numbers for sign in (1, -1))
    size = " + ".join(f"coalesce(length(CAST({one} AS BLOB)), 0)" for one in columns)
    told = (f"typeof({one}) = 'real' OR {one} IN ({either})" for one in columns)
    return f"{rows} WHERE {size} > {_in_one_piece(connection, len(columns))} OR {' OR '.join(told)}"


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def _in_one_piece(connection: sqlite3.Connection, columns: int) -> int:
    """Bytes of cells with which a row of any table is sure to lie in its page, by the least payload that SQLite splits.

    Source: SQLite's file format, 1.6, "Cell payload overflow pages", for the pages of an index.
    """
    page = int(connection.execute("PRAGMA page_size").fetchone()[0])
    return (page - 255 - 12) * 64 // 255 - 23 - 9 * (columns + 1)


def rows_hold(wanted: Wanted, rows: Iterable[tuple[object, ...]]) -> bool:
    """One of them is in a row of a database."""
    cells = (cell if isinstance(cell, bytes) else str(cell).encode() for row in rows for cell in row if cell is not None)
    return wanted.in_bytes(b"\n".join(cells))


def _inside(content: Content) -> Iterator[bytes]:
    head = content[:262]
    for magic, unpack in _FORMS:
        if re.match(magic, head, re.DOTALL):
            try:
                yield from unpack(content[:])
            except _DAMAGED as error:
                raise Broken from error
    if head[:2] in _ZLIB:  # two bytes, with which anything may begin
        with suppress(*_DAMAGED):
            yield from _streams(zlib.decompressobj)(content[:])


def _check_size(size: int) -> None:
    if size >= LARGEST:
        raise TooLarge


def _zip(content: bytes) -> Iterator[bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for one in archive.infolist():
            yield one.filename.encode()
            _check_size(one.file_size)
            yield archive.read(one)


def _tar(content: bytes) -> Iterator[bytes]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            yield member.name.encode()
            _check_size(member.size)
            if (stream := archive.extractfile(member)) is not None:
                yield stream.read()


def _groups(content: Content) -> Iterator[pa.Table] | None:
    """A table whose bytes tell nobody, some rows at a time, after an empty one; None of what is none. Raises Broken."""
    if content[:4] == _PARQUET:
        return _read(_parquet, content)
    if content[:6] == b"ARROW1":
        return _read(_arrow, content)
    if content[:3] == b"ORC" == content[-4:-1]:
        return _read(_orc, content)
    return None


def _read(groups: Callable[[Content], Iterator[pa.Table]], content: Content) -> Iterator[pa.Table]:
    import pyarrow as pa

    try:
        yield from groups(content)
    except (*_DAMAGED, pa.ArrowException) as error:
        raise Broken from error


def _parquet(content: Content) -> Iterator[pa.Table]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.py_buffer(content))
    yield file.schema_arrow.empty_table()
    for number in range(file.num_row_groups):
        yield file.read_row_group(number, use_threads=False)


def _arrow(content: Content) -> Iterator[pa.Table]:
    import pyarrow as pa

    file = pa.ipc.open_file(pa.py_buffer(content))
    yield file.schema.empty_table()
    for number in range(file.num_record_batches):
        yield pa.Table.from_batches([file.get_batch(number)])


def _orc(content: Content) -> Iterator[pa.Table]:
    import pyarrow as pa
    from pyarrow import orc

    file = orc.ORCFile(pa.BufferReader(pa.py_buffer(content)))
    yield file.schema.empty_table()
    for number in range(file.nstripes):
        yield pa.Table.from_batches([file.read_stripe(number)])


def _in_groups(wanted: Wanted, content: Content, groups: Iterator[pa.Table]) -> bool:
    for group in groups:
        names = group.schema.names
        people = [columns for one in wanted.people if set(columns := one.split("/")) <= set(names)]
        if not group.num_rows and wanted.in_bytes(str(group.schema.metadata).encode()):
            return True
        if any(_in_column(wanted, column) for column in group.columns):
            return True
        if any(_names_one(wanted, group.select(columns)) for columns in people):
            return True
        for at in range(0, len(content), WINDOW):
            let_go(content, at)
    return False


def _in_column(wanted: Wanted, column: pa.ChunkedArray) -> bool:
    """One of them is named in a cell, or is a number of the column."""
    import pyarrow as pa

    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        return wanted.in_numbers(column)
    with suppress(Exception):  # a type without distinct values: its values as they are
        column = column.unique()
    return wanted.in_bytes("\n".join(map(str, column.to_pylist())).encode("utf-8", "surrogatepass"))


def _names_one(wanted: Wanted, columns: pa.Table) -> bool:
    """One of them is a value of a person column, or of several together."""
    import pyarrow as pa

    if columns.num_columns > 1:
        rows = zip(*(column.to_pylist() for column in columns.columns), strict=True)
        return wanted.in_cells("/".join(map(str, row)) for row in dict.fromkeys(rows))
    column = columns.column(0)
    if pa.types.is_integer(column.type) and wanted.kind == "integer" and wanted.knows_all:
        return wanted.in_numbers(column, telling=False)
    return wanted.in_cells(column.unique().to_pylist())


def _in_person_column(wanted: Wanted, content: Content) -> bool:
    try:
        return any(wanted.in_cells(_cells(content, column.split("/"))) for column in wanted.people)
    except csv.Error as error:  # its head names the column, and what follows is not read to its end
        raise Broken from error


def _cells(content: Content, columns: list[str]) -> Iterator[str]:
    head = content[: 1 << 16].split(b"\n", 1)[0].decode("utf-8-sig", "replace")
    for delimiter in ",;\t|":
        if set(columns) <= set(names := [name.strip().strip('"') for name in head.strip().split(delimiter)]):
            at = [names.index(one) for one in columns]
            text = io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", "replace", newline="")
            lines = csv.reader(text, delimiter=delimiter)
            yield from ("/".join(line[one] for one in at) for line in lines if len(line) > max(at))
            return


def _streams(new: Callable[[], Any]) -> Callable[[bytes], Iterator[bytes]]:
    """What one compressed stream after another holds, as `cat a.gz b.gz` or a packer with several threads writes them."""

    def unpack(content: bytes) -> Iterator[bytes]:
        unpacked = b""
        while content:
            one = new()
            unpacked += one.decompress(content, LARGEST - len(unpacked))
            _check_size(len(unpacked))
            if not one.eof:
                raise EOFError
            content = one.unused_data.lstrip(b"\0")
        yield unpacked

    return unpack


def _by_arrow(codec: str) -> Callable[[bytes], Iterator[bytes]]:
    def unpack(content: bytes) -> Iterator[bytes]:
        import pyarrow as pa

        with pa.CompressedInputStream(pa.BufferReader(content), codec) as stream:
            unpacked = stream.read(LARGEST)
        _check_size(len(unpacked))
        yield unpacked

    return unpack


def _unknown(_content: bytes) -> Iterator[bytes]:
    raise ValueError


_ZLIB = frozenset(bytes([0x78, level]) for level in (0x01, 0x5E, 0x9C, 0xDA))
_FORMS: tuple[tuple[bytes, Callable[[bytes], Iterator[bytes]]], ...] = (
    (rb"PK\x03\x04", _zip),
    (rb".{257}ustar", _tar),
    (rb"\x1f\x8b\x08", _streams(lambda: zlib.decompressobj(wbits=47))),
    (rb"BZh[1-9]1AY&SY", _streams(bz2.BZ2Decompressor)),
    (rb"\xfd7zXZ\x00", _streams(lzma.LZMADecompressor)),
    (rb"\x28\xb5\x2f\xfd", _by_arrow("zstd")),
    (rb"\x04\x22\x4d\x18", _by_arrow("lz4")),
    (rb"7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|\xff\x06\x00\x00sNaPpY", _unknown),
)
"""First bytes → what opens it; the last ones are of archives that nothing here opens."""
