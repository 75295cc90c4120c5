"""Every table of a SQLite database is read, and what was deleted in it is not forgotten."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from pathlib import Path

from unlearning.stores.tables import cells
from unlearning.stores.tables.forms import databases
from unlearning.stores.tables.pieces import Piece, Rows, Unread


def pieces(file: Path) -> list[Piece]:
    return list(databases.sqlite(io.BytesIO(file.read_bytes()), lambda _: None))


def everything(found: list[Piece]) -> set[object]:
    rows = [piece for piece in found if isinstance(piece, Rows)]
    return {one for piece in rows for column in piece.columns.values() for one in cells.distinct(column)}


def test_every_table_is_read_whatever_its_name_and_mode(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as database, database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute('CREATE TABLE "odd ""name" ("a b")')
        database.execute("CREATE TABLE other (x BLOB, y REAL) ")
        database.execute('INSERT INTO "odd ""name" VALUES (?)', ["ann"])
        database.execute("INSERT INTO other VALUES (?, ?)", [b"bob", 4711.0])
    assert {"ann", "bob", 4711} <= everything(pieces(tmp_path / "a.db"))


def test_pages_that_nothing_uses_are_unread(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as database:
        database.execute("CREATE TABLE t (x)")
        database.executemany("INSERT INTO t VALUES (?)", [["ann" * 500]] * 100)
        database.commit()
        assert not any(isinstance(piece, Unread) for piece in pieces(tmp_path / "a.db"))
        database.execute("DELETE FROM t")
        database.commit()
        assert any(isinstance(piece, Unread) for piece in pieces(tmp_path / "a.db"))
