"""SQLite databases: every table, read from a copy."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO

from unlearning.stores import scratch
from unlearning.stores.tables.pieces import Aside, Piece, Rows, Select, Unread

_BATCH_ROWS = 1 << 14


def sqlite(stream: IO[bytes], select: Select) -> Iterator[Piece]:
    """The pieces of a database. Rows that were deleted may still lie in pages that nothing uses: those are unread."""
    stream.seek(0)
    with tempfile.TemporaryDirectory(prefix=scratch.PREFIX) as folder:
        copy = Path(folder) / "copy.db"
        with copy.open("wb") as out:
            shutil.copyfileobj(stream, out)
        # Immutable: SQLite looks for no journal beside the copy, and opens it without one.
        with closing(sqlite3.connect(f"{copy.as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            database.text_factory = bytes
            yield from _tables(database, select)
            if database.execute("PRAGMA freelist_count").fetchone()[0]:
                yield Unread("SQLite database", "it has free pages, which keep deleted rows; VACUUM it")


def _tables(database: sqlite3.Connection, select: Select) -> Iterator[Piece]:
    schema = database.execute("SELECT type, name, sql FROM sqlite_schema").fetchall()
    yield Aside("\n".join(_text(sql) for _, _, sql in schema if sql))
    for kind, table, _ in schema:
        if kind != b"table":
            continue
        name = _text(table).replace('"', '""')
        rows = database.execute(f'SELECT * FROM "{name}"')
        names = tuple(column[0] for column in rows.description)
        wanted = select(names)
        here = range(len(names)) if wanted is None else wanted
        while batch := rows.fetchmany(_BATCH_ROWS):
            yield Rows(names, {at: [row[at] for row in batch] for at in here}, whole=wanted is None)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
