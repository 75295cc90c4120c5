"""Every row of a database of others as it stands, whatever it is for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa


def of_file(path: Path) -> Iterator[tuple[str, str]]:
    """(table, text of one row) of every table of a SQLite file, which somebody may be writing. Raises OSError."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0").fetchall()
            for (table,) in tables:
                name = table.replace('"', '""')
                for row in connection.execute(f'SELECT * FROM "{name}"'):
                    yield table, "\n".join(_text(cell) for cell in row if cell is not None)
    except sqlite3.Error as error:
        raise OSError(f"the database cannot be read ({type(error).__name__})") from error


def _text(cell: object) -> str:
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)


def of(url: str) -> Iterator[tuple[str, tuple[object, ...]]]:
    """(table, row) of every table that is no system's. Raises OSError when the database does not answer."""
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            for table in sa.inspect(engine).get_table_names():
                name = engine.dialect.identifier_preparer.quote(table)
                for row in connection.exec_driver_sql(f"SELECT * FROM {name}"):
                    yield table, tuple(row)
    except sa.exc.SQLAlchemyError as error:
        raise OSError(f"the database did not answer ({type(error).__name__})") from error
    finally:
        engine.dispose()
