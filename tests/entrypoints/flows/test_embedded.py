"""The embedded server: where none is started, and what is said of one that is away."""

from __future__ import annotations

import atexit
import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from prefect.server.api.server import SubprocessASGIServer

from tests.servers import free_port
from unlearning.domain.environ import PREFECT_PATIENCE
from unlearning.domain.errors import SettingsError, Unavailable
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
    ("needed", "advice"),
    [(True, "or correct PREFECT_API_URL"), (False, "which PREFECT_API_URL names.* unset it .*run the same command again")],
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


class Away(Closed):
    """A gateway whose server is gone."""

    def do_GET(self) -> None:
        self.send_error(502)


@pytest.fixture
def away() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Away) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_gateway_that_answers_for_a_server_is_none(away: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", f"{away}/api")
    with pytest.raises(Unavailable, match="Bad Gateway"):
        embedded.ready()


def test_a_proxy_that_stands_between_is_named_as_the_cause(away: str, monkeypatch: pytest.MonkeyPatch) -> None:
    proxied(monkeypatch, away)
    monkeypatch.setenv("PREFECT_API_URL", "http://prefect.example:4200/api")
    with pytest.raises(Unavailable, match=r"through the proxy that HTTP_PROXY names: add prefect\.example to NO_PROXY"):
        embedded.ready()


def proxied(monkeypatch: pytest.MonkeyPatch, address: str, without: str | None = None) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HTTP_PROXY", address)
    if without is not None:
        monkeypatch.setenv("NO_PROXY", without)


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, "127.0.0.1"), ("intra.example", "intra.example,127.0.0.1"), ("*", "*"), ("127.0.0.1", "127.0.0.1")],
)
def test_our_own_server_is_asked_without_a_proxy(
    away: str, closed: str, before: str | None, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxied(monkeypatch, away, before)
    embedded.without_proxy("127.0.0.1")
    assert os.environ["NO_PROXY"] == after
    monkeypatch.setenv("PREFECT_API_URL", closed)
    embedded.ready()  # it is there, and the proxy is not asked
    assert httpx.get(closed).status_code == 401


@pytest.mark.parametrize("address", ["named", "file:///etc", "ftp://x/api", ""])
def test_an_address_that_is_none_is_a_setting_to_correct(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", address)
    with pytest.raises(SettingsError, match=r"PREFECT_API_URL is no http\(s\) address"):
        embedded.ready()


@pytest.mark.parametrize("address", ["http://a b/api", "http://[::1/api", "http://x:port/api"])
def test_an_address_that_cannot_be_asked_is_no_traceback(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", address)
    with pytest.raises((Unavailable, SettingsError), match="PREFECT_API_URL"):
        embedded.ready()


def test_a_named_server_that_never_answers_is_not_waited_for_as_long_as_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_ANSWER_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as door:  # it takes the connection and says nothing
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{door.getsockname()[1]}/api")
        with pytest.raises(Unavailable, match="timed out"):
            embedded.ready()


@pytest.mark.parametrize(
    ("log", "says"),
    [
        ("sqlite3.OperationalError: database or disk is full", "the disk of .* is full or read-only"),
        ("OSError: [Errno 28] No space left on device", "the disk of .* is full or read-only"),
        ("OSError: [Errno 30] Read-only file system: 'x'", "the disk of .* is full or read-only"),
        ("ImportError: no such module", r"embedded server ended with 3; its log is .*server\.log"),
    ],
)
def test_our_own_server_that_ended_is_said_to_have_with_the_cause_and_nothing_of_settings_that_nobody_made(
    log: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "server.py"
    script.write_text(f"print({log!r}); raise SystemExit(3)")
    monkeypatch.setattr(embedded, "_SERVER", script)
    monkeypatch.setattr(atexit, "register", lambda *_: None)
    address = embedded._serve_apart(tmp_path)
    monkeypatch.setenv("PREFECT_API_URL", address)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    embedded._ours[address].communicate()
    with pytest.raises(Unavailable, match=says) as caught:
        embedded.ready()
    assert "PREFECT_API_URL" not in str(caught.value)
    with pytest.raises(Unavailable, match=says), embedded.answering():
        raise httpx.HTTPStatusError("500", request=httpx.Request("GET", address), response=httpx.Response(500))


def test_a_server_that_stops_to_answer_in_the_middle_is_unavailable_and_a_bug_is_a_bug() -> None:
    with pytest.raises(Unavailable, match=r"does not answer.*run the same command again"), embedded.answering():
        raise httpx.ConnectError("refused")
    with pytest.raises(ZeroDivisionError), embedded.answering():
        raise ZeroDivisionError


def test_a_server_of_prefects_own_that_starts_too_slowly_is_no_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for as long as ours is, and then it is an outage, after which the service tries again."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.setenv(PREFECT_PATIENCE, "0")
    monkeypatch.setattr(SubprocessASGIServer, "_run_uvicorn_command", lambda _server: _NeverReady())
    server = SubprocessASGIServer()
    with pytest.raises(Unavailable, match=f"did not answer within 0 s.*{PREFECT_PATIENCE}"), embedded.answering():
        server.start(timeout=1)
    with pytest.raises(RuntimeError, match="something else"), embedded.answering():
        raise RuntimeError("something else")
    monkeypatch.delenv(PREFECT_PATIENCE)
    embedded.start(tmp_path)
    assert os.environ[PREFECT_PATIENCE] == "180"


class _NeverReady:
    """A process that runs and does nothing."""

    stdout = stderr = None

    def poll(self) -> None:
        """It has not ended."""

    terminate = wait = kill = lambda *_, **__: None
