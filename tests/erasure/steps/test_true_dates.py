"""A request counts from its receipt, is known by its delivery, and waits where nobody made sure who asked."""

from __future__ import annotations

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.histories import History
from unlearning.domain.errors import Refused, WrongUse
from unlearning.erasure import batches, decisions
from unlearning.erasure.steps.receive import Asked, confirm, receive_all, require_channel
from unlearning.project.workspace import Workspace, open_workspace

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def workspace(beginning: History, tmp_path: Path) -> Workspace:
    return beginning.copy(tmp_path / "project").workspace


def test_a_deadline_and_its_extension_count_from_receipt(workspace: Workspace) -> None:
    letter = datetime(2026, 1, 31, 9, tzinfo=UTC)
    [made] = receive_all(
        workspace, [Asked(["ann-1"], received_at=letter, reference="OPS-77", channel="letter")], now=NOON - timedelta(days=9)
    )
    assert (made.received_at, made.due_at) == (letter, datetime(2026, 2, 28, 9, tzinfo=UTC))
    assert (made.reference, made.channel) == ("OPS-77", "letter")
    longer = decisions.extend(workspace, made.request_id, reason="many at once", now=NOON - timedelta(days=8))
    assert longer.due_at == datetime(2026, 4, 30, 9, tzinfo=UTC)
    assert workspace.ledger.differences() == []
    workspace.ledger.rebuild()
    assert open_workspace(workspace.root).ledger.standing.requests([made.request_id])[made.request_id] == longer


def test_a_receipt_to_come_records_nothing_but_a_clock_a_little_ahead_is_let_through(workspace: Workspace) -> None:
    with pytest.raises(WrongUse, match="still to come"):
        receive_all(workspace, [Asked(["ann-1"]), Asked(["bob-2"], received_at=NOON + timedelta(minutes=6))], now=NOON)
    assert workspace.ledger.events() == []
    [made] = receive_all(workspace, [Asked(["ann-1"], received_at=NOON + timedelta(minutes=4))], now=NOON)
    assert made.received_at == NOON


def test_an_earlier_receipt_of_the_same_person_moves_the_deadline_of_both(workspace: Workspace) -> None:
    [first] = receive_all(workspace, [Asked(["ann-1"])], now=NOON)
    [second] = receive_all(workspace, [Asked(["ann-1"], received_at=NOON - timedelta(days=9))], now=NOON)
    assert second.group == first.request_id
    assert {one.due_at for one in workspace.ledger.state().requests.values()} == {datetime(2026, 3, 20, 12, tzinfo=UTC)}


@pytest.mark.parametrize("reference", ["ann-1", "re: ann-1", "case ANN-1", "x" * 200, "two\nlines", " "])
def test_a_reference_names_nobody(workspace: Workspace, reference: str) -> None:
    with pytest.raises(WrongUse) as caught:
        receive_all(workspace, [Asked(["ann-1"], reference=reference)], now=NOON)
    assert reference.strip() not in str(caught.value) or not reference.strip()
    assert workspace.ledger.events() == []


@pytest.mark.parametrize("name", ["", "ann-1", "Letter", "by post", "x" * 30])
def test_a_channel_is_a_plain_word(name: str) -> None:
    with pytest.raises(WrongUse):
        require_channel(name)


def test_the_same_delivery_makes_one_request_however_often_and_from_however_many_it_comes(workspace: Workspace) -> None:
    demand = Asked(["ann-1", "bob-2"], delivery='["/crm","4711"]')

    def one(_number: int) -> list[str]:
        return [made.request_id for made in receive_all(open_workspace(workspace.root), [demand], now=NOON)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(24)))
    assert len({tuple(answer) for answer in answers}) == 1
    assert len(workspace.ledger.state().requests) == 2
    [*_, other] = receive_all(workspace, [Asked(["ann-1"], delivery='["/crm","4712"]')], now=NOON)
    assert other.state == "duplicate"


def test_people_who_come_hashed_are_the_same_people(workspace: Workspace) -> None:
    inner = hashlib.sha256(b"ann-1").digest()
    [plain] = receive_all(workspace, [Asked(["ann-1"])], now=NOON)
    [hashed] = receive_all(workspace, [Asked(hashed=[inner])], now=NOON)
    assert hashed.token == plain.token
    assert base64.b64encode(inner).decode() not in str(workspace.ledger.events())


def test_an_unverified_request_waits_suppresses_nobody_and_keeps_its_deadline(workspace: Workspace) -> None:
    [made] = receive_all(workspace, [Asked(["ann-1"], verified=False)], now=NOON)
    assert (made.state, made.due_at) == ("unverified", datetime(2026, 4, 1, 12, tzinfo=UTC))
    assert list(workspace.ledger.standing.suppressed()) == []
    assert batches._unended(workspace, []) == []
    with pytest.raises(Refused, match="unlearn confirm"):
        batches._unended(workspace, [made.request_id])
    with pytest.raises(WrongUse):
        confirm(workspace, made.request_id, by="ann-1 herself", now=NOON)
    sure = confirm(workspace, made.request_id, by="the front desk", now=NOON)
    assert sure.state == "suppressed"
    assert len(list(workspace.ledger.standing.suppressed())) == 1
    with pytest.raises(Refused, match="only one that is unverified"):
        confirm(workspace, made.request_id, by="the front desk", now=NOON)
    assert workspace.ledger.differences() == []


def test_a_verified_request_of_the_same_person_makes_sure_and_an_unverified_one_takes_nothing_back(
    workspace: Workspace,
) -> None:
    [first] = receive_all(workspace, [Asked(["ann-1"], verified=False)], now=NOON)
    receive_all(workspace, [Asked(["ann-1"], verified=False)], now=NOON)
    assert list(workspace.ledger.standing.suppressed()) == []
    receive_all(workspace, [Asked(["ann-1"], verified=False), Asked(["ann-1"]), Asked(["ann-1"], verified=False)], now=NOON)
    assert workspace.ledger.standing.requests([first.request_id])[first.request_id].state == "suppressed"
    assert len(list(workspace.ledger.standing.suppressed())) == 1
    assert workspace.ledger.differences() == []


def test_an_unverified_request_can_be_withdrawn(workspace: Workspace) -> None:
    [made] = receive_all(workspace, [Asked(["ann-1"], verified=False)], now=NOON)
    assert decisions.cancel(workspace, made.request_id, now=NOON).state == "cancelled"


def test_a_ledger_of_before_takes_requests_in_that_say_where_they_came_from(workspace: Workspace) -> None:
    [old] = receive_all(workspace, [Asked(["ann-1"])], now=NOON)
    with workspace.ledger.engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX ledger_request_reference")
        for name in ("reference", "channel"):
            connection.exec_driver_sql(f"ALTER TABLE ledger_request DROP COLUMN {name}")
        connection.exec_driver_sql("DELETE FROM unlearning_migration WHERE number = 5")
    again = open_workspace(workspace.root)
    [new] = receive_all(again, [Asked(["bob-2"], reference="OPS-77", channel="mail")], now=NOON)
    assert (again.ledger.standing.requests([old.request_id])[old.request_id], new.reference) == (old, "OPS-77")
    assert again.ledger.differences() == []
