"""The way in over HTTP: a webhook of the MLflow registry starts a round of watching.

MLflow signs as Standard Webhooks do: HMAC-SHA256 over `delivery id.timestamp.body`, under headers of its own, the secret being
plain UTF-8. What is not signed, or was signed more than five minutes ago, starts nothing. The body is never acted on: a round
reads the registry itself, so a replayed delivery costs a look and does no harm.

Nobody can keep it from listening for long: a request is small and soon there or not heard, each connection carries one, and so
many are open at once. What goes wrong while one is answered is a line in the log and a 503 for the sender, who sends it again.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from unlearning.domain.environ import PREFECT_API_URL, WEBHOOK_SECRET
from unlearning.domain.errors import KeyFileError, foreseen
from unlearning.entrypoints import last_resort
from unlearning.entrypoints.service import impatient

if TYPE_CHECKING:
    from pathlib import Path

    from unlearning.project.workspace import Workspace

PATH = "/webhooks/mlflow"
TOLERANCE_S = 300
"""Seconds by which the sender's clock and ours may differ, either way."""

SHORTEST_SECRET = 16

LONGEST_NAME = 256
"""Characters of a registered model's name, as in MLflow's own table."""

_SECONDS = re.compile("[0-9]{1,12}")

MOVES = frozenset({("model_version", "created"), ("model_version_alias", "created")})
"""(entity, action) that can bring an erased person back. Tags do not: a round writes one, and would call itself."""

progress = logging.getLogger("unlearning.progress")

OnChange = Callable[[str], bool]
"""Called with the name of the model that changed; false when the change could not be passed on and should be sent again."""


class NotAuthentic(Exception):
    """A delivery that is not from the registry, or is too old; the message says what is wrong and nothing of the secret."""


def secret(environ: Mapping[str, str]) -> bytes:
    """The secret that the webhook was registered with. Raises KeyFileError."""
    given = environ.get(WEBHOOK_SECRET, "").encode()
    if len(given) < SHORTEST_SECRET:
        said = f"has {len(given)} bytes" if given else "is not set"
        raise KeyFileError(
            f"{WEBHOOK_SECRET} {said}; expected the secret of the MLflow webhook, at least {SHORTEST_SECRET} bytes"
        )
    return given


def verify(headers: Mapping[str, str], body: bytes, key: bytes, *, now: float) -> None:
    """Raises NotAuthentic unless the registry signed these very bytes within the last five minutes.

    now: seconds since 1970.
    """
    named = {part: headers.get(f"x-mlflow-{part}", "") for part in ("delivery-id", "timestamp", "signature")}
    if missing := [part for part, value in named.items() if not value]:
        raise NotAuthentic(f"header X-MLflow-{missing[0].title()} is missing; register the webhook with a secret")
    if not _SECONDS.fullmatch(named["timestamp"]):
        raise NotAuthentic("X-MLflow-Timestamp is no number of seconds since 1970")
    if abs(now - int(named["timestamp"])) > TOLERANCE_S:
        raise NotAuthentic(f"X-MLflow-Timestamp is more than {TOLERANCE_S} s from this machine's clock")
    signed = b".".join((named["delivery-id"].encode(), named["timestamp"].encode(), body))
    wanted = b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    if not hmac.compare_digest(wanted, named["signature"].encode()):
        raise NotAuthentic("X-MLflow-Signature does not fit the body; the secrets differ, or something changed it on the way")


def application(key: bytes, on_change: OnChange, *, clock: Callable[[], float] = time.time) -> FastAPI:
    """What `add` adds, and `GET /health`, which answers 200."""
    app = FastAPI(title="unlearn listen", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "listening"}

    add(app, key, on_change, clock=clock)
    return app


def add(app: FastAPI, key: bytes, on_change: OnChange, *, clock: Callable[[], float] = time.time) -> None:
    """`POST /webhooks/mlflow` answers 202 once the change is passed on, 401 to a forgery."""

    @app.post(PATH, status_code=202, include_in_schema=False)
    async def registry_changed(request: Request) -> dict[str, bool]:
        body = await impatient.body(request)
        try:
            verify(request.headers, body, key, now=clock())
        except NotAuthentic as error:
            progress.warning("listen  refused a delivery: %s", error)
            raise HTTPException(401, str(error)) from error
        model = moved(body)
        if model is not None and not await run_in_threadpool(_passed_on, on_change, model):
            raise HTTPException(503, "the change could not be passed on; send it again")
        return {"watching": model is not None}


def _passed_on(on_change: OnChange, model: str) -> bool:
    try:
        return on_change(model)
    except Exception as error:  # whatever it was, the sender must hear that it was not passed on
        progress.error("listen  could not pass a change on: %s", foreseen(error))
        return False


def moved(body: bytes) -> str | None:
    """The model whose new version or alias a signed delivery tells of; None when it tells of something else."""
    try:
        told = json.loads(body)
        if (told["entity"], told["action"]) not in MOVES:
            return None
        name = told["data"]["name"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise HTTPException(422, "the body is no MLflow webhook: expected entity, action and data.name") from error
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= LONGEST_NAME:
        raise HTTPException(422, f"data.name is no name of a model: expected up to {LONGEST_NAME} printable characters")
    return name


class Rounds:
    """Rounds of watching in this process: one at a time, and at most one more waiting, however many changes come."""

    def __init__(self, look: Callable[[], object], root: Path) -> None:
        """root: the project's folder, where the traceback of a bug is kept."""
        self._look, self._root = look, root
        self._waiting = threading.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="watch")

    def ask(self, model: str) -> bool:
        """A round that begins after this moment."""
        if self._waiting.acquire(blocking=False):
            progress.info("listen  %s changed", model)
            self._thread.submit(self._round)
        return True

    def _round(self) -> None:
        self._waiting.release()
        try:
            self._look()
        except Exception as error:  # whatever it was, the next change must find somebody listening
            said = last_resort.ended(error, self._root)
            progress.error("watch  failed: %s; the next change or the schedule looks again", said)

    def close(self) -> None:
        """Return once no round is under way."""
        self._thread.shutdown()


def listen(
    workspace: Workspace,
    *,
    host: str,
    port: int,
    tell: Callable[[Mapping[str, str]], object],
    environ: Mapping[str, str] = os.environ,
) -> None:
    """Answer until the process is told to end; a round that is under way ends first.

    Rounds run on the Prefect server that `PREFECT_API_URL` names, or else here.

    tell: called once with `address` and `rounds`, when deliveries can come. Raises KeyFileError without a secret, Unavailable
    when the address cannot be had.
    """
    from unlearning.domain.clocks import utc_now
    from unlearning.erasure import watch

    key, rounds = secret(environ), Rounds(lambda: watch.watch(workspace, clock=utc_now), workspace.root)
    prefect = environ.get(PREFECT_API_URL)
    app = application(key, through_prefect(environ) if prefect else rounds.ask)
    with impatient.door(host, port) as door, contextlib.closing(rounds):
        number = door.getsockname()[1]
        tell({"address": f"http://{host}:{number}{PATH}", "rounds": f"on Prefect at {prefect}" if prefect else "here"})
        impatient.answer(app, door)
        progress.info("listen  ends, once no round is under way")


def through_prefect(environ: Mapping[str, str]) -> OnChange:
    """Passes a change on as an event, which starts the deployment `watch`."""
    from unlearning.entrypoints.flows.events import registry_changed

    return lambda model: registry_changed(model, environ)
