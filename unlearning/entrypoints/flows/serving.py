"""The deployments of a project, run on this machine until somebody ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from prefect.runner import Runner
from prefect.settings import get_current_settings

from unlearning.entrypoints.flows import server
from unlearning.entrypoints.flows.deployments import Deployment

_POLL_S = 1.0
"""Between two looks for runs that are due, unless PREFECT_RUNNER_POLL_FREQUENCY says another: Prefect's own ten seconds are
longer than a request should wait."""


def serve(address: str, wanted: Sequence[Deployment], *, take_over: bool = False, tell: Callable[[], None]) -> None:
    """Register them with the Prefect server and carry out their runs here; tell: called as soon as they are there.

    Raises WrongUse where another project's are in the way, Unavailable when the server does not answer.
    """
    with server.asked(address) as client:
        server.remove(client, server.changes(client, wanted, pool=None, take_over=take_over))
    said = "poll_frequency" in get_current_settings().runner.model_fields_set
    runner = Runner(name="unlearning", query_seconds=None if said else _POLL_S)
    for one in wanted:
        runner.add_deployment(server.as_prefect(one, pool=None))
    tell()
    try:
        asyncio.run(runner.start())
    except KeyboardInterrupt:
        return
