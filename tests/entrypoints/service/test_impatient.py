"""`unlearn listen` as a process, over real sockets: the slow, the many and the broken do not keep it from listening."""

from __future__ import annotations

import gc
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI

from tests.entrypoints.flows.conftest import apart
from tests.entrypoints.service.test_registry_webhook import SECRET, delivery, signed
from tests.servers import free_port
from unlearning.domain.environ import WEBHOOK_SECRET
from unlearning.entrypoints.service import impatient, registry_webhook

ROUND_S = 3
POST = f"POST {registry_webhook.PATH} HTTP/1.1\r\nHost: x\r\n".encode()
SCRIPT = f"""
import pathlib, sys, time
from unlearning.entrypoints.service import impatient, registry_webhook
from unlearning.erasure import watch
from unlearning.project.settings import Settings
from unlearning.project.workspace import Workspace
import logging
logging.basicConfig(level=logging.INFO)
impatient.LATEST_S, impatient.MOST_CONNECTIONS = 1, 8

def look(workspace, clock):
    pathlib.Path("began").touch()
    time.sleep({ROUND_S})
    pathlib.Path("ended").touch()

watch.watch = look
workspace = Workspace(pathlib.Path.cwd(), Settings(model="outcome", recipe="recipe.py:recipe"))
registry_webhook.listen(workspace, host="127.0.0.1", port=int(sys.argv[1]), tell=lambda said: pathlib.Path("listens").touch())
"""
"""As the command, with patience and rounds of a test's length."""


class Listening:
    """The process, and how it is spoken to."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.log = folder / "log"
        environment = apart({WEBHOOK_SECRET: SECRET, "PREFECT_API_URL": ""})
        with self.log.open("wb") as log:
            command = [sys.executable, "-c", SCRIPT, str(self.port)]
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        self.until("listens")

    def until(self, name: str) -> None:
        end = time.monotonic() + 120
        while not (self.folder / name).exists():
            assert time.monotonic() < end, self.log.read_text()
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def send(self, content: bytes) -> bytes:
        """What comes back for these bytes, until the other side closes."""
        with self.connect() as door:
            door.sendall(content)
            return everything(door)

    def health(self) -> bytes:
        return self.send(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")


def everything(door: socket.socket) -> bytes:
    said = b""
    try:
        while more := door.recv(4096):
            said += more
    except ConnectionResetError:
        pass
    return said


def posted(body: bytes, *, length: int | None = None) -> bytes:
    """A signed delivery as it goes over the wire."""
    lines = [f"POST {registry_webhook.PATH} HTTP/1.1", "Host: x", f"Content-Length: {len(body) if length is None else length}"]
    lines += [f"{name}: {value}" for name, value in signed(body, at=int(time.time())).items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    one = Listening(tmp_path_factory.mktemp("listening"))
    yield one
    one.process.kill()
    one.process.wait()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", b""),
        (POST + b"X-Slow: ", b""),
        (posted(delivery(), length=5000), b"408"),
        (
            POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
            b"408",
        ),
    ],
    ids=["nothing", "half a head", "half a body", "half a chunk"],
)
def test_what_does_not_come_to_its_end_is_closed_in_time(content: bytes, says: bytes, listening: Listening) -> None:
    began = time.monotonic()
    answer = listening.send(content)
    assert time.monotonic() - began < 20
    assert answer.partition(b"\r\n")[0].split()[1:2] == ([says] if says else [])
    assert b"200" in listening.health().partition(b"\r\n")[0]


@pytest.mark.parametrize(
    "content",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST " + b"x" * 100_000,
        b"POST "
        + registry_webhook.PATH.encode()
        + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999999999999999\r\n\r\nabc",
        POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PUT " + registry_webhook.PATH.encode() + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /%ff/../.. HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["TLS", "version", "endless line", "endless length", "no chunk", "method", "path"],
)
def test_what_is_no_request_is_no_500_and_no_traceback(content: bytes, listening: Listening) -> None:
    answer = listening.send(content).partition(b"\r\n")[0]
    assert not answer or answer.split()[1][:1] == b"4", answer
    assert b"200" in listening.health().partition(b"\r\n")[0]


def test_whoever_hangs_up_in_the_middle_of_a_body_leaves_no_traceback(listening: Listening) -> None:
    for _ in range(3):
        with listening.connect() as door:
            door.sendall(posted(delivery(), length=5000))
            time.sleep(0.2)
    assert b"200" in listening.health().partition(b"\r\n")[0]
    assert "Traceback" not in listening.log.read_text()


def test_more_connections_than_are_taken_are_closed_and_the_listener_is_there_again_in_time(listening: Listening) -> None:
    idle = [listening.connect() for _ in range(40)]
    try:
        end = time.monotonic() + 30
        while b"200" not in listening.health() and time.monotonic() < end:
            time.sleep(0.2)
        assert b"200" in listening.health()
    finally:
        for one in idle:
            one.close()
    assert "Traceback" not in listening.log.read_text()


def test_a_connection_that_is_over_is_not_kept_until_its_time_would_have_been_up() -> None:
    before = of_connections()
    with impatient.door("127.0.0.1", 0) as door:
        app = FastAPI()
        app.add_api_route("/", lambda: {})
        server = uvicorn.Server(
            uvicorn.Config(app, http=impatient.OneRequest, log_level="error", headers=[("Connection", "close")])
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        began = time.monotonic()
        for _ in range(20):
            with closing(HTTPConnection(*door.getsockname(), timeout=60)) as connection:
                connection.request("GET", "/")
                assert connection.getresponse().read() == b"{}"
        while of_connections() > before:
            assert time.monotonic() < began + impatient.LATEST_S / 2
            time.sleep(0.05)
        server.should_exit = True
        thread.join(60)


def of_connections() -> int:
    gc.collect()
    return sum(type(one) is impatient.OneRequest for one in gc.get_objects())  # isinstance asks the object, and some warn


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_it_ends_with_0_once_the_round_has_ended(number: signal.Signals, tmp_path: Path) -> None:
    one = Listening(tmp_path)
    assert b"202" in one.send(posted(delivery())).partition(b"\r\n")[0]
    one.until("began")
    one.process.send_signal(number)
    assert one.process.wait(60) == 0, one.log.read_text()
    assert (tmp_path / "ended").exists()
    assert "Traceback" not in one.log.read_text()
