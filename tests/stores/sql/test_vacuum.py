"""What is deleted from our databases cannot be read from their files."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from unlearning.stores.sql import database, vacuum

SECRET = b"Zq-9999 was here"


def written_and_deleted(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE note (text TEXT)")
        connection.exec_driver_sql(f"INSERT INTO note VALUES ('{SECRET.decode()}')")
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM note")


def bytes_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())


def test_a_database_of_ours_leaves_no_deleted_row_once_it_is_compacted(tmp_path: Path) -> None:
    engine = database.connect("sqlite:///store.db", tmp_path)
    written_and_deleted(engine)
    assert SECRET in bytes_of(tmp_path)  # the log still has it
    assert not vacuum.leaves_bytes(engine)
    vacuum.compact(engine)
    assert SECRET not in bytes_of(tmp_path)
    engine.dispose()


def test_a_file_is_written_anew_once_and_then_gives_back_what_is_free(tmp_path: Path) -> None:
    old = sa.create_engine(f"sqlite:///{tmp_path}/store.db")
    with old.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE note (text TEXT)")
        for _ in range(300):
            connection.exec_driver_sql("INSERT INTO note VALUES (hex(randomblob(2000)))")
    old.dispose()
    engine, said = database.connect("sqlite:///store.db", tmp_path), list[str]()
    sa.event.listen(engine, "connect", lambda connection, _: connection.set_trace_callback(said.append))
    engine.dispose()
    for turn in range(3):
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DELETE FROM note WHERE rowid % 3 = {turn} AND rowid < 200")
            before = connection.exec_driver_sql("PRAGMA page_count").scalar() or 0
        vacuum.compact(engine)
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA freelist_count").scalar() == 0
            assert before - (connection.exec_driver_sql("PRAGMA page_count").scalar() or 0) > 50
        assert (tmp_path / "store.db-wal").stat().st_size == 0
    engine.dispose()
    assert sum("VACUUM" in one for one in said) == 1


def test_to_open_a_file_that_is_there_writes_nothing_into_it(tmp_path: Path) -> None:
    written_and_deleted(first := database.connect("sqlite:///store.db", tmp_path))
    vacuum.compact(first)
    first.dispose()
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    engine = database.connect("sqlite:///store.db", tmp_path)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA auto_vacuum").scalar() == 2, "a new file gives back what is free"
        assert not [name for name in before if name.endswith(".db") and before[name] != (tmp_path / name).read_bytes()]
        assert not (tmp_path / "store.db-wal").stat().st_size
    engine.dispose()


def test_a_database_that_does_not_zero_its_pages_leaves_bytes_until_it_is_compacted(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/store.db")
    sa.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA secure_delete = OFF"))
    written_and_deleted(engine)
    assert vacuum.leaves_bytes(engine)
    assert SECRET in bytes_of(tmp_path)
    vacuum.compact(engine)
    assert SECRET not in bytes_of(tmp_path)
    engine.dispose()


@pytest.mark.services
def test_postgresql_is_compacted_and_what_it_keeps_is_said(postgres_url: str, tmp_path: Path) -> None:
    engine = database.connect(postgres_url, tmp_path)
    written_and_deleted(engine)
    vacuum.compact(engine)
    assert not vacuum.leaves_bytes(engine)
    kept = vacuum.postgres_keeps("ledger database")
    assert (kept.outcome, kept.level, kept.count) == ("out_of_reach", "physical", None)
    assert kept.place.startswith("ledger database")
    assert "VACUUM FULL" in kept.remedy
    engine.dispose()
