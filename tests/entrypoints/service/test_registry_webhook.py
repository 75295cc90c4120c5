"""The webhook receiver: what the registry signed starts a round, everything else is turned away and says why."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from mlflow.webhooks.delivery import _generate_hmac_signature

from unlearning.domain.environ import WEBHOOK_SECRET
from unlearning.domain.errors import KeyFileError, Unavailable
from unlearning.entrypoints.service import impatient, registry_webhook
from unlearning.project.settings import Settings
from unlearning.project.workspace import Workspace

SECRET = "a secret of at least sixteen bytes: äöü"
NOW = 1_800_000_000


def delivery(entity: str = "model_version_alias", action: str = "created", **data: Any) -> bytes:
    told = {"name": "outcome", "alias": "champion", "version": "1", **data}
    return json.dumps({"entity": entity, "action": action, "timestamp": "2026-11-24T12:00:00Z", "data": told}).encode()


def signed(body: bytes, *, secret: str = SECRET, at: int = NOW) -> dict[str, str]:
    """The headers that MLflow's own code makes."""
    signature = _generate_hmac_signature(secret, "delivery-1", str(at), body.decode())
    return {"X-MLflow-Delivery-Id": "delivery-1", "X-MLflow-Timestamp": str(at), "X-MLflow-Signature": signature}


class Receiver:
    """The application, and what it passed on."""

    def __init__(self, *, takes: bool = True) -> None:
        self.changed: list[str] = []
        self.takes = takes
        self.application = registry_webhook.application(SECRET.encode(), self._note, clock=lambda: NOW)

    def _note(self, model: str) -> bool:
        self.changed.append(model)
        return self.takes

    def post(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, Any]:
        return self.call("POST", registry_webhook.PATH, content=body, headers=headers)

    def send(self, body: bytes) -> tuple[int, Any]:
        return self.post(body, signed(body))

    def call(self, method: str, path: str, **said: Any) -> tuple[int, Any]:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.application)
            async with httpx.AsyncClient(transport=transport, base_url="http://receiver") as client:
                return await client.request(method, path, **said)

        answer = asyncio.run(ask())
        return answer.status_code, answer.json()


@pytest.mark.parametrize("entity", ["model_version", "model_version_alias"])
def test_what_mlflow_signed_is_passed_on(entity: str) -> None:
    receiver = Receiver()

    assert receiver.send(delivery(entity)) == (202, {"watching": True})

    assert receiver.changed == ["outcome"]


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({}, "header X-MLflow-Delivery-Id is missing; register the webhook with a secret"),
        ({**signed(delivery()), "X-MLflow-Signature": ""}, "header X-MLflow-Signature is missing"),
        ({**signed(delivery()), "X-MLflow-Timestamp": "yesterday"}, "no number of seconds"),
        *(
            ({**signed(delivery()), "X-MLflow-Timestamp": stamp}, "no number of seconds")
            for stamp in ("9" * 400, "9" * 5000, f"{NOW}.9", f"{NOW:_}", f"{NOW / 1e9}e9", "-1", "nan")
        ),
        ({**signed(delivery()), "X-MLflow-Signature": signed(delivery())["X-MLflow-Signature"] + " v1,AAAA"}, "does not fit"),
        ({**signed(delivery()), "X-MLflow-Signature": "v1,not base64"}, "does not fit the body"),
        ({**signed(delivery()), "X-MLflow-Signature": "unversioned"}, "does not fit the body"),
        ({**signed(delivery()), "X-MLflow-Timestamp": str(NOW - 1)}, "does not fit the body"),
        ({**signed(delivery()), "X-MLflow-Delivery-Id": "delivery-2"}, "does not fit the body"),
        (signed(delivery(), secret="another secret of sixteen bytes"), "the secrets differ"),
        (signed(delivery(version="2")), "does not fit the body"),
        (signed(delivery(), at=NOW - 301), "more than 300 s from this machine's clock"),
        (signed(delivery(), at=NOW + 301), "more than 300 s from this machine's clock"),
    ],
)
def test_a_forgery_or_an_old_delivery_starts_nothing_and_learns_why(headers: dict[str, str], says: str) -> None:
    receiver = Receiver()

    status, answer = receiver.post(delivery(), headers)

    assert status == 401
    assert says in answer["detail"]
    assert SECRET not in answer["detail"]
    assert receiver.changed == []


def test_a_delivery_just_within_the_tolerance_is_taken() -> None:
    body = delivery()
    assert [Receiver().post(body, signed(body, at=NOW + off))[0] for off in (-300, 300)] == [202, 202]


def test_the_signature_is_over_the_raw_bytes() -> None:
    body = delivery()
    spaced = body.replace(b", ", b",  ")
    assert Receiver().post(spaced, signed(body))[0] == 401
    assert Receiver().post(spaced, signed(spaced))[0] == 202


@pytest.mark.parametrize(("entity", "action"), [("model_version_tag", "set"), ("model_version_alias", "deleted")])
def test_what_brings_nobody_back_is_taken_and_starts_nothing(entity: str, action: str) -> None:
    receiver = Receiver()

    assert receiver.send(delivery(entity, action)) == (202, {"watching": False})

    assert receiver.changed == []


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b"[" * 100_000, b"9" * 4400, b"1e999", b"null", b"not JSON", b"\xff", b'{"entity": {}, "action": []}'),
        b'{"entity": "model_version", "action": "created"}',
        *(delivery(name=name) for name in (["outcome"], None, "", "x" * 257, "\ud800", "a\nwatch  a lie", "\x1b[2J")),
    ],
)
def test_a_signed_body_that_is_no_webhook_is_refused(body: bytes) -> None:
    receiver = Receiver()
    if body == b"\xff":
        headers = signed(delivery())
        assert receiver.post(body, headers)[0] == 401
    else:
        assert receiver.post(body, signed(body))[0] == 422
    assert receiver.changed == []


def test_a_change_that_cannot_be_passed_on_is_asked_for_again() -> None:
    receiver = Receiver(takes=False)

    assert receiver.send(delivery())[0] == 503


def test_a_body_without_end_is_cut_off() -> None:
    receiver = Receiver()
    assert receiver.post(b"x" * (impatient.LARGEST_BODY + 1), {})[0] == 413


def test_health_answers() -> None:
    assert Receiver().call("GET", "/health") == (200, {"status": "listening"})


@pytest.mark.parametrize("environ", [{}, {WEBHOOK_SECRET: ""}, {WEBHOOK_SECRET: "short"}])
def test_without_a_secret_nobody_listens(environ: dict[str, str]) -> None:
    with pytest.raises(KeyFileError, match=r"UNLEARNING_WEBHOOK_SECRET .*at least 16 bytes"):
        registry_webhook.secret(environ)


def test_an_address_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=f"127.0.0.1:{port} .*--port"):
            registry_webhook.listen(
                Workspace(tmp_path, Settings(model="outcome", recipe="recipe.py:recipe")),
                host="127.0.0.1",
                port=port,
                tell=print,
                environ={WEBHOOK_SECRET: SECRET},
            )


# --- rounds in this process -----------------------------------------------------------------------------------------


def test_changes_during_a_round_ask_for_one_more_and_not_for_many() -> None:
    began, go_on, seen = threading.Event(), threading.Event(), []

    def look() -> None:
        seen.append(time.monotonic())
        began.set()
        assert go_on.wait(30)

    rounds = registry_webhook.Rounds(look, Path("nowhere"))
    assert rounds.ask("outcome")
    assert began.wait(30)
    for _ in range(5):
        assert rounds.ask("outcome")
    go_on.set()
    rounds.close()

    assert len(seen) == 2


@pytest.mark.parametrize("error", [Unavailable("the registry does not answer"), ValueError("Zq0001")])
def test_a_round_that_fails_says_so_and_the_next_change_still_starts_one(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes, done = [error, None], threading.Event()

    def look() -> None:
        if (outcome := outcomes.pop(0)) is not None:
            done.set()
            raise outcome

    rounds = registry_webhook.Rounds(look, Path("nowhere"))
    rounds.ask("outcome")
    assert done.wait(30)
    rounds.ask("outcome")
    rounds.close()

    assert outcomes == []
    assert "watch  failed" in caplog.text
    assert "Zq0001" not in caplog.text  # such words may hold a cell
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "error", [ValueError("Zq0001"), UnicodeEncodeError("utf-8", "Zq0001", 0, 1, "Zq0001"), KeyError("Zq0001")]
)
def test_a_change_that_breaks_what_passes_it_on_is_asked_for_again_and_not_a_500(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_model: str) -> bool:
        raise error

    receiver = Receiver()
    receiver.application = registry_webhook.application(SECRET.encode(), broken, clock=lambda: NOW)
    assert receiver.send(delivery())[0] == 503
    assert "could not pass a change on: " in caplog.text
    assert "Zq0001" not in caplog.text
