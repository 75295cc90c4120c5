"""The embedded Prefect server: there in time, quiet, and gone with the process that started it, however that ends."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from flows import embedded
from tests.servers import free_port
from unlearning.errors import Unavailable

ROOT = Path(__file__).parents[2]
QUIET = {"DO_NOT_TRACK": "true", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_LOGGING_LEVEL": "CRITICAL"}

START = """
import os, sys
from pathlib import Path
from flows import embedded

embedded.start(Path(sys.argv[1]))
print(os.environ["PREFECT_API_URL"], flush=True)
embedded.ready()
"""
FLOW = """
from prefect import flow


@flow(name="a flow of the test")
def nothing():
    return None


nothing()
"""
SLEEP = """
print("ready", flush=True)
import time

time.sleep(600)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all: making Prefect's database takes seconds."""
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PREFECT_API_URL", "PREFECT_HOME"):
        monkeypatch.setenv(name, "")  # so that what the code sets is taken back
        monkeypatch.delenv(name)


@pytest.fixture
def locked() -> Iterator[str]:
    """A server that lets nobody in."""

    class Refuse(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(401)

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Refuse) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()
        thread.join()


def script(home: Path, *parts: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("PREFECT_API_URL", "PREFECT_HOME")}
    return subprocess.Popen(
        [sys.executable, "-c", "".join(parts), str(home)],
        cwd=ROOT,
        env={**environment, **QUIET},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answers(address: str) -> bool:
    try:
        urllib.request.urlopen(f"{address}/health", timeout=5).close()
    except OSError:
        return False
    return True


@pytest.mark.services
def test_a_flow_is_recorded_by_a_server_that_ends_with_its_process_and_says_nothing(home: Path) -> None:
    process = script(home, START, FLOW)
    said, complained = process.communicate(timeout=120)
    assert (process.returncode, complained) == (0, "")
    assert not answers(said.strip())
    with closing(sqlite3.connect(home / "prefect.db")) as database:
        (recorded,) = database.execute(
            "SELECT state_type FROM flow_run JOIN flow ON flow.id = flow_id WHERE flow.name = 'a flow of the test'"
        ).fetchall()
    assert recorded == ("COMPLETED",)
    assert (home / "server.log").exists()


@pytest.mark.services
def test_the_server_ends_when_its_process_is_killed(home: Path) -> None:
    process = script(home, START, SLEEP)
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    assert process.stdout.readline() == "ready\n"
    assert answers(address)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    end = time.monotonic() + 60
    while answers(address) and time.monotonic() < end:
        time.sleep(0.1)
    assert not answers(address)


@pytest.mark.parametrize("name", ["PREFECT_API_URL", "PREFECT_HOME"])
def test_a_server_or_home_that_is_named_is_left_alone(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "elsewhere")
    before = dict(os.environ)
    embedded.start(tmp_path / "home")
    assert dict(os.environ) == before
    assert not (tmp_path / "home").exists()


def test_a_process_that_has_imported_prefect_gets_a_home_and_no_second_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prefect", sys)
    embedded.start(tmp_path / "home")
    assert os.environ["PREFECT_HOME"] == str(tmp_path / "home")
    assert "PREFECT_API_URL" not in os.environ
    embedded.ready()  # nothing to wait for


def test_a_server_that_does_not_answer_is_named_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"http://127.0.0.1:{free_port()}/api"
    monkeypatch.setenv("PREFECT_API_URL", address)
    with pytest.raises(Unavailable, match=f"{address} does not answer .*; start it, or unset PREFECT_API_URL"):
        embedded.ready()


def test_a_server_that_wants_a_key_is_there(locked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", locked)
    embedded.ready()
