"""Real servers for tests: started on a free loopback port, awaited with a bound, and surely stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests import warm

_QUIET = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DVC_NO_ANALYTICS": "1",
    # Seven more processes a server, for GenAI evaluations that nothing here asks for.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}

# `mlflow models serve` looks for uvicorn there.
_PATH = {"PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))}


@contextlib.contextmanager
def mlflow_server(
    folder: Path,
    *,
    port: int | None = None,
    database: str | None = None,
    environment: Mapping[str, str] | None = None,
    start_within_s: float = 180,
) -> Iterator[str]:
    """The address of an MLflow server with proxied artifacts in `folder`; database: a URL, else a SQLite file there."""
    port = port or free_port()
    # Its server process, too, is one that has imported everything.
    script = f"import sys; sys.executable = {warm.python()!r}; from mlflow.cli import cli; cli(prog_name='mlflow')"
    command = [
        *(warm.python(), "-c", script, "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", database or f"sqlite:///{folder / 'server.db'}"),
        *("--artifacts-destination", str(folder / "artifacts")),
    ]
    with running(command, folder / "mlflow-server.log", environment or {}, f"http://127.0.0.1:{port}/health", start_within_s):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def prefect_server(folder: Path, *, start_within_s: float = 180) -> Iterator[str]:
    """The API address of a Prefect server whose home is `folder`; give it to flows as PREFECT_API_URL."""
    port = free_port()
    environment = {
        "PREFECT_HOME": str(folder),
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    }
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"]
    address = f"http://127.0.0.1:{port}/api"
    with running(command, folder / "prefect-server.log", environment, f"{address}/health", start_within_s) as group:
        _started[address] = _Started(group)
        yield address
        del _started[address]


@dataclass
class _Started:
    """A server of a session, and how many use it now."""

    group: int
    users: int = 0


_started: dict[str, _Started] = {}


@contextlib.contextmanager
def awake(address: str) -> Iterator[None]:
    """A Prefect server runs while the block lasts, and rests after: what it looks for on its own costs a tenth of a core."""
    server = _started[address]
    server.users += 1
    os.killpg(server.group, signal.SIGCONT)
    try:
        yield
    finally:
        server.users -= 1
        if not server.users:
            os.killpg(server.group, signal.SIGSTOP)


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    command: list[str], log: Path, environment: Mapping[str, str], health: str | Sequence[str], bound_s: float
) -> Iterator[int]:
    """The command as a process group, from when `health` answers until the block ends; what it says goes to `log`.

    health: an address; or a command, of which an empty one asks nothing.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, **_QUIET, **_PATH, **environment},
            cwd=log.parent,
            start_new_session=True,  # workers are in the same group, so that stopping reaches them
        )
    try:
        _await(server, health, log, bound_s)
        yield server.pid
    finally:
        stop(server)


def _await(server: subprocess.Popen[bytes], health: str | Sequence[str], log: Path, bound_s: float) -> None:
    end = time.monotonic() + bound_s
    while time.monotonic() < end:
        if server.poll() is not None:
            raise RuntimeError(f"the server ended with {server.returncode}:\n{_tail(log)}")
        if _is_healthy(health):
            return
        time.sleep(0.1)
    raise TimeoutError(f"{health} was not healthy within {bound_s} s:\n{_tail(log)}")


def _is_healthy(health: str | Sequence[str]) -> bool:
    if not isinstance(health, str):
        return (
            not health or subprocess.run(health, env={**os.environ, **_PATH}, capture_output=True, check=False).returncode == 0
        )
    with contextlib.suppress(OSError), urllib.request.urlopen(health, timeout=2) as answer:
        return bool(answer.status == 200)
    return False


def stop(server: subprocess.Popen[bytes]) -> None:
    """End the whole process group: politely first, then for certain."""
    for number, patience_s in ((signal.SIGTERM, 60), (signal.SIGKILL, 10)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, number)
            os.killpg(server.pid, signal.SIGCONT)  # one that rests hears nothing
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(patience_s)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)


def _tail(log: Path, lines: int = 30) -> str:
    return "\n".join(log.read_text("utf-8", errors="replace").splitlines()[-lines:])
