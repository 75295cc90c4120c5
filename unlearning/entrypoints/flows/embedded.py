"""Prefect's embedded server as a process of our own, started while everything else is still being imported.

Prefect would start one when the first flow runs, and wait for it; most of those seconds are the server's own imports. Ours
listens from the first moment (whoever asks early waits), writes its log to a file, and ends with this process, however it ends.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from unlearning.domain.environ import PREFECT_API_URL, PREFECT_EMBEDDED, PREFECT_HOME
from unlearning.domain.errors import Unavailable

_SERVER = Path(__file__).with_name("embedded_server.py")
_START_SECONDS, _STOP_SECONDS = 180, 5


def start(home: Path) -> None:
    """Give this process's flows a server whose database and log lie in `home`, unless a server or a home is named already.

    Call it before Prefect is imported: it reads its settings then, and would start a server of its own.
    """
    if os.environ.keys() & {PREFECT_API_URL, PREFECT_HOME}:
        return
    os.environ[PREFECT_HOME] = str(home)
    if "prefect" not in sys.modules:
        os.environ[PREFECT_API_URL] = _serve_apart(home)


def ready(*, needed: bool = False) -> None:
    """Wait until the server that was started, or named, answers; raises Unavailable when it does not.

    needed: a server of the user's own, so that an embedded one would not do.
    """
    address = os.environ.get(PREFECT_API_URL)
    if address is None:
        return
    try:
        urllib.request.urlopen(f"{address}/health", timeout=_START_SECONDS).close()
    except urllib.error.HTTPError:
        return  # it wants a key, or has no such page, but it is there
    except OSError as error:
        raise _away(error, needed=needed) from error


@contextlib.contextmanager
def answering(*, needed: bool = False) -> Iterator[None]:
    """Around a flow: raises Unavailable when the server stops to answer in the middle of it."""
    from httpx import TransportError

    try:
        yield
    except TransportError as error:
        raise _away(error, needed=needed) from error


def _away(error: Exception, *, needed: bool) -> Unavailable:
    address, home = os.environ.get(PREFECT_API_URL), os.environ.get(PREFECT_HOME, ".unlearning/prefect")
    next_step = (
        "start it, or correct PREFECT_API_URL, then run the same command again"
        if needed
        else f"start it, or unset PREFECT_API_URL for an embedded one, which writes its log to {home}/server.log. "
        "Steps that are done are recorded: run the same command again"
    )
    return Unavailable(f"Prefect's server at {address} does not answer ({error}); {next_step}")


def _serve_apart(home: Path) -> str:
    """The API address of a new server."""
    home.mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as door, (home / "server.log").open("wb") as log:
        address = f"http://127.0.0.1:{door.getsockname()[1]}/api"
        server = subprocess.Popen(
            # By path and -P, so that it starts whatever the working folder and Python's path are.
            [sys.executable, "-P", str(_SERVER), str(door.fileno())],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **PREFECT_EMBEDDED},
            pass_fds=[door.fileno()],
            start_new_session=True,  # Ctrl-C is for the flow; the server is still needed to hear how that ended
        )
    atexit.register(_stop, server)
    return address


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Close its standard input, which asks it to end."""
    with contextlib.suppress(BrokenPipeError, subprocess.TimeoutExpired):
        server.communicate(timeout=_STOP_SECONDS)
    server.kill()
    server.wait()
