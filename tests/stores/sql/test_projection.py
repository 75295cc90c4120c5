"""The projection is what a fresh fold of the events gives, whatever happens; one that is not refuses whoever asks."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.examples import example
from tests.properties import drawn
from tests.stores.sql.examples import tamper
from tests.stores.sql.histories import NOON, histories, in_memory, usual
from unlearning.domain.errors import Damaged, Refused, UnlearningError
from unlearning.domain.events import ErasureStarted, RequestReceived, SubjectSuppressed, Unknown
from unlearning.stores.sql import database, projection, schema
from unlearning.stores.sql.ledger import SqlLedger

SPAWN = multiprocessing.get_context("spawn")
TABLES = (schema.requests, schema.groups, schema.erasures, schema.projections)


@pytest.fixture
def ledger(engine: sa.Engine) -> SqlLedger:
    """One erasure from its request to its certificate, another person's open request, and a duplicate of it."""
    made = SqlLedger(engine)
    for subject, fact in usual:
        made.append(subject, fact, at=NOON)
    made.append_all([ask("r1", "b"), ("r1", example(SubjectSuppressed))], at=NOON)
    made.append_all([ask("r2", "b", joins="r1")], at=NOON)
    return made


def ask(request: str, person: str, joins: str | None = None) -> tuple[str, Any]:
    return request, example(RequestReceived, token=person, suppression_token=f"list:{person}", group=joins or request)


def rows(engine: sa.Engine) -> list[Any]:
    with engine.connect() as connection:
        return [sorted(map(repr, connection.execute(sa.select(table)))) for table in TABLES]


@drawn(few=15, many=200, history=histories)
def test_after_any_history_it_is_what_a_fresh_fold_gives_and_a_refused_event_changes_no_row(history: list[Any]) -> None:
    engine = in_memory()
    ledger = SqlLedger(engine)
    for subject, fact in history:
        before = rows(engine)
        try:
            ledger.append(subject, fact, at=NOON)
        except UnlearningError:
            assert rows(engine) == before
        assert ledger.differences() == []
    kept = rows(engine)[:3]
    ledger.rebuild()
    assert rows(engine)[:3] == kept
    engine.dispose()


@drawn(few=8, many=100, history=histories)
def test_many_events_of_one_transaction_give_what_they_give_one_by_one(history: list[Any]) -> None:
    one_by_one, together = in_memory(), in_memory()
    accepted = []
    for line in history:
        try:
            SqlLedger(one_by_one).append(*line, at=NOON)
        except UnlearningError:
            continue
        accepted.append(line)
    SqlLedger(together).append_all(accepted, at=NOON)
    assert rows(together) == rows(one_by_one)
    one_by_one.dispose()
    together.dispose()


def test_of_several_events_none_changes_it_when_one_is_refused(engine: sa.Engine, ledger: SqlLedger) -> None:
    before = rows(engine)
    with pytest.raises(Refused):
        ledger.append_all([ask("r3", "c"), ("e3", ErasureStarted(requests=("r1", "r3", "r9")))], at=NOON)
    assert rows(engine) == before


def test_no_row_holds_more_of_a_person_than_the_events_do(engine: sa.Engine, ledger: SqlLedger) -> None:
    words = {
        word
        for table in TABLES[:2]
        for column in table.c
        if column.name in ("token", "hidden")
        for word in column_of(engine, column)
    }
    assert words == {fact.token for fact in facts(ledger)} | {fact.suppression_token for fact in facts(ledger)}


def column_of(engine: sa.Engine, column: sa.ColumnElement[str]) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(sa.select(column)))


def facts(ledger: SqlLedger) -> list[RequestReceived]:
    return [event.fact for event in ledger.of(RequestReceived)]


def append_some(url: str, root: Path, name: str, gate: Any) -> None:
    ledger = SqlLedger(database.connect(url, root))
    gate.wait(60)
    for number in range(10):
        try:
            ledger.append_all([ask(f"r{number}", f"p{number}"), (f"r{number}", example(SubjectSuppressed))], at=NOON)
        except Refused:
            ledger.append_all([ask(f"r{number}-{name}", f"p{number}", joins=f"r{number}")], at=NOON)


def test_two_processes_that_append_at_once_leave_what_a_fold_gives(database_url: str, tmp_path: Path) -> None:
    engine = database.connect(database_url, tmp_path)
    gate = SPAWN.Barrier(2)
    writers = [SPAWN.Process(target=append_some, args=(database_url, tmp_path, name, gate)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    ledger = SqlLedger(engine)
    assert ledger.standing.page(most=1)[0] == 20
    assert len(ledger.standing.open()) == 10
    assert ledger.differences() == []
    engine.dispose()


def killed_before_the_events_are_written(url: str, root: Path) -> None:
    ledger = SqlLedger(database.connect(url, root))
    follow = projection.follow

    def followed(*arguments: Any) -> None:
        follow(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)

    projection.follow = followed
    ledger.append_all([ask("r9", "z"), ("r9", example(SubjectSuppressed))], at=NOON)


def test_a_process_killed_inside_the_transaction_leaves_ledger_and_projection_as_they_were(
    database_url: str, engine: sa.Engine, ledger: SqlLedger, tmp_path: Path
) -> None:
    before = rows(engine), ledger.head()
    killed = SPAWN.Process(target=killed_before_the_events_are_written, args=(database_url, tmp_path))
    killed.start()
    killed.join(60)
    assert killed.exitcode == -signal.SIGKILL
    assert (rows(engine), ledger.head()) == before
    ledger.append_all([ask("r9", "z")], at=NOON)
    assert ledger.differences() == []


TAMPERED = {
    "another state": ("UPDATE ledger_group SET state = 'completed' WHERE id = 'r1'", "ledger_group of r1 has another state"),
    "a deadline": ("UPDATE ledger_group SET due_at = NULL, due_s = 7 WHERE id = 'r1'", "r1 has another due_at, due_s"),
    "nobody suppressed": ("UPDATE ledger_group SET suppressed_at = NULL WHERE id = 'r0'", "r0 has another suppressed_at"),
    "another order": ("UPDATE ledger_group SET seq = 1000 WHERE id = 'r0'", "ledger_group of r0 has another seq"),
    "a person gone": ("DELETE FROM ledger_group WHERE id = 'r1'", "ledger_group lacks r1"),
    "a request gone": ("DELETE FROM ledger_request WHERE id = 'r2'", "ledger_request lacks r2"),
    "a request that nobody made": (
        "INSERT INTO ledger_erasure (id, groups) VALUES ('e9', '[]')",
        "ledger_erasure has e9, of which the events say nothing",
    ),
    "another batch": ("UPDATE ledger_erasure SET groups = '[]' WHERE id = 'e0'", "ledger_erasure of e0 has another groups"),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_changed_row_is_found_and_named_and_then_nobody_is_answered_until_it_is_made_again(
    engine: sa.Engine, ledger: SqlLedger, how: str
) -> None:
    statement, finding = TAMPERED[how]
    kept = rows(engine)
    tamper(engine, statement.replace(" groups", ' "groups"').replace("(id, groups)", '(id, "groups")'))

    [found] = ledger.differences()

    assert finding in found
    for refused in (lambda: ledger.standing.requests(["r1"]), lambda: ledger.append("s", Unknown("Counted", {}), at=NOON)):
        with pytest.raises(Damaged, match="unlearn audit --rebuild"):
            refused()
    assert any(finding in one for one in SqlLedger(engine).differences())
    ledger.rebuild()
    assert (ledger.differences(), rows(engine)) == ([], kept)
    ledger.append("s", Unknown("Counted", {}), at=NOON)


def test_a_projection_that_stands_at_another_event_refuses_and_says_the_way_out(engine: sa.Engine, ledger: SqlLedger) -> None:
    position, _ = ledger.head()
    tamper(engine, f"DELETE FROM ledger_event WHERE seq = {position}")
    with pytest.raises(Damaged, match=rf"projection is one of event {position} .* ends with event {position - 1} "):
        ledger.standing.open()
    with pytest.raises(Damaged, match="unlearn audit --rebuild"):
        ledger.append("s", Unknown("Counted", {}), at=NOON)
    assert ledger.events()[-1].seq == position - 1
    elsewhere, *differing = ledger.differences()
    assert f"event {position} " in elsewhere
    assert any("ledger_request has r2" in one for one in differing)
    ledger.rebuild()
    assert ledger.standing.requests(["r2"]) == {}


def test_a_value_that_cannot_be_read_is_no_bug_of_this_package(engine: sa.Engine, ledger: SqlLedger) -> None:
    tamper(engine, "UPDATE ledger_group SET received_at = 'x', hold = '{' WHERE id = 'r1'")
    with pytest.raises(Damaged, match="unlearn audit --rebuild"):
        ledger.standing.open()


def test_events_that_do_not_tell_leave_it_as_it_is(engine: sa.Engine, ledger: SqlLedger) -> None:
    before = rows(engine)
    tamper(engine, "UPDATE ledger_event SET subject = 'nobody' WHERE seq = 2")
    with pytest.raises(Refused, match="never received"):
        ledger.rebuild()
    assert rows(engine) == before


def test_a_ledger_of_an_earlier_version_is_projected_once_at_its_first_use(
    database_url: str, engine: sa.Engine, ledger: SqlLedger, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept, everyone = rows(engine), ledger.standing.page(most=100)[1]
    for table in TABLES:
        tamper(engine, f"DROP TABLE {table.name}")
    tamper(engine, "DELETE FROM unlearning_migration WHERE number = 4")

    database.upgrade(database_url, tmp_path)
    opened = database.connect(database_url, tmp_path)
    with caplog.at_level(logging.INFO, "unlearning.progress"):
        assert SqlLedger(opened).differences() == []
        assert SqlLedger(opened).standing.page(most=100)[1] == everyone
        SqlLedger(opened).append("s", Unknown("Counted", {}), at=NOON)

    assert [record.getMessage() for record in caplog.records] == [
        f"ledger of an earlier version: working out where its requests stand, from {ledger.head()[0] - 1} events, once"
    ]
    assert rows(engine)[:3] == kept[:3]
    opened.dispose()


def test_an_append_is_the_first_use_as_well(database_url: str, engine: sa.Engine, ledger: SqlLedger, tmp_path: Path) -> None:
    tamper(engine, "DELETE FROM ledger_projection")
    tamper(engine, "DELETE FROM ledger_group")
    with pytest.raises(Refused, match="active request, r1"):
        ledger.append_all([ask("r7", "b")], at=NOON)
    ledger.append_all([ask("r7", "c")], at=NOON)
    assert ledger.differences() == []
