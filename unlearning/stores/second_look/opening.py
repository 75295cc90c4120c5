"""One file of any form, opened as far as it nests: archives, compressed files, tables, databases, Git's objects."""

from __future__ import annotations

import bz2
import csv
import io
import lzma
import sqlite3
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from unlearning.stores.second_look.matching import Wanted

DEPTH = 4
"""How deep archives in archives are opened."""

LARGEST = 1 << 28
"""Bytes of what is unpacked at once; a file that unpacks to more counts as not read to its end."""

_DAMAGED = (
    OSError, EOFError, ValueError, KeyError, RuntimeError, NotImplementedError, zlib.error, lzma.LZMAError,
    zipfile.BadZipFile, tarfile.TarError, sqlite3.Error, csv.Error,
)  # fmt: skip


class TooLarge(Exception):
    """What is packed is larger than is read at once."""


def holds(wanted: Wanted, content: bytes, depth: int = 0) -> bool:
    """One of them is in it, as it lies there or in what is packed in it. Raises TooLarge for what is not read to its end."""
    if wanted.in_bytes(content) or _in_person_column(wanted, content):
        return True
    if depth < DEPTH:
        for inner in _inside(content):
            if holds(wanted, inner, depth + 1):
                return True
    return False


def database_holds(wanted: Wanted, file: Path) -> bool:
    """One of them is in a row of an SQLite file, its log included. Raises sqlite3.Error."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            with suppress(sqlite3.OperationalError):  # a virtual table whose module is not here: its shadow tables are read
                for row in connection.execute('SELECT * FROM "{}"'.format(table.decode().replace('"', '""'))):
                    if row_holds(wanted, row):
                        return True
    return False


def row_holds(wanted: Wanted, row: tuple[object, ...]) -> bool:
    """One of them is in a row of a database."""
    cells = (cell if isinstance(cell, bytes) else str(cell).encode() for cell in row if cell is not None)
    return wanted.in_bytes(b"\n".join(cells))


def _inside(content: bytes) -> Iterator[bytes]:
    for magic, unpack in _FORMS:
        if content.startswith(magic):
            with suppress(*_DAMAGED):
                yield from unpack(content)
    if content[257:262] == b"ustar":
        with suppress(*_DAMAGED):
            yield from _tar(content)


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


def _columns(content: bytes) -> Iterator[bytes]:
    """The different values of each column of a Parquet file, and of each part of a nested one."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(io.BytesIO(content))
    yield str(file.schema_arrow.metadata).encode()
    for number in range(file.num_row_groups):
        for column in file.read_row_group(number, use_threads=False).columns:
            with suppress(Exception):  # a type without distinct values: its values as they are
                column = column.unique()
            yield "\n".join(map(str, column.to_pylist())).encode("utf-8", "surrogatepass")


def _in_person_column(wanted: Wanted, content: bytes) -> bool:
    for column in wanted.people:
        with suppress(*_DAMAGED):
            if wanted.in_cells(_cells(content, column.split("/"))):
                return True
    return False


def _cells(content: bytes, columns: list[str]) -> Iterator[str]:
    if content.startswith(b"PAR1"):
        import pyarrow.parquet as pq

        file = pq.ParquetFile(io.BytesIO(content))
        if set(columns) <= set(file.schema_arrow.names):
            table = file.read(columns=columns, use_threads=False)
            rows = zip(*(table.column(one).to_pylist() for one in columns), strict=True)
            yield from ("/".join(map(str, row)) for row in dict.fromkeys(rows))
        return
    head = content[: 1 << 16].split(b"\n", 1)[0].decode("utf-8-sig")
    for delimiter in ",;\t|":
        if set(columns) <= set(names := [name.strip().strip('"') for name in head.strip().split(delimiter)]):
            at = [names.index(one) for one in columns]
            lines = csv.reader(io.StringIO(content.decode("utf-8-sig", "replace")), delimiter=delimiter)
            yield from ("/".join(line[one] for one in at) for line in lines if len(line) > max(at))
            return


def _once(unpacker: Callable[[], object]) -> Callable[[bytes], Iterator[bytes]]:
    def unpack(content: bytes) -> Iterator[bytes]:
        unpacked: bytes = unpacker().decompress(content, LARGEST)  # type: ignore[attr-defined]
        _check_size(len(unpacked))
        yield unpacked

    return unpack


_FORMS: tuple[tuple[bytes, Callable[[bytes], Iterator[bytes]]], ...] = (
    (b"PK\x03\x04", _zip),
    (b"PAR1", _columns),
    (b"\x1f\x8b", _once(lambda: zlib.decompressobj(wbits=47))),
    *((bytes([0x78, level]), _once(zlib.decompressobj)) for level in (0x01, 0x5E, 0x9C, 0xDA)),
    (b"BZh", _once(bz2.BZ2Decompressor)),
    (b"\xfd7zXZ", _once(lzma.LZMADecompressor)),
)
