"""The embedded server: where none is started, and what is said of one that is away."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from tests.servers import free_port
from unlearning.domain.errors import Unavailable
from unlearning.entrypoints.flows import embedded


class Closed(BaseHTTPRequestHandler):
    """A server that wants a key."""

    def do_GET(self) -> None:
        self.send_error(401)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def closed() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Closed)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/api"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("name", ["PREFECT_API_URL", "PREFECT_HOME"])
def test_where_a_server_or_a_home_is_named_none_is_started(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for one in ("PREFECT_API_URL", "PREFECT_HOME"):
        monkeypatch.delenv(one, raising=False)
    monkeypatch.setenv(name, "named")
    embedded.start(tmp_path / "home")
    assert not (tmp_path / "home").exists()
    assert {one: os.environ.get(one) for one in ("PREFECT_API_URL", "PREFECT_HOME")} == {
        "PREFECT_API_URL": "named" if name == "PREFECT_API_URL" else None,
        "PREFECT_HOME": "named" if name == "PREFECT_HOME" else None,
    }


@pytest.mark.parametrize(
    ("needed", "advice"), [(True, "correct PREFECT_API_URL"), (False, "unset PREFECT_API_URL.*run the same command again")]
)
def test_a_server_that_does_not_answer_is_named_with_the_next_step(
    monkeypatch: pytest.MonkeyPatch, needed: bool, advice: str
) -> None:
    address = f"http://127.0.0.1:{free_port()}/api"
    monkeypatch.setenv("PREFECT_API_URL", address)
    with pytest.raises(Unavailable, match=advice) as error:
        embedded.ready(needed=needed)
    assert address in str(error.value)


def test_a_server_that_wants_a_key_is_there(closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", closed)
    embedded.ready()
    monkeypatch.delenv("PREFECT_API_URL")
    embedded.ready()


def test_a_server_that_stops_to_answer_in_the_middle_is_unavailable_and_a_bug_is_a_bug() -> None:
    with pytest.raises(Unavailable, match=r"does not answer.*run the same command again"), embedded.answering():
        raise httpx.ConnectError("refused")
    with pytest.raises(ZeroDivisionError), embedded.answering():
        raise ZeroDivisionError
