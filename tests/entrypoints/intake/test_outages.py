"""The service while its database is locked, full, or gone: it says so, keeps nothing of what it refused, and goes on after."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from tests.entrypoints.intake.conftest import Service
from unlearning.entrypoints.intake import serving
from unlearning.entrypoints.intake.door import Door
from unlearning.entrypoints.intake.service import Intake, application
from unlearning.stores.sql import database

OWN = {"subjects": ["ann-1"], "identity_verified": True}


@contextmanager
def locked(service: Service) -> Iterator[None]:
    """Somebody else writes, and does not come to an end."""
    with closing(sqlite3.connect(service.workspace.root / ".unlearning/ledger.db", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@contextmanager
def full(service: Service) -> Iterator[None]:
    """No page more fits."""
    engine = service.workspace.ledger.engine
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()

    def limit(connection: Any, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")

    engine.dispose()
    sa.event.listen(engine, "connect", limit)
    try:
        yield
    finally:
        sa.event.remove(engine, "connect", limit)
        engine.dispose()


@contextmanager
def gone(service: Service) -> Iterator[None]:
    """Nothing opens there."""
    folder = service.workspace.root / ".unlearning"
    service.workspace.ledger.engine.dispose()
    kept = {file: file.rename(folder / f"kept-{file.name}") for file in sorted(folder.glob("ledger.db*"))}
    (folder / "ledger.db").mkdir()
    try:
        yield
    finally:
        service.workspace.ledger.engine.dispose()
        (folder / "ledger.db").rmdir()
        for file, away in kept.items():
            away.rename(file)


@pytest.mark.parametrize("outage", [locked, full, gone])
def test_what_cannot_be_kept_is_not_acknowledged_and_can_be_sent_again(
    outage: Any, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_MS", 50)
    service.workspace.ledger.engine.dispose()
    first = service.ask("POST", "/v1/requests", json_body={**OWN, "subjects": ["bob-2"]}).json()["requests"]
    before = service.workspace.ledger.head()
    many = {"subjects": [f"{number:0>60}" for number in range(400)], "identity_verified": True}
    with outage(service):
        refused = service.ask("POST", "/v1/requests", json_body=many, idempotency_key="key-1")
        assert refused.status_code == 503, refused.text
        assert refused.json()["error"]["kind"] == "Unavailable"
        if outage is gone:
            assert service.ask("GET", "/readyz", scope="").status_code == 503
        assert service.ask("GET", "/healthz", scope="").status_code == 200
    assert service.workspace.ledger.head() == before
    again = service.ask("POST", "/v1/requests", json_body=many, idempotency_key="key-1")
    assert again.status_code == 202
    assert len(service.states()) == 401
    assert first[0]["request_id"] in service.states()
    assert service.workspace.ledger.verify() == []


@pytest.mark.slow
def test_a_prefect_server_that_is_gone_costs_no_request(
    service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_CLIENT_MAX_RETRIES", "0")
    made = Intake(service.workspace, Door(service.workspace), serving._through_prefect({"PREFECT_API_URL": NOBODY}))
    with TestClient(application(made)) as client:
        headers = {"authorization": f"Bearer {service.tokens['submit']}"}
        assert client.post("/v1/requests", json=OWN, headers=headers).status_code == 202
    assert "did not take the event" in capsys.readouterr().err
    assert set(service.states().values()) == {"suppressed"}  # for the next scheduled run


NOBODY = "http://127.0.0.1:9/api"


@pytest.mark.slow
def test_an_event_that_comes_a_thousand_times_from_sixteen_clients_is_one_request(service: Service) -> None:
    event = {"specversion": "1.0", "id": "1", "source": "/privacy", "type": "com.example.erasure", "data": OWN}

    def send(_: int) -> tuple[int, str]:
        answer = service.ask("POST", "/v1/events", json_body=event, content_type="application/cloudevents+json")
        return answer.status_code, answer.json()["requests"][0]["request_id"] if answer.status_code == 202 else ""

    with ThreadPoolExecutor(16) as clients:
        found = set(clients.map(send, range(1_000)))
    assert {status for status, _ in found} <= {202, 429}
    assert len({name for _, name in found if name}) == 1
    assert len(service.states()) == 1
