"""The intake service as a process: answers until it is told to end, and what is under way ends first."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from unlearning.domain.environ import INTAKE_SECRETS, PREFECT_API_URL
from unlearning.entrypoints.console.looking import for_looking
from unlearning.entrypoints.console.pages import AT, Console
from unlearning.entrypoints.intake import delivering, signatures
from unlearning.entrypoints.intake.door import Door
from unlearning.entrypoints.intake.service import Intake, application
from unlearning.entrypoints.service import impatient

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace

GRACE_S = 30
"""Seconds that a request which is being answered has to end."""


def intake(workspace: Workspace, environ: Mapping[str, str] = os.environ) -> Intake:
    """The service of a project. Raises KeyFileError for secrets that are none."""
    secrets = signatures.secrets_in(environ.get(INTAKE_SECRETS, ""), named=INTAKE_SECRETS)
    return Intake(workspace, Door(workspace, secrets), _through_prefect(environ) if environ.get(PREFECT_API_URL) else _nobody)


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
    tell: Callable[[Mapping[str, str]], object],
    environ: Mapping[str, str] = os.environ,
) -> None:
    """Answer until the process is told to end.

    tell: called once with `address`, when requests can come. Raises KeyFileError, Unavailable when the address cannot be had.
    """
    made = intake(workspace, environ)
    looking = console(workspace, made.door, header=proxy_header, environ=environ)
    workspace.ledger.head(), workspace.keys  # what is not there is said now, and not to whoever asks first
    with impatient.door(host, port) as door:
        number = door.getsockname()[1]
        address = f"http://{host}:{number}"
        tell({"address": address, "description": f"{address}/docs", "console": f"{address}{AT}/"})
        more = {"server_header": False, "proxy_headers": False, "timeout_graceful_shutdown": GRACE_S}
        with _delivering(workspace, environ):
            impatient.answer(application(made, looking), door, **more)


@contextmanager
def _delivering(workspace: Workspace, environ: Mapping[str, str]) -> Iterator[None]:
    """Callbacks go out meanwhile; what is under way when the block ends has its own bound of time."""
    made, stop = delivering.deliveries(workspace, environ), threading.Event()
    thread = threading.Thread(target=delivering.keep_delivering, args=(made, stop), name="callbacks")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _nobody(_request_ids: Sequence[str]) -> None:
    """Without a Prefect server the next `unlearn erase` carries requests out."""


def _through_prefect(environ: Mapping[str, str]) -> Callable[[Sequence[str]], object]:
    from unlearning.entrypoints.flows.events import announce

    return lambda request_ids: announce(request_ids, environ)
