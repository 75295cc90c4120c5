"""The one door to the ledger: whatever is accepted can be folded for ever, whatever is refused leaves nothing behind."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.examples import example
from tests.properties import drawn
from tests.stores.sql.histories import histories, in_memory
from unlearning.domain import lifecycle
from unlearning.domain.errors import Refused, UnlearningError
from unlearning.domain.events import (
    KINDS,
    AliasMoved,
    CertificateIssued,
    ErasureStarted,
    ImpactAssessed,
    RecipientTold,
    RequestHeld,
    RequestReceived,
    SubjectSuppressed,
    TracesFound,
)
from unlearning.stores.sql import database
from unlearning.stores.sql.ledger import SqlLedger

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def engine(database_url: str, tmp_path: Path) -> Iterator[sa.Engine]:
    engine = database.connect(database_url, tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def ledger(engine: sa.Engine) -> SqlLedger:
    return SqlLedger(engine)


def ask(ledger: SqlLedger, request: str, person: str) -> None:
    """A person's request, suppressed."""
    received = example(RequestReceived, token=person, group=request)
    ledger.append_all([(request, received), (request, example(SubjectSuppressed))], at=NOON)


def test_an_alias_that_moves_right_after_the_start_is_refused_and_everybody_goes_on(ledger: SqlLedger) -> None:
    ask(ledger, "r1", "ada")
    ledger.append("e1", ErasureStarted(requests=("r1",)), at=NOON)
    head = ledger.head()
    with pytest.raises(Refused, match=r"event 4 \(AliasMoved of e1\) cannot follow: request r1 is suppressed"):
        ledger.append("e1", example(AliasMoved), at=NOON)
    assert ledger.head() == head
    ask(ledger, "r2", "bob")
    assert {name: one.state for name, one in ledger.state().requests.items()} == {"r1": "suppressed", "r2": "suppressed"}


def test_an_event_is_refused_when_one_request_of_the_batch_cannot_take_it(ledger: SqlLedger) -> None:
    ask(ledger, "r1", "ada")
    ask(ledger, "r2", "bob")
    ledger.append("e1", ErasureStarted(requests=("r1", "r2")), at=NOON)
    for kind in ("ImpactAssessed", "PlanMade"):
        ledger.append("e1", example(KINDS[kind]), at=NOON)
    ledger.append("e2", ErasureStarted(requests=("r2",)), at=NOON)
    ledger.append("e1", ErasureStarted(requests=("r1", "r2")), at=NOON)
    ledger.append("r2", example(RequestHeld, data=()), at=NOON)
    ledger.append("e1", example(KINDS["PlanMade"]), at=NOON)
    with pytest.raises(Refused, match="request r2 is on hold"):
        ledger.append("e1", example(KINDS["Purged"]), at=NOON)
    assert ledger.state().requests["r1"].state == "planned"


@pytest.mark.parametrize(
    ("subject", "kind", "said"),
    [
        ("e9", ImpactAssessed, "erasure e9 was never started"),
        ("e9", TracesFound, "erasure e9 was never started"),
        ("r9", RecipientTold, "request r9 was never received"),
        ("r1", CertificateIssued, "request r1 is suppressed; its erasure is certified"),
    ],
)
def test_what_nobody_began_is_refused(ledger: SqlLedger, subject: str, kind: type[Any], said: str) -> None:
    ask(ledger, "r1", "ada")
    with pytest.raises(Refused, match=said):
        ledger.append(subject, example(kind), at=NOON)
    with pytest.raises(Refused, match="names no request"):
        ledger.append("e1", ErasureStarted(requests=()), at=NOON)
    assert ledger.head()[0] == 2
    ledger.append(lifecycle.EVERY_PURGE, example(TracesFound), at=NOON)


def test_of_several_events_none_is_written_when_one_is_refused(ledger: SqlLedger) -> None:
    received = example(RequestReceived, token="ada", group="r1")
    with pytest.raises(Refused):
        ledger.append_all([("r1", received), ("r1", received)], at=NOON)
    assert ledger.head()[0] == 0
    assert ledger.state() == lifecycle.State()
    ledger.append("r1", received, at=NOON)


def test_what_another_process_wrote_is_seen_before_anything_is_accepted(engine: sa.Engine, ledger: SqlLedger) -> None:
    ask(ledger, "r1", "ada")
    assert ledger.state().requests.keys() == {"r1"}
    ask(SqlLedger(engine), "r2", "bob")
    with pytest.raises(Refused, match="request r2 was received before"):
        ledger.append("r2", example(RequestReceived, token="eve", group="r2"), at=NOON)
    assert ledger.state().requests.keys() == {"r1", "r2"}


def start_all(url: str, root: Path, name: str, gate: Any, accepted: Any) -> None:
    ledger = SqlLedger(database.connect(url, root))
    gate.wait(60)
    for number in range(10):
        try:
            ledger.append(f"r{number}", example(RequestReceived, token=f"p{number}", group=f"r{number}"), at=NOON)
            accepted.put((name, number))
        except Refused:
            pass


def test_of_two_processes_that_write_the_same_at_once_one_is_refused(database_url: str, tmp_path: Path) -> None:
    ledger = SqlLedger(database.connect(database_url, tmp_path))
    gate, accepted = SPAWN.Barrier(2), SPAWN.Queue()
    writers = [SPAWN.Process(target=start_all, args=(database_url, tmp_path, name, gate, accepted)) for name in "ab"]
    for writer in writers:
        writer.start()
    done = [accepted.get(timeout=60) for _ in range(10)]
    for writer in writers:
        writer.join(60)
    assert sorted(number for _, number in done) == list(range(10))
    assert accepted.empty()
    assert len(ledger.state().requests) == len(ledger.events()) == 10


@drawn(few=25, many=400, history=histories)
def test_no_sequence_of_accepted_events_makes_a_later_fold_raise(history: list[Any]) -> None:
    engine = in_memory()
    ledger = SqlLedger(engine)
    accepted: list[Any] = []
    for subject, fact in history:
        before, head = ledger.state(), ledger.head()
        try:
            accepted.append(ledger.append(subject, fact, at=NOON))
        except UnlearningError:
            assert (ledger.state(), ledger.head()) == (before, head)
    events = ledger.events()
    assert events == accepted
    assert lifecycle.fold(events) == ledger.state()
    assert ledger.verify() == []
    engine.dispose()
