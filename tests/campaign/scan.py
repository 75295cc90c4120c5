"""Every byte of every file and every live row, looked at for canaries: knows nothing of the software that it judges.

Containers are opened as far as they nest: zip (also `.pt2`, `.npz`), gzip, bzip2, xz, tar, zlib (Git's objects), Git packs,
Parquet columns, rows of SQLite besides its pages, rows of PostgreSQL besides its files. Names of files count too.
"""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import re
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DEPTH = 5
"""How deep containers in containers are opened."""


@dataclass(frozen=True, order=True)
class Hit:
    """One canary in one place."""

    where: str
    canary: str


@dataclass
class Scanner:
    """A search for these canaries; `looked` counts what was read, so that a search of nothing is seen."""

    canaries: tuple[str, ...]
    looked: int = 0
    hits: set[Hit] = field(default_factory=set)

    def __post_init__(self) -> None:
        forms = {form: one for one in self.canaries for form in _forms(one)}
        self._names = forms
        self._pattern = re.compile(b"|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))
        # Bytes without any of these hold no form; in the zeros of a database the pattern alone takes a hundred times as long.
        self._heads = [form for form in forms if not any(form != other and form.startswith(other) for other in forms)]

    def content(self, where: str, content: bytes, depth: int = 0) -> None:
        """One file's bytes, and what is packed in it."""
        self.looked += 1
        if any(head in content for head in self._heads):
            self.hits |= {Hit(where, self._names[match]) for match in set(self._pattern.findall(content))}
        if depth < DEPTH:
            for name, inner in _inside(content):
                self.content(f"{where}!{name}" if name else where, inner, depth + 1)

    def tree(self, root: Path, label: str = "") -> None:
        """Every file below a folder, with its name, Git's packs and SQLite's rows."""
        for path in sorted(root.rglob("*")):
            where = f"{label}{path.relative_to(root).as_posix()}"
            self.content(where, where.encode(), DEPTH)
            if path.is_file() and not path.is_symlink():
                self.content(where, path.read_bytes())
            if path.name == "pack" and path.parent.name == "objects":
                self.content(where, _git("cat-file", "--batch", "--batch-all-objects", folder=path.parents[1]), DEPTH)

    def postgres(self, url: str, label: str) -> None:
        """Every live row of every table of a database."""
        import sqlalchemy as sa

        engine = sa.create_engine(url)
        with engine.connect() as connection:
            tables = connection.exec_driver_sql(
                "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            ).all()
            for schema, table in tables:
                for (row,) in connection.exec_driver_sql(f'SELECT t::text FROM "{schema}"."{table}" t'):
                    self.content(f"{label}/{table}", row.encode(), DEPTH)
        engine.dispose()

    def bucket(self, client: Any, name: str, label: str) -> None:
        """Every object of an S3 bucket, with every version that it keeps."""
        for page in client.get_paginator("list_object_versions").paginate(Bucket=name):
            for kept in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                self.content(f"{label}{kept['Key']}", str(kept["Key"]).encode(), DEPTH)
            for kept in page.get("Versions", ()):
                body = client.get_object(Bucket=name, Key=kept["Key"], VersionId=kept["VersionId"])["Body"].read()
                self.content(f"{label}{kept['Key']}@{kept['VersionId']}", body)

    def found(self) -> list[Hit]:
        """What was found, in order."""
        return sorted(self.hits)


def _forms(canary: str) -> set[bytes]:
    """As it lies in text, in wide text, escaped, and at each of the three positions in base64."""
    plain = canary.encode()
    packed = {base64.b64encode(b"\0" * shift + plain)[-(-shift * 8 // 6) :].rstrip(b"=")[:-1] for shift in range(3)}
    wide = {canary.encode(name) for name in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")}
    return {plain, canary.encode("ascii", "backslashreplace"), *wide, *packed}


def _inside(content: bytes) -> Iterator[tuple[str, bytes]]:
    for magic, unpack in _CONTAINERS:
        if content.startswith(magic):
            with suppress(*_DAMAGED):
                yield from unpack(content)
    if content[257:262] == b"ustar":
        with suppress(*_DAMAGED):
            yield from _tar(content)


def _zip(content: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            yield name, name.encode() + b"\n" + archive.read(name)
            yield name, archive.read(name)


def _tar(content: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            yield member.name, member.name.encode()
            if (stream := archive.extractfile(member)) is not None:
                yield member.name, stream.read()


def _parquet(content: bytes) -> Iterator[tuple[str, bytes]]:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(io.BytesIO(content))
    for batch in file.iter_batches():
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            yield name, "\n".join(map(str, column.to_pylist())).encode("utf-8", "surrogatepass")


def _sqlite(content: bytes) -> Iterator[tuple[str, bytes]]:
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, "copy.db")
        file.write_bytes(content)
        with closing(sqlite3.connect(file)) as connection:
            connection.text_factory = bytes
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                name = table.decode()
                with suppress(sqlite3.Error):  # virtual tables whose module is not here: their shadow tables are read
                    for row in connection.execute(f'SELECT * FROM "{name}"'):
                        cells = (cell if isinstance(cell, bytes) else str(cell).encode() for cell in row)
                        yield name, b"\n".join(cells)


def _once(unpack: Callable[[bytes], bytes]) -> Callable[[bytes], Iterator[tuple[str, bytes]]]:
    def inside(content: bytes) -> Iterator[tuple[str, bytes]]:
        yield "", unpack(content)

    return inside


_CONTAINERS: tuple[tuple[bytes, Callable[[bytes], Iterator[tuple[str, bytes]]]], ...] = (
    (b"PK\x03\x04", _zip),
    (b"PAR1", _parquet),
    (b"SQLite format 3\0", _sqlite),
    (b"\x1f\x8b", _once(gzip.decompress)),
    (b"BZh", _once(bz2.decompress)),
    (b"\xfd7zXZ", _once(lzma.decompress)),
    *((bytes([0x78, level]), _once(zlib.decompress)) for level in (0x01, 0x5E, 0x9C, 0xDA)),
)
_DAMAGED: tuple[type[Exception], ...] = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile,
                                         tarfile.TarError, sqlite3.DatabaseError)  # fmt: skip


def _git(*arguments: str, folder: Path) -> bytes:
    return subprocess.run(["git", f"--git-dir={folder}", *arguments], capture_output=True, check=True).stdout


def with_live_rows(root: Path, scratch: Path) -> Iterator[Path]:
    """Databases below a folder whose log is not folded into their file yet, each copied with its log and folded."""
    for log in sorted(root.rglob("*-wal")):
        database = log.with_name(log.name.removesuffix("-wal"))
        if log.stat().st_size and database.is_file():
            copy = scratch / f"{len(list(scratch.iterdir()))}.db"
            shutil.copyfile(database, copy)
            shutil.copyfile(log, copy.with_name(f"{copy.name}-wal"))
            with closing(sqlite3.connect(copy)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            yield copy


def scan(roots: Iterable[Path], canaries: Iterable[str]) -> list[Hit]:
    """Canaries below these folders."""
    scanner = Scanner(tuple(canaries))
    for root in roots:
        scanner.tree(root)
        with tempfile.TemporaryDirectory() as scratch:
            for database in with_live_rows(root, Path(scratch)):
                scanner.content(f"{database.name} with its log", database.read_bytes())
    return scanner.found()
