"""Giving back the free pages of our databases, so that deleted rows cannot be read from them."""

from __future__ import annotations

import sqlalchemy as sa

from unlearning.domain.traces import Residual
from unlearning.stores.sql.database import answering

_INCREMENTAL = 2


def leaves_bytes(engine: sa.Engine) -> bool:
    """Deleted rows could still be read from free pages: SQLite without `secure_delete`. PostgreSQL cannot be asked."""
    if engine.dialect.name != "sqlite":
        return False
    with answering(engine), engine.connect() as connection:
        return not connection.exec_driver_sql("PRAGMA secure_delete").scalar()


def postgres_keeps(name: str) -> Residual:
    """What `VACUUM` does not take from PostgreSQL's files, of the database of this name."""
    return Residual(
        place=f"{name}: PostgreSQL's dead rows and log",
        level="physical",
        outcome="out_of_reach",
        count=None,
        why="VACUUM frees the space of deleted rows and leaves their bytes there; the write-ahead log, its archive and replicas"
        " keep what was written until they expire",
        remedy="run `VACUUM FULL`, `CHECKPOINT` and `SELECT pg_switch_wal()` there; record when archive and replicas expire",
    )


def compact(engine: sa.Engine) -> None:
    """Free pages given back, and for SQLite an empty log. Raises Unavailable while others write for longer than it waits.

    A SQLite file that `database.connect` made gives back what is free, at the cost of that; any other is written anew, once.
    """
    with answering(engine), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        raw = connection.connection.driver_connection
        if raw is None:
            return
        cursor = raw.cursor()
        if engine.dialect.name == "sqlite":
            (mode,), (zeroed,) = (cursor.execute(f"PRAGMA {name}").fetchone() for name in ("auto_vacuum", "secure_delete"))
            # A script, because `execute` takes the first step of a statement that gives no rows, and here a page is a step.
            whole = f"PRAGMA auto_vacuum={_INCREMENTAL}; VACUUM"
            cursor.executescript("PRAGMA incremental_vacuum" if mode == _INCREMENTAL and zeroed else whole)
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            cursor.execute("VACUUM")
        cursor.close()
