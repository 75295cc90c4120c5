"""Prefect's embedded server as a process of our own, started while everything else is still being imported.

Prefect would start one when the first flow runs, and wait for it; most of those seconds are the server's own imports. Ours
listens from the first moment (whoever asks early waits), writes its log to a file, and ends with this process, however it ends.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from unlearning.domain.environ import (
    NO_PROXY,
    PREFECT_API_URL,
    PREFECT_EMBEDDED,
    PREFECT_EMBEDDED_AT,
    PREFECT_HOME,
    PREFECT_PATIENCE,
)
from unlearning.domain.errors import SettingsError, Unavailable

_SERVER = Path(__file__).with_name("embedded_server.py")
_LOG, _LOCK = "server.log", "first-start.lock"
_START_SECONDS, _ANSWER_SECONDS, _STOP_SECONDS = 180, 20, 5
"""Ours is waited for while it starts; one that is named should be there."""
_HERE = "127.0.0.1"
_GATEWAYS = (407, 502, 503, 504)
"""What a proxy answers in place of a server."""
_NEEDED = 1 << 20
"""Bytes: with less the server's database cannot write a page."""
_FULL = (b"No space left on device", b"disk is full", b"Disk quota exceeded", b"Read-only file system", b"readonly database")

_NEVER_STARTED = "Timed out while attempting to connect to ephemeral Prefect API server"
"""What Prefect says, as a RuntimeError, of the server that it started itself."""

_ours: dict[str, subprocess.Popen[bytes]] = {}
"""Address → the server that this process started there."""


def start(home: Path) -> None:
    """Give this process's flows a server whose database and log lie in `home`, unless a server or a home is named already.

    Call it before Prefect is imported: it reads its settings then, and would start a server of its own, as it does in a home
    that is named; on a busy machine that takes longer than the 20 s it waits by itself.
    """
    os.environ.setdefault(PREFECT_PATIENCE, str(_START_SECONDS))
    if os.environ.keys() & {PREFECT_API_URL, PREFECT_HOME}:
        return
    os.environ[PREFECT_HOME] = str(home)
    if "prefect" not in sys.modules:
        without_proxy(_HERE)
        os.environ[PREFECT_API_URL] = os.environ[PREFECT_EMBEDDED_AT] = _serve_apart(home)


def without_proxy(host: str) -> None:
    """Let no HTTP client of this process ask a proxy for this host."""
    name = next((one for one in NO_PROXY if one in os.environ), NO_PROXY[-1])
    said = os.environ.get(name, "")
    if said.strip() != "*" and host not in said.split(","):
        os.environ[name] = ",".join(filter(None, (said, host)))


def ready(*, needed: bool = False) -> None:
    """Wait until the server that was started, or named, answers; raises Unavailable when it does not, SettingsError for none.

    needed: a server of the user's own, so that an embedded one would not do.
    """
    address = os.environ.get(PREFECT_API_URL)
    if address is None:
        return
    if not _is_http(address):
        raise SettingsError(f"{PREFECT_API_URL} is no http(s) address; expected one such as http://127.0.0.1:4200/api")
    patience = _START_SECONDS if address in _ours else _ANSWER_SECONDS
    try:
        urllib.request.urlopen(f"{address}/health", timeout=patience).close()
    except urllib.error.HTTPError as error:
        if error.code in _GATEWAYS:  # else it wants a key, or has no such page, but it is there
            raise _away(error, needed=needed) from error
    except (OSError, HTTPException, ValueError) as error:
        raise _away(error, needed=needed) from error


@contextlib.contextmanager
def answering(*, needed: bool = False) -> Iterator[None]:
    """Around a flow: raises Unavailable when the server stops to answer in the middle of it."""
    from httpx import HTTPStatusError, TransportError

    try:
        yield
    except TransportError as error:
        raise _away(error, needed=needed) from error
    except RuntimeError as error:
        if not str(error).startswith(_NEVER_STARTED):
            raise
        raise Unavailable(
            f"the server that Prefect starts in {os.environ.get(PREFECT_HOME, 'its home')} did not answer within "
            f"{os.environ.get(PREFECT_PATIENCE, '20')} s; run again when the machine has less to do, or with more in "
            f"{PREFECT_PATIENCE}, or name a server in {PREFECT_API_URL}"
        ) from error
    except HTTPStatusError as error:
        if os.environ.get(PREFECT_API_URL) not in _ours:  # what somebody else's server means by it, its caller says
            raise
        raise _away(error, needed=needed) from error


def _is_http(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that do not close, a port that is no number
        return False


def _away(error: Exception, *, needed: bool) -> Unavailable:
    """What is said of a server that does not answer: the true cause where it can be seen, and the next step."""
    address, again = os.environ.get(PREFECT_API_URL, ""), "Steps that are done are recorded: run the same command again"
    if address in _ours:
        return Unavailable(f"{_why_ours(_ours[address], Path(os.environ[PREFECT_HOME]), error)}. {again}")
    why = str(getattr(error, "reason", error)) or type(error).__name__
    host, scheme = urlsplit(address).hostname or "", urlsplit(address).scheme
    if scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host):
        step = f"it was asked through the proxy that {scheme.upper()}_PROXY names: add {host} to NO_PROXY if it needs none"
    elif needed:
        step = "start it, or correct PREFECT_API_URL"
    else:
        step = "start it, correct PREFECT_API_URL, or unset it for an embedded one"
    return Unavailable(f"Prefect's server at {address}, which PREFECT_API_URL names, does not answer ({why}); {step}. {again}")


def _why_ours(server: subprocess.Popen[bytes], home: Path, error: Exception) -> str:
    log = home / _LOG
    with contextlib.suppress(OSError):
        said = log.read_bytes()[-(1 << 16) :]
        if shutil.disk_usage(home).free < _NEEDED or any(words in said for words in _FULL):
            return f"the disk of {home}, where Prefect's embedded server has its database, is full or read-only; make room"
    ended = f"ended with {server.returncode}" if server.poll() is not None else f"does not answer ({type(error).__name__})"
    return f"Prefect's embedded server {ended}; its log is {log}"


def _serve_apart(home: Path) -> str:
    """The API address of a new server."""
    home.mkdir(parents=True, exist_ok=True)
    with socket.create_server((_HERE, 0)) as door, (home / _LOG).open("wb") as log:
        address = f"http://{_HERE}:{door.getsockname()[1]}/api"
        server = subprocess.Popen(
            # By path and -P, so that it starts whatever the working folder and Python's path are.
            [sys.executable, "-P", str(_SERVER), str(door.fileno()), str(home / _LOCK)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **PREFECT_EMBEDDED},
            pass_fds=[door.fileno()],
            start_new_session=True,  # Ctrl-C is for the flow; the server is still needed to hear how that ended
        )
    _ours[address] = server
    atexit.register(_stop, server)
    return address


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Close its standard input, which asks it to end."""
    with contextlib.suppress(BrokenPipeError, subprocess.TimeoutExpired):
        server.communicate(timeout=_STOP_SECONDS)
    server.kill()
    server.wait()
