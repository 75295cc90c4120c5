"""Free pages of a database of ours."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from unlearning.domain import hashing
from unlearning.domain.traces import Found, Trace, Wanted
from unlearning.stores.scans.words import Watch
from unlearning.stores.sql import database
from unlearning.traces.places.databases import DatabasePlace, PrefectPlace

NOBODY = Wanted(frozenset())


def test_a_database_of_ours_leaves_nothing_and_may_be_compacted_again_and_again(tmp_path: Path) -> None:
    engine = database.connect("sqlite:///store.db", tmp_path)
    place = DatabasePlace("ledger database", engine)
    for _ in range(2):
        assert place.find(NOBODY).traces == place.find(NOBODY).unclear == ()
        assert place.erase(()) == ()
    assert str(tmp_path) not in repr(place)
    engine.dispose()


def test_a_database_that_does_not_zero_what_it_frees_is_a_trace(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/store.db")
    sa.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA secure_delete = OFF"))
    assert DatabasePlace("somebody's", engine).find(NOBODY).traces == (Trace("free pages"),)
    engine.dispose()


PERSON = "Zq0001-canary-7"


def prefect(path: Path, *texts: str) -> PrefectPlace:
    """A database as Prefect's, with these rows in its log."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE log (id INTEGER, message TEXT, more BLOB)")
        connection.executemany("INSERT INTO log VALUES (7, ?, NULL)", [(text,) for text in texts])
    return PrefectPlace(path, Watch(("patient",), "text", bytes(32)))


WANTED = Wanted(frozenset({hashing.token(bytes(32), PERSON, "text")}))


@pytest.mark.parametrize(
    "text",
    [
        f"Task run encountered an exception: KeyError: '{PERSON}'",
        f"row of {PERSON} is shifted",
        f'{{"parameters": {{"who": "{PERSON}"}}}}',
        f"state <{PERSON}>, retried",
    ],
)
def test_a_row_of_prefects_that_names_somebody_is_found_and_not_repeated(tmp_path: Path, text: str) -> None:
    found = prefect(tmp_path / "prefect.db", "shard 3 trained", text).find(WANTED)
    assert [(one.outcome, one.names) for one in found.unclear] == [("residual", ("log",))]
    assert PERSON not in repr(found)
    assert found.searched == 2


def test_a_number_in_a_row_of_prefects_may_be_a_person(tmp_path: Path) -> None:
    place = replace(prefect(tmp_path / "prefect.db", "row 100042 failed"), watch=Watch(("patient",), "integer", bytes(32)))
    wanted = Wanted(frozenset({hashing.token(bytes(32), 100042, "integer")}))
    assert [(one.outcome, one.names) for one in place.find(wanted).unclear] == [("unverified", ("log",))]


def test_what_prefect_keeps_is_clean_or_unread(tmp_path: Path) -> None:
    clean = prefect(tmp_path / "prefect.db", "4 redact", "7 records of 2 people")
    assert clean.find(WANTED).unclear == ()
    assert replace(clean, file=tmp_path / "none").find(WANTED) == Found()
    (tmp_path / "broken").write_bytes(b"no database" * 100)
    assert [one.outcome for one in replace(clean, file=tmp_path / "broken").find(WANTED).unclear] == ["unverified"]
