"""Callbacks out: told once and signed, again after a failure or a kill under the same id, given up visibly."""

from __future__ import annotations

import base64
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from standardwebhooks.webhooks import Webhook

from tests.entrypoints.cli.commands import unlearn
from tests.entrypoints.intake.conftest import KEY, NOON, Service
from tests.entrypoints.intake.test_serving import allowing
from tests.entrypoints.intake.test_signatures import OTHER, SECRET
from tests.histories import History
from tests.receivers import Got, Receiver, receiving
from unlearning.domain.callbacks import PATIENCE
from unlearning.domain.environ import CALLBACK_SECRETS
from unlearning.domain.errors import KeyFileError
from unlearning.domain.events import CallbackAsked, CallbackFailed, CallbackTold
from unlearning.entrypoints.intake import delivering
from unlearning.entrypoints.intake.delivering import Busy, Deliveries, Round
from unlearning.entrypoints.intake.door import Door
from unlearning.entrypoints.intake.service import Intake, application
from unlearning.erasure import decisions
from unlearning.project import access, callbacks
from unlearning.project.settings import CallbackSettings
from unlearning.project.workspace import Workspace

TOKEN = "eyJ.reply-token.x"
UUID = "a7551968-d5d6-44b2-9831-815ac9017798"


@dataclass
class House(Service):
    """A service whose requesters want to be told, and a receiver that may be called."""

    receiver: Receiver = field(default_factory=Receiver)
    now: datetime = NOON

    def deliveries(self, *, secrets: Sequence[bytes] = (KEY,)) -> Deliveries:
        return Deliveries(self.workspace, secrets, clock=lambda: self.now, draw=lambda: 1.0)

    def submit(self, person: str = "ann-1", **more: Any) -> Any:
        said = {"subjects": [person], "identity_verified": True, "callback_url": self.receiver.url(), **more}
        return self.ask("POST", "/v1/requests", json_body=said)

    def told(self) -> list[tuple[str, Any]]:
        """(id, body) of every call, its signature checked by the package at the moment of the test's clock."""
        return [(got.headers["webhook-id"], json.loads(verified(got))) for got in self.receiver.got]

    def kinds(self) -> list[str]:
        return [event.kind for event in self.workspace.ledger.events() if event.kind.startswith("Callback")]


def verified(got: Got, key: bytes = KEY) -> bytes:
    """Its body. The package's own check reads the clock, so its signature is made anew and compared."""
    at = datetime.fromtimestamp(int(got.headers["webhook-timestamp"]), NOON.tzinfo)
    said = Webhook(base64.b64encode(key).decode()).sign(got.headers["webhook-id"], at, got.body.decode())
    assert said in got.headers["webhook-signature"].split(" ")
    return got.body


@pytest.fixture
def house(beginning: History, tmp_path: Path) -> Iterator[House]:
    with receiving() as receiver:
        plain = beginning.copy(tmp_path / "project").workspace
        said = CallbackSettings(internal=(receiver.at,), fides=f"http://{receiver.at}/api/v1")
        workspace = Workspace(plain.root, plain.settings.model_copy(update={"callbacks": said}))
        tokens = {one: access.grant(workspace, [one], now=NOON).token for one in access.SCOPES}  # type: ignore[list-item]
        made = Intake(workspace, Door(workspace, (KEY,), clock=NOON.timestamp), lambda _ids: None, clock=lambda: NOON)
        with TestClient(application(made), raise_server_exceptions=False) as client:
            yield House(workspace, client, tokens, receiver=receiver)
        events = str(workspace.ledger.events())
        assert not any(word in events for word in ("ann-1", "bob-2", TOKEN))
        assert not any(b"ann-1" in got.body or b"bob-2" in got.body for got in receiver.got)


def test_each_state_is_told_once_as_a_signed_event_until_the_last(house: House) -> None:
    [request] = house.submit(reference="OPS-77").json()["requests"]
    name, deliveries = request["request_id"], house.deliveries()
    assert deliveries.deliver() == Round(told=1, open=1)
    assert deliveries.deliver() == house.deliveries().deliver() == Round(open=1)
    decisions.cancel(house.workspace, name, now=NOON, reason="withdrawn")
    assert deliveries.deliver() == Round(told=1)
    assert deliveries.deliver() == house.deliveries().deliver() == Round()
    [(first, suppressed), (second, cancelled)] = house.told()
    assert first != second
    assert suppressed["id"] == first
    data = {"request_id": name, "state": "suppressed", "reference": "OPS-77", "due_at": request["due_at"]}
    assert suppressed["data"] == data
    assert cancelled["data"] == {**data, "state": "cancelled"}
    assert cancelled["type"] == "unlearning.request.cancelled"
    assert house.receiver.got[0].headers["content-type"] == "application/cloudevents+json"
    [shown] = house.ask("GET", f"/v1/requests/{name}").json()["callbacks"]
    assert (shown["to"], shown["told"], shown["given_up"]) == (f"http://{house.receiver.at}", "cancelled", False)


def test_our_own_events_are_events_to_the_package_and_signed_with_each_secret(house: House) -> None:
    from cloudevents.core.v1.event import CloudEvent

    house.submit()
    house.deliveries(secrets=(KEY, OTHER)).deliver()
    [got] = house.receiver.got
    document = json.loads(got.body)
    CloudEvent({key: value for key, value in document.items() if key != "data"}, document["data"])
    assert verified(got, KEY) == verified(got, OTHER)


def test_the_package_takes_what_is_signed_now(house: House) -> None:
    house.submit()
    Deliveries(house.workspace, (KEY,)).deliver()
    [got] = house.receiver.got
    assert Webhook(SECRET).verify(got.body, got.headers)["data"]["state"] == "suppressed"


def test_a_failure_is_tried_again_later_under_the_same_id_and_given_up_after_days(house: House) -> None:
    [request] = house.submit().json()["requests"]
    house.receiver.answers = lambda number: 500 if number < 3 else 204
    deliveries = house.deliveries()
    assert deliveries.deliver() == Round(failed=1, open=1)
    assert deliveries.deliver() == Round(open=1)
    house.now += timedelta(seconds=10)
    assert house.deliveries().deliver() == Round(failed=1, open=1)
    [line] = [one for one in unlearn(house.workspace.root, "status").out.splitlines() if "told again" in one]
    assert "it answered 500" in line
    house.now += timedelta(seconds=40)
    assert deliveries.deliver() == Round(told=1, open=1)
    assert len({name for name, _ in house.told()}) == 1
    house.receiver.answers = lambda _number: 500
    decisions.cancel(house.workspace, request["request_id"], now=house.now, reason="withdrawn")
    tries, began = 0, house.now
    while (done := deliveries.deliver()).open:
        tries += done.failed
        house.now += timedelta(hours=12)
    assert (done.given_up, house.now - began >= PATIENCE) == (1, True)
    assert 5 < tries < 15
    assert "was not told that it is cancelled" in unlearn(house.workspace.root, "status").out


def test_a_kill_between_the_call_and_its_event_tells_again_under_the_same_id(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.submit()
    ledger, append = house.workspace.ledger, house.workspace.ledger.append

    def killed(subject: str, fact: Any, *, at: datetime) -> Any:
        if isinstance(fact, CallbackTold):
            raise KeyboardInterrupt
        return append(subject, fact, at=at)

    monkeypatch.setattr(ledger, "append", killed)
    with pytest.raises(KeyboardInterrupt):
        house.deliveries().deliver()
    monkeypatch.setattr(ledger, "append", append)
    assert house.deliveries().deliver() == Round(told=1, open=1)
    assert house.told()[0] == house.told()[1]
    assert house.kinds() == ["CallbackAsked", "CallbackTold"]


def test_one_delivers_at_a_time_and_the_other_finds_it_done(house: House) -> None:
    for number in range(4):
        house.submit(f"bob-2{number}")
    mine, other = house.deliveries(), house.deliveries()
    with house.workspace.ledger.exclusive(delivering.LOCK), pytest.raises(Busy):
        mine.deliver()
    results: list[int] = []

    def one(deliveries: Deliveries) -> None:
        while len(results) < 2:
            with suppress(Busy):
                results.append(deliveries.deliver().told)

    threads = [threading.Thread(target=one, args=(each,)) for each in (mine, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(results) == 4
    assert len(house.receiver.got) == 4


def test_opendsr_is_told_its_status_with_everything_that_the_specification_asks_for(house: House) -> None:
    said = {
        "subject_request_id": UUID,
        "subject_request_type": "erasure",
        "regulation": "gdpr",
        "subject_identities": [
            {"identity_type": "text", "identity_value": one, "identity_format": "raw"} for one in ("ann-1", "bob-2")
        ],
        "status_callback_urls": [house.receiver.url("/a"), house.receiver.url("/a"), house.receiver.url("/b")],
    }
    made = house.ask("POST", "/v1/opendsr/requests", json_body=said)
    assert made.status_code == 201, made.text
    deliveries = house.deliveries()
    assert deliveries.deliver().told == 2
    house.ask("DELETE", f"/v1/opendsr/requests/{UUID}")
    assert deliveries.deliver() == Round(told=2)
    assert sorted({got.path for got in house.receiver.got}) == ["/a", "/b"]
    bodies = [body for _, body in house.told()]
    assert [one["request_status"] for one in bodies] == ["pending", "pending", "cancelled", "cancelled"]
    assert bodies[0].keys() == {
        "controller_id",
        "expected_completion_time",
        "status_callback_url",
        "subject_request_id",
        "request_status",
        "api_version",
    }
    assert bodies[0]["controller_id"] == made.json()["controller_id"]
    assert {one["subject_request_id"] for one in bodies} == {UUID}


def fides(house: House, **headers: str) -> Any:
    said = {"privacy_request_id": "pri_1", "identity": {"email": None, "customer": "ann-1"}, "direction": "two_way"}
    return house.ask("POST", "/v1/fides/webhook", json_body=said, **headers)


def test_fides_is_resumed_with_its_token_once_the_request_has_ended_and_the_token_is_gone(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert fides(house, reply_to="/privacy-request/pri_1/resume", reply_to_token="old").json()["halt"] is True
    assert fides(house, reply_to="/privacy-request/pri_1/resume", reply_to_token=TOKEN).json()["halt"] is True
    deliveries = house.deliveries(secrets=())
    assert deliveries.deliver() == Round(open=1)
    assert len(list((house.workspace.root / callbacks.TOKENS).iterdir())) == 1
    [name] = house.states()
    decisions.cancel(house.workspace, name, now=NOON, reason="withdrawn")
    assert deliveries.deliver() == Round(told=1)
    [got] = house.receiver.got
    assert (got.path, json.loads(got.body)) == ("/api/v1/privacy-request/pri_1/resume", {"derived_identities": {}})
    assert got.headers["authorization"] == f"Bearer {TOKEN}"
    assert not list((house.workspace.root / callbacks.TOKENS).iterdir())
    assert TOKEN not in caplog.text


def test_fides_that_cannot_be_resumed_from_here_is_halted_and_that_is_said(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    assert fides(house).json()["halt"] is True
    assert house.kinds() == []
    assert "not resumed from here" in caplog.text
    for headers in ({"reply_to": house.receiver.url(), "reply_to_token": TOKEN}, {"reply_to": "/x", "reply_to_token": "a b"}):
        assert fides(house, **headers).status_code == 400


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/x",
        "https://127.0.0.1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/x",
        "https://ann:secret@a.example/x",
        "https://a.example/ann-1",
        "https://a.example/x?who=ann%2D1",
        "no address",
    ],
)
def test_an_address_that_is_never_called_or_names_somebody_is_refused_whole(house: House, url: str) -> None:
    assert house.submit(callback_url=url).status_code == 400
    assert not house.states()


def test_a_name_that_leads_inside_is_asked_for_and_never_called(house: House) -> None:
    house.submit(callback_url=f"https://rebound.example:{house.receiver.port}/x")
    deliveries = house.deliveries()
    deliveries.resolve = lambda *_: ["127.0.0.1"]
    assert deliveries.deliver() == Round(failed=1, open=1)
    [failed] = house.workspace.ledger.of(CallbackFailed)
    assert "127.0.0.1" not in failed.fact.why
    assert not house.receiver.got


def test_settings_that_became_stricter_count_for_what_was_taken_before(house: House) -> None:
    house.submit()
    plain = house.workspace.settings.model_copy(update={"callbacks": CallbackSettings()})
    stricter = Workspace(house.workspace.root, plain)
    assert Deliveries(stricter, (KEY,), clock=lambda: NOON).deliver() == Round(failed=1, open=1)
    assert not house.receiver.got


def test_the_same_demand_asks_once_and_another_address_is_one_more(house: House) -> None:
    for path, asked in (("/a", 1), ("/a", 1), ("/b", 2)):
        said = {"subjects": ["ann-1"], "identity_verified": True, "callback_url": house.receiver.url(path)}
        assert house.ask("POST", "/v1/requests", json_body=said, idempotency_key="k-1").status_code == 202
        assert len(house.workspace.ledger.of(CallbackAsked)) == asked
    assert len(house.states()) == 1


def test_without_a_secret_nothing_is_sent_unsigned(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.submit()
    with pytest.raises(KeyFileError, match=CALLBACK_SECRETS):
        house.deliveries(secrets=()).deliver()
    assert not house.receiver.got
    with pytest.raises(KeyFileError, match=CALLBACK_SECRETS):
        delivering.deliveries(house.workspace, {CALLBACK_SECRETS: "hunter2"})


def test_a_host_that_fails_is_tried_once_a_look_and_holds_up_no_other(house: House) -> None:
    for number in range(3):
        house.submit(f"ann-1{number}", callback_url=f"https://down.example/{number}")
    house.submit("bob-2")
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    deliveries = house.deliveries()
    deliveries.resolve = resolve
    assert deliveries.deliver() == Round(told=1, failed=1, open=4)
    assert asked.count("down.example") == 1
    assert deliveries.deliver() == Round(open=4)
    house.now += timedelta(seconds=10)
    assert deliveries.deliver() == Round(failed=1, open=4)
    assert asked.count("down.example") == 2
    deliveries.resolve = lambda *_: ["127.0.0.1"]
    assert deliveries.deliver() == Round(open=4)


def test_the_command_delivers_and_the_service_keeps_on(house: House) -> None:
    house.submit()
    stop = threading.Event()
    thread = threading.Thread(target=delivering.keep_delivering, args=(house.deliveries(), stop), kwargs={"every_s": 0.02})
    thread.start()
    try:
        ends = time.monotonic() + 300
        while not house.receiver.got and time.monotonic() < ends:
            time.sleep(0.02)
    finally:
        stop.set()
        thread.join()
    assert len(house.receiver.got) == 1
    done = unlearn(house.workspace.root, "deliver", "--json")
    assert (done.code, done.document) == (0, {"told": 0, "failed": 0, "given_up": 0, "open": 1})


@pytest.mark.slow
def test_a_killed_process_is_taken_over_and_the_receiver_can_tell_the_repeat(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowing(house.workspace.root, house.receiver)
    monkeypatch.setenv(CALLBACK_SECRETS, SECRET)
    house.submit()
    house.receiver.trickle_s = 0.1
    script = "from unlearning.entrypoints.cli import main; main(['deliver'])"
    with subprocess.Popen([sys.executable, "-c", script], cwd=house.workspace.root) as process:
        while not house.receiver.got:
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
    house.receiver.trickle_s = 0
    done = unlearn(house.workspace.root, "deliver", "--json")
    assert done.document == {"told": 1, "failed": 0, "given_up": 0, "open": 1}
    first, again = house.told()
    assert first == again
