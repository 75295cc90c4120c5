"""The intake service as a process: answers until it is told to end, and what is under way ends first or is handed over."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from unlearning.domain.addresses import without_password
from unlearning.domain.environ import INTAKE_SECRETS, PREFECT_API_URL, WEBHOOK_SECRET
from unlearning.entrypoints.console.looking import for_looking
from unlearning.entrypoints.console.pages import AT, Console
from unlearning.entrypoints.flows import scheduler
from unlearning.entrypoints.intake import delivering, signatures
from unlearning.entrypoints.intake.door import Door
from unlearning.entrypoints.intake.service import Intake, application
from unlearning.entrypoints.service import impatient, registry_webhook

if TYPE_CHECKING:
    from fastapi import FastAPI

    from unlearning.entrypoints.flows.scheduler import Scheduler
    from unlearning.project.workspace import Workspace

GRACE_S = 30
"""Seconds that a request which is being answered has to end."""


def intake(workspace: Workspace, environ: Mapping[str, str] = os.environ, *, flows: Scheduler | None = None) -> Intake:
    """The service of a project. flows: what starts them in this process. Raises KeyFileError for secrets that are none."""
    secrets = signatures.secrets_in(environ.get(INTAKE_SECRETS, ""), named=INTAKE_SECRETS)
    made = Intake(workspace, Door(workspace, secrets), _through_prefect(environ) if environ.get(PREFECT_API_URL) else _nobody)
    if flows is not None:
        made.announce, made.flows, made.flow_runs = flows.wake, flows.told, flows.count
    elif environ.get(PREFECT_API_URL):
        made.flows = lambda: {"where": "prefect"}
    return made


def console(workspace: Workspace, door: Door, *, header: str | None = None, environ: Mapping[str, str] = os.environ) -> Console:
    """The pages beside it. header: set by a reverse proxy on this machine for whoever it let in."""
    _ = workspace.ledger.standing.counts(), workspace.lineage  # what may only be looked at is there from now on
    return Console(for_looking(workspace, environ), door, header)


def serve(
    workspace: Workspace,
    *,
    host: str,
    port: int,
    proxy_header: str | None = None,
    with_flows: bool = True,
    tell: Callable[[Mapping[str, Any]], object],
    environ: Mapping[str, str] = os.environ,
) -> None:
    """Answer, tell receivers, and start flows where no Prefect server does, until the process is told to end.

    tell: called once with what runs, when requests can come. Raises KeyFileError, Unavailable when the address cannot be had.
    """
    here = with_flows and not environ.get(PREFECT_API_URL)
    flows = scheduler.of_project(workspace) if here else None
    made = intake(workspace, environ, flows=flows)
    looking = console(workspace, made.door, header=proxy_header, environ=environ)
    webhook = _webhook(flows, environ)
    workspace.ledger.head(), workspace.keys  # what is not there is said now, and not to whoever asks first
    with impatient.door(host, port) as door, ExitStack() as meanwhile:
        number = door.getsockname()[1]
        address = f"http://{host}:{number}"
        said = {"address": address, "description": f"{address}/docs", "console": f"{address}{AT}/"}
        tell({**said, **_what_runs(flows, environ), "webhooks": webhook and f"{address}{registry_webhook.PATH}"})
        more = {"server_header": False, "proxy_headers": False, "timeout_graceful_shutdown": GRACE_S}
        deliveries = delivering.deliveries(workspace, environ)
        meanwhile.enter_context(_meanwhile("callbacks", partial(delivering.keep_delivering, deliveries)))
        if flows is not None:
            meanwhile.enter_context(_meanwhile("flows", flows.keep_running))
        impatient.answer(application(made, looking, [webhook] if webhook else ()), door, **more)


def _what_runs(flows: Scheduler | None, environ: Mapping[str, str]) -> dict[str, Any]:
    """Where flows run, and which on which schedule."""
    if flows is not None:
        return {"flows": "here", "schedules": dict(flows.schedules)}
    address = environ.get(PREFECT_API_URL)
    return {"flows": f"on Prefect at {without_password(address)}" if address else "off", "schedules": {}}


def _webhook(flows: Scheduler | None, environ: Mapping[str, str]) -> Callable[[FastAPI], object] | None:
    """What takes the registry's webhooks in, where there is a secret for them and somebody who looks. Raises KeyFileError."""
    prefect = environ.get(PREFECT_API_URL)
    if not environ.get(WEBHOOK_SECRET) or (flows is None and not prefect):
        return None
    key = registry_webhook.secret(environ)
    on_change = registry_webhook.through_prefect(environ) if flows is None else lambda _model: flows.ask(scheduler.WATCH)
    return lambda app: registry_webhook.add(app, key, on_change)


@contextmanager
def _meanwhile(name: str, do: Callable[[threading.Event], object]) -> Iterator[None]:
    """A thread beside the block, which is told to end with it and has its own bounds of time."""
    stop = threading.Event()
    thread = threading.Thread(target=do, args=(stop,), name=name)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _nobody(_request_ids: Sequence[str]) -> None:
    """Without a Prefect server and flows of its own the next `unlearn erase` carries requests out."""


def _through_prefect(environ: Mapping[str, str]) -> Callable[[Sequence[str]], object]:
    from unlearning.entrypoints.flows import events

    events.warm()  # now, and not while the first who asks waits
    return lambda request_ids: events.announce(request_ids, environ)
