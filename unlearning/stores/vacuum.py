"""Giving back the free pages of our databases, so that deleted rows cannot be read from them."""

from __future__ import annotations

import sqlalchemy as sa

from unlearning.stores.schema import answering


def leaves_bytes(engine: sa.Engine) -> bool:
    """Deleted rows could still be read from free pages: SQLite without `secure_delete`. PostgreSQL cannot be asked."""
    if engine.dialect.name != "sqlite":
        return False
    with answering(engine), engine.connect() as connection:
        return not connection.exec_driver_sql("PRAGMA secure_delete").scalar()


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
