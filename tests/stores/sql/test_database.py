"""Addresses that are meant, refused and hidden; and how a SQLite file is opened."""

from __future__ import annotations

import os
import re
import socket
import stat
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.locks import held
from unlearning.domain.errors import Damaged, SettingsError, Unavailable
from unlearning.domain.events import Unknown
from unlearning.stores.sql import database
from unlearning.stores.sql.ledger import SqlLedger


def test_a_relative_sqlite_path_is_below_the_project_and_private(tmp_path: Path) -> None:
    engine = database.connect("sqlite:///.unlearning/ledger.db", tmp_path)
    folder = tmp_path / ".unlearning"
    assert (folder / "ledger.db").is_file()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    SqlLedger(engine).append("s", Unknown("Counted", {}), at=datetime(2026, 3, 1, tzinfo=UTC))
    assert {path.name for path in folder.iterdir()} >= {"ledger.db", "ledger.db-wal", "ledger.db-shm"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.iterdir())
    engine.dispose()


def test_whoever_connects_once_more_ends_nobody_s_locks(tmp_path: Path) -> None:
    """A process that closes a file loses all its locks on it: the file is there, so it is not opened to be made."""
    engine = database.connect("sqlite:///store.db", tmp_path)
    with engine.connect():
        assert held(tmp_path / "store.db")
        again = database.connect("sqlite:///store.db", tmp_path)
        assert held(tmp_path / "store.db")
        again.dispose()
        assert held(tmp_path / "store.db")
    engine.dispose()
    assert not held(tmp_path / "store.db")


def test_sqlite_zeroes_what_is_deleted_and_waits_for_others(tmp_path: Path) -> None:
    engine = database.connect("sqlite:///store.db", tmp_path)
    with engine.connect() as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "secure_delete", "foreign_keys", "busy_timeout", "synchronous")
        }
    assert values == {"journal_mode": "wal", "secure_delete": 1, "foreign_keys": 1, "busy_timeout": 30000, "synchronous": 2}
    engine.dispose()


@pytest.mark.services
def test_a_postgresql_address_without_a_driver_means_the_one_that_is_installed(postgres_url: str, tmp_path: Path) -> None:
    engine = database.connect(postgres_url.replace("+psycopg2", ""), tmp_path)
    assert engine.dialect.driver == "psycopg2"
    engine.dispose()


@pytest.mark.services
@pytest.mark.parametrize(("more", "idle"), [("", 15), ("&keepalives_idle=7", 7)])
def test_a_server_that_vanished_is_noticed_also_while_it_is_waited_for(
    more: str, idle: int, postgres_url: str, tmp_path: Path
) -> None:
    address = sa.make_url(postgres_url)
    over_the_network = f"postgresql://postgres@127.0.0.1:{address.query['port']}/{address.database}?sslmode=disable{more}"
    engine = database.connect(over_the_network, tmp_path)
    with engine.connect() as connection, closing(socket.socket(fileno=os.dup(connection.connection.fileno()))) as line:  # type: ignore[attr-defined]
        said = {one: line.getsockopt(socket.IPPROTO_TCP, one) for one in (socket.TCP_KEEPIDLE, socket.TCP_USER_TIMEOUT)}
        assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert said == {socket.TCP_KEEPIDLE: idle, socket.TCP_USER_TIMEOUT: 30_000}
    engine.dispose()


@pytest.mark.services
def test_a_connection_that_the_server_ended_is_replaced_before_it_is_used(postgres_url: str, tmp_path: Path) -> None:
    ledger = SqlLedger(database.connect(postgres_url, tmp_path))
    ledger.append("s", Unknown("Counted", {}), at=datetime(2026, 3, 1, tzinfo=UTC))
    admin = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    with admin.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
    ledger.append("s", Unknown("Counted", {}), at=datetime(2026, 3, 1, tzinfo=UTC))
    assert ledger.head()[0] == 2
    ledger.engine.dispose()
    admin.dispose()


def test_who_may_only_look_at_a_file_reads_what_others_write_and_changes_nothing(tmp_path: Path) -> None:
    address = "sqlite:///a b%20.db"
    with (
        pytest.raises(Unavailable, match="unable to open"),
        database.reading(database.connect_to_read(address, tmp_path, None)),
    ):
        pass
    assert not list(tmp_path.iterdir())
    writer = SqlLedger(database.connect(address, tmp_path))
    reader = database.connect_to_read(address, tmp_path, None)
    writer.append("s", Unknown("Counted", {}), at=datetime(2026, 3, 1, tzinfo=UTC))
    looks = SqlLedger(reader)
    assert looks.head() == writer.head()
    with pytest.raises(Unavailable, match="readonly"):
        looks.append("s", Unknown("Counted", {}), at=datetime(2026, 3, 1, tzinfo=UTC))
    assert writer.head()[0] == 1
    reader.dispose()
    writer.engine.dispose()


@pytest.mark.services
def test_who_looks_at_postgresql_is_a_role_that_may_do_nothing_else(postgres_url: str, tmp_path: Path) -> None:
    writer = database.connect(postgres_url, tmp_path)
    roles = {"looker_of_this_test": "SELECT", "doer_of_this_test": "SELECT, INSERT"}
    looker, doer = roles
    with writer.begin() as connection:
        for name, may in roles.items():
            connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
            connection.exec_driver_sql(f"GRANT {may} ON ALL TABLES IN SCHEMA public TO {name}")
    reader = database.connect_to_read(postgres_url, tmp_path, (looker, "x"))
    assert SqlLedger(reader).head()[0] == 0
    with pytest.raises(SettingsError, match=r"may change .*ledger_event"):
        database.connect_to_read(postgres_url, tmp_path, (doer, "x"))
    with pytest.raises(SettingsError, match="UNLEARNING_CONSOLE_ROLE"):
        database.connect_to_read(postgres_url, tmp_path, None)
    reader.dispose()
    with writer.begin() as connection:
        for name in roles:
            connection.exec_driver_sql(f"DROP OWNED BY {name}")
            connection.exec_driver_sql(f"DROP ROLE {name}")
    writer.dispose()


def test_a_server_that_is_down_is_named_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1") as caught:
        database.connect("postgresql+psycopg2://me:hunter2@127.0.0.1:1/unlearning", tmp_path)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["ledger.db", "sqlite://", "sqlite:///:memory:", "mysql://u:hunter2@host/db", "postgresql+nonesuch://u:hunter2@host/db"],
)
def test_an_address_that_cannot_be_meant_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="expected") as caught:
        database.connect(url, tmp_path)
    assert "hunter2" not in str(caught.value)


def test_a_path_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match=r"file/store\.db cannot be opened: (Not a directory|File exists)"):
        database.connect("sqlite:///file/store.db", tmp_path)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"not a database, but long enough to be taken for one" * 50)
    with pytest.raises(Damaged, match=r"store\.db"):
        database.connect("sqlite:///store.db", tmp_path)


@pytest.mark.services
def test_the_databases_of_the_team_stack_are_made_and_the_console_may_only_look(postgres_server: str, tmp_path: Path) -> None:
    admin = sa.create_engine(postgres_server.format(database="postgres"), isolation_level="AUTOCOMMIT")
    script = (Path(__file__).parents[3] / "deploy/databases.sql").read_text("utf-8")
    first, inside = (re.sub(r"^--.*$", "", part, flags=re.MULTILINE) for part in script.split("\\connect unlearning\n"))
    with admin.connect() as connection:
        for line in filter(str.strip, first.split(";")):
            connection.exec_driver_sql(line)
    owner = sa.create_engine(postgres_server.format(database="unlearning"), isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        for line in filter(str.strip, inside.split(";")):
            connection.exec_driver_sql(line)
    address = postgres_server.format(database="unlearning").replace("postgres@", "unlearning@")
    writer = database.connect(address, tmp_path)
    reader = database.connect_to_read(address, tmp_path, ("looker", "any"))
    assert SqlLedger(reader).head() == SqlLedger(writer).head()
    for engine in (writer, reader, owner):
        engine.dispose()
    with admin.connect() as connection:
        for name in ("unlearning", "prefect", "mlflow"):
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        for name in ("unlearning", "prefect", "mlflow", "looker"):
            connection.exec_driver_sql(f"DROP ROLE {name}")
    admin.dispose()
