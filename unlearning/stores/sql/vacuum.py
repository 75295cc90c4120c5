"""Giving back the free pages of our databases, so that deleted rows cannot be read from them."""

from __future__ import annotations

import sqlalchemy as sa

from unlearning.domain.traces import Residual
from unlearning.stores.sql.database import answering


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
    """VACUUM, and for SQLite an empty log. Raises Unavailable while others write for longer than the database waits."""
    with answering(engine), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        raw = connection.connection.driver_connection
        if raw is None:
            return
        cursor = raw.cursor()
        cursor.execute("VACUUM")
        if engine.dialect.name == "sqlite":
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cursor.close()
