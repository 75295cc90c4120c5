"""Migrations: each once, whatever package made the database."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.examples import example
from tests.stores.sql.examples import tamper
from unlearning.domain.errors import SettingsError
from unlearning.domain.events import RequestReceived
from unlearning.stores.sql import database
from unlearning.stores.sql.followed import SqlFollowed
from unlearning.stores.sql.ledger import SqlLedger
from unlearning.stores.sql.schema import MIGRATIONS


def test_opening_a_database_twice_applies_each_migration_once(database_url: str, tmp_path: Path) -> None:
    for _ in range(2):
        engine = database.connect(database_url, tmp_path)
        with engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT number, name FROM unlearning_migration").fetchall()
        assert [tuple(row) for row in rows] == [
            (1, "first tables"),
            (2, "keys of the index"),
            (3, "runs that following read"),
            (4, "what follows from the ledger"),
            (5, "where requests came from"),
        ]
        engine.dispose()


OLDER = {
    2: ["DROP TABLE followed_run"],
    4: [
        "DROP INDEX ledger_request_reference",
        "ALTER TABLE ledger_request DROP COLUMN reference",
        "ALTER TABLE ledger_request DROP COLUMN channel",
    ],
}
"""Number of a schema of before → what it lacks; the next migration brings it."""


@pytest.mark.parametrize("schema", OLDER)
def test_a_database_of_an_older_package_gets_what_it_lacks(database_url: str, tmp_path: Path, schema: int) -> None:
    engine = database.connect(database_url, tmp_path)
    now = datetime(2026, 3, 1, tzinfo=UTC)
    received = example(RequestReceived, group=None, reference=None, channel=None)
    SqlLedger(engine).append("request-0123456789abcdef", received, at=now)
    for statement in OLDER[schema]:
        tamper(engine, statement)
    tamper(engine, f"DELETE FROM unlearning_migration WHERE number = {schema + 1}")
    engine.dispose()
    lacks = (MIGRATIONS[schema][1],)
    assert database.upgrade(database_url, tmp_path, dry_run=True).migrations == lacks
    if "postgresql" in database_url:
        with pytest.raises(SettingsError, match="unlearn db upgrade"):
            database.connect(database_url, tmp_path)
    assert database.upgrade(database_url, tmp_path).migrations == lacks
    assert database.upgrade(database_url, tmp_path).migrations == ()
    engine = database.connect(database_url, tmp_path)
    assert SqlFollowed(engine).runs() == {}
    assert [one.reference for one in SqlLedger(engine).standing.page(most=100)[1]] == [None]
    assert SqlLedger(engine).differences() == []
    engine.dispose()


def test_a_file_of_an_older_package_is_brought_up_to_date_when_it_is_opened(tmp_path: Path) -> None:
    engine = database.connect("sqlite:///store.db", tmp_path)
    tamper(engine, "DROP TABLE followed_run")
    tamper(engine, "DELETE FROM unlearning_migration WHERE number = 3")
    engine.dispose()
    engine = database.connect("sqlite:///store.db", tmp_path)
    assert SqlFollowed(engine).runs() == {}
    engine.dispose()


def test_a_database_of_a_newer_package_is_left_alone(database_url: str, tmp_path: Path) -> None:
    engine = database.connect(database_url, tmp_path)
    tamper(engine, "INSERT INTO unlearning_migration VALUES (99, 'from the future')")
    engine.dispose()
    for opens in (database.connect, database.upgrade):
        with pytest.raises(SettingsError, match="schema 99"):
            opens(database_url, tmp_path)
