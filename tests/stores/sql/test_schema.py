"""Migrations: each once, whatever package made the database."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stores.sql.examples import tamper
from unlearning.domain.errors import SettingsError
from unlearning.stores.sql import database
from unlearning.stores.sql.followed import SqlFollowed


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


def test_a_database_of_an_older_package_gets_the_tables_it_lacks(database_url: str, tmp_path: Path) -> None:
    engine = database.connect(database_url, tmp_path)
    tamper(engine, "DROP TABLE followed_run")
    tamper(engine, "DELETE FROM unlearning_migration WHERE number = 3")
    engine.dispose()
    engine = database.connect(database_url, tmp_path)
    assert SqlFollowed(engine).runs() == {}
    engine.dispose()


def test_a_database_of_a_newer_package_is_left_alone(database_url: str, tmp_path: Path) -> None:
    engine = database.connect(database_url, tmp_path)
    tamper(engine, "INSERT INTO unlearning_migration VALUES (99, 'from the future')")
    engine.dispose()
    with pytest.raises(SettingsError, match="schema 99"):
        database.connect(database_url, tmp_path)
