"""The ledger over SQLite and PostgreSQL: order, tampering, several processes, locks."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.stores.sql.examples import tamper
from unlearning.domain.errors import Damaged, Unavailable
from unlearning.domain.events import LineageNotSent, Unknown, VersionFlagged
from unlearning.domain.hashing import digest
from unlearning.stores.sql import database, schema
from unlearning.stores.sql.ledger import GENESIS, SqlLedger

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def ledger(engine: sa.Engine) -> SqlLedger:
    return SqlLedger(engine)


def three_events(ledger: SqlLedger) -> None:
    for number in (1, 2, 3):
        ledger.append(f"subject-{number % 2}", Unknown("Counted", {"number": number}), at=NOON + timedelta(minutes=number))


def test_an_event_names_the_hash_of_the_one_before(ledger: SqlLedger) -> None:
    first = ledger.append("r1", Unknown("Asked", {"token": "ab", "due_at": None}), at=NOON)
    second = ledger.append("r1", Unknown("Heard", {}), at=NOON)
    assert (first.seq, first.previous) == (1, GENESIS)
    assert (second.seq, second.previous) == (2, first.hash)
    assert first.hash == digest([1, "2026-03-01T12:00:00+00:00", "Asked", "r1", {"token": "ab", "due_at": None}, GENESIS])
    assert ledger.head() == (2, second.hash)
    assert ledger.events() == [first, second]


def test_an_empty_ledger_has_a_head_and_nothing_wrong_with_it(ledger: SqlLedger) -> None:
    assert ledger.head() == (0, GENESIS)
    assert ledger.events() == []
    assert ledger.verify() == []


def test_several_events_are_recorded_together_or_not_at_all(ledger: SqlLedger) -> None:
    ledger.append("s", Unknown("Counted", {}), at=NOON)
    made = ledger.append_all([("r", Unknown("Asked", {"token": "a"})), ("r", Unknown("Heard", {}))], at=NOON)
    assert [event.seq for event in made] == [2, 3]
    assert ledger.events()[1:] == made
    assert ledger.append_all([], at=NOON) == []
    with pytest.raises(TypeError):
        ledger.append_all([("r2", Unknown("Asked", {})), ("r2", Unknown("Heard", {"when": NOON}))], at=NOON)
    assert ledger.head() == (3, made[1].hash)
    assert ledger.verify() == []


def test_events_are_found_by_subject_and_by_kind(ledger: SqlLedger) -> None:
    three_events(ledger)
    flagged = VersionFlagged(tag="t", reason="r")
    ledger.append("subject-1", flagged, at=NOON)
    ledger.append("subject-0", flagged, at=NOON)
    assert [event.seq for event in ledger.events(subject="subject-1")] == [1, 3, 4]
    assert [event.seq for event in ledger.events(kinds=[VersionFlagged, LineageNotSent])] == [4, 5]
    assert [event.seq for event in ledger.of(VersionFlagged, subject="subject-0")] == [5]
    assert ledger.events(kinds=[]) == []
    assert [event.seq for event in ledger.events(subject="subject-1", after=1)] == [3, 4]
    assert [event.seq for event in ledger.events(last=2)] == [4, 5]
    assert [event.seq for event in ledger.of(VersionFlagged, last=1)] == [5]
    assert [event.seq for event in ledger.of(VersionFlagged, subjects=["subject-0", "nobody"])] == [5]
    assert (ledger.count(VersionFlagged), ledger.count(LineageNotSent)) == (2, 0)


def test_events_of_somebody_are_found_by_who_it_is_and_never_among_all_of_a_kind(tmp_path: Path) -> None:
    """A million requests are received once each, so their receipts are a million events of one kind."""
    engine = database.connect("sqlite:///ledger.db", tmp_path)
    ledger, asked = SqlLedger(engine), list[tuple[str, Any]]()

    @sa.event.listens_for(engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, given))

    for who in ({"subject": "a"}, {"subjects": ["a", "b"]}):
        for newest in (None, 1):
            ledger.events(**who, kinds=[VersionFlagged], last=newest)  # type: ignore[arg-type]
    sa.event.remove(engine, "before_cursor_execute", note)
    with engine.connect() as connection:
        for statement, given in asked:
            plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)]
            assert any("ledger_event_subject (subject=?" in step for step in plan), plan
    assert len(asked) == 4
    engine.dispose()


def test_moments_are_kept_in_utc_to_the_microsecond(ledger: SqlLedger) -> None:
    there = datetime(2026, 3, 1, 14, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    event = ledger.append("s", Unknown("Counted", {}), at=there)
    assert event.at == there
    assert event.at.utcoffset() == timedelta(0)
    assert ledger.events() == [event]


def test_a_moment_without_a_time_zone_is_refused(ledger: SqlLedger) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        ledger.append("s", Unknown("Counted", {}), at=NOON.replace(tzinfo=None))


@pytest.mark.parametrize(
    "body", [{"a": (1, 2)}, {"a": NOON}, {"a": b"x"}, {1: "a"}, {"a": {"b": {3}}}, {"a": [float("nan")]}, {"a": float("inf")}]
)
def test_a_body_that_json_would_change_is_refused_and_nothing_is_written(ledger: SqlLedger, body: dict[Any, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        ledger.append("s", Unknown("Counted", body), at=NOON)
    assert ledger.head() == (0, GENESIS)


text = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner) | st.dictionaries(text, inner),
    max_leaves=8,
)


@given(bodies=st.lists(st.dictionaries(text, json_values), min_size=1, max_size=3))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_plain_body_comes_back_as_it_was(ledger: SqlLedger, bodies: list[dict[str, Any]]) -> None:
    written = [ledger.append("s", Unknown("Noted", body), at=NOON) for body in bodies]
    assert ledger.events()[-len(bodies) :] == written
    assert [event.body for event in written] == bodies
    assert ledger.verify(expected=ledger.head()) == []


def test_an_edited_body_is_found(ledger: SqlLedger, engine: sa.Engine) -> None:
    three_events(ledger)
    tamper(engine, """UPDATE ledger_event SET body = '{"number":9}' WHERE seq = 2""")
    assert ledger.verify() == ["event 2 (Counted) was edited: its content does not match its hash"]


def test_an_unreadable_body_is_found_and_not_served(ledger: SqlLedger, engine: sa.Engine) -> None:
    three_events(ledger)
    tamper(engine, "UPDATE ledger_event SET body = '{' WHERE seq = 2")
    assert ledger.verify() == ["event 2 (Counted) was edited: its content does not match its hash"]
    with pytest.raises(Damaged, match="event 2"):
        ledger.events()


@pytest.mark.parametrize("column", ["kind", "subject", "at"])
def test_any_edited_column_is_found(ledger: SqlLedger, engine: sa.Engine, column: str) -> None:
    three_events(ledger)
    tamper(engine, f"UPDATE ledger_event SET {column} = '2026-01-01T00:00:00+00:00' WHERE seq = 3")
    assert len(ledger.verify()) == 1


def test_an_event_removed_in_the_middle_is_found(ledger: SqlLedger, engine: sa.Engine) -> None:
    three_events(ledger)
    tamper(engine, "DELETE FROM ledger_event WHERE seq = 2")
    findings = ledger.verify()
    assert findings[0] == "events 2 to 2 are missing"
    assert "does not follow" in findings[1]


def test_a_removal_hidden_by_renumbering_is_found(ledger: SqlLedger, engine: sa.Engine) -> None:
    three_events(ledger)
    tamper(engine, "DELETE FROM ledger_event WHERE seq = 2")
    tamper(engine, "UPDATE ledger_event SET seq = 2 WHERE seq = 3")
    assert any("does not follow" in finding for finding in ledger.verify())


def test_two_events_that_changed_places_are_found(ledger: SqlLedger, engine: sa.Engine) -> None:
    three_events(ledger)
    for old, new in ((2, 9), (3, 2), (9, 3)):
        tamper(engine, f"UPDATE ledger_event SET seq = {new} WHERE seq = {old}")
    assert len(ledger.verify()) >= 2


def test_a_cut_at_the_end_is_found_by_whoever_kept_the_head(ledger: SqlLedger, engine: sa.Engine) -> None:
    three_events(ledger)
    head = ledger.head()
    tamper(engine, "DELETE FROM ledger_event WHERE seq = 3")
    assert ledger.verify() == []
    assert ledger.verify(expected=head) == ["the ledger ends at event 2, but event 3 was expected: it was cut off"]


def test_a_chain_written_anew_is_found_by_whoever_kept_a_hash(ledger: SqlLedger, engine: sa.Engine) -> None:
    three_events(ledger)
    head = ledger.head()
    tamper(engine, "DELETE FROM ledger_event")
    tamper(engine, "DELETE FROM ledger_projection")
    for _ in range(4):
        ledger.append("s", Unknown("Forged", {}), at=NOON)
    assert ledger.verify() == []
    assert ["not the one that was expected" in finding for finding in ledger.verify(expected=head)] == [True]


def append_many(url: str, root: Path, writer: int, count: int) -> None:
    engine = database.connect(url, root)
    ledger = SqlLedger(engine)
    for number in range(count):
        ledger.append(f"writer-{writer}", Unknown("Counted", {"number": number}), at=NOON)
    engine.dispose()


def test_processes_that_open_a_new_database_at_once_all_append_to_one_line(database_url: str, tmp_path: Path) -> None:
    writers = [SPAWN.Process(target=append_many, args=(database_url, tmp_path, number, 15)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * 4
    engine = database.connect(database_url, tmp_path)
    ledger = SqlLedger(engine)
    assert [event.seq for event in ledger.events()] == list(range(1, 61))
    assert ledger.verify() == []
    for number in range(4):
        mine = [event.body["number"] for event in ledger.events(subject=f"writer-{number}")]
        assert mine == list(range(15))
    engine.dispose()


def hold_lock(url: str, root: Path, held: Any) -> None:
    with SqlLedger(database.connect(url, root)).exclusive("model", timeout=60):
        held.set()
        time.sleep(600)


def test_a_lock_excludes_other_processes_lets_them_append_and_dies_with_its_holder(database_url: str, tmp_path: Path) -> None:
    engine = database.connect(database_url, tmp_path)
    ledger = SqlLedger(engine)
    held = SPAWN.Event()
    holder = SPAWN.Process(target=hold_lock, args=(database_url, tmp_path, held))
    holder.start()
    try:
        assert held.wait(60)
        with pytest.raises(Unavailable, match="'model'"), ledger.exclusive("model", timeout=0.2):
            pytest.fail("two hold the same lock")
        with ledger.exclusive("another model", timeout=0.2):
            ledger.append("s", Unknown("Counted", {}), at=NOON)
    finally:
        os.kill(holder.pid or 0, signal.SIGKILL)
        holder.join(60)
    with ledger.exclusive("model", timeout=60):
        ledger.append("s", Unknown("Counted", {}), at=NOON)
    assert ledger.head()[0] == 2
    engine.dispose()


@pytest.mark.services
def test_whoever_lost_a_lock_writes_nothing_more_and_another_takes_over(postgres_url: str, tmp_path: Path) -> None:
    engine, another = (database.connect(postgres_url, tmp_path) for _ in range(2))
    ledger, theirs = SqlLedger(engine), SqlLedger(another)
    counted = Unknown("Counted", {})
    with ledger.exclusive("model", timeout=1):
        with ledger.exclusive("data", timeout=1):
            ledger.append("s", counted, at=NOON)
        ledger.append("s", counted, at=NOON)  # one that was given back is no longer asked for
        [lock] = database._held.get()
        with another.connect() as connection:
            connection.execute(sa.select(sa.func.pg_terminate_backend(lock.backend)))
        with theirs.exclusive("model", timeout=60), pytest.raises(Unavailable, match=r"'model'.* was lost"):
            ledger.append("s", counted, at=NOON)
    ledger.append("s", counted, at=NOON)
    with ledger.exclusive("model", timeout=1):
        ledger.append("s", counted, at=NOON)
    assert ledger.head()[0] == 4
    engine.dispose()
    another.dispose()


def test_a_lock_is_free_again_after_an_error_inside_it(ledger: SqlLedger) -> None:
    with pytest.raises(RuntimeError, match="inside"), ledger.exclusive("model", timeout=1):
        raise RuntimeError("inside")
    with ledger.exclusive("model", timeout=1):
        pass


def test_a_process_killed_while_it_writes_leaves_no_half_event(engine: sa.Engine, ledger: SqlLedger) -> None:
    ledger.append("s", Unknown("Counted", {}), at=NOON)
    connection = engine.connect()
    connection.begin()
    connection.execute(schema.events.insert().values(seq=2, at="", kind="Half", subject="", body="{}", previous="", hash=""))
    connection.invalidate()
    connection.close()
    assert ledger.append("s", Unknown("Counted", {}), at=NOON).seq == 2
    assert ledger.verify() == []


def test_a_full_disk_is_said_and_leaves_the_chain_as_it_was(tmp_path: Path) -> None:
    engine = database.connect("sqlite:///store.db", tmp_path)
    ledger = SqlLedger(engine)
    ledger.append("s", Unknown("Counted", {}), at=NOON)
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    with pytest.raises(Unavailable, match=r"store\.db does not answer: database or disk is full"):
        ledger.append("s", Unknown("Counted", {"much": "x" * 100_000}), at=NOON)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=1000000")
    assert ledger.append("s", Unknown("Counted", {"much": "x" * 100_000}), at=NOON).seq == 2
    assert ledger.verify() == []
    engine.dispose()
