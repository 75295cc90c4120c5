"""The deployments of a project, run on this machine until somebody ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from prefect.runner import Runner

from unlearning.entrypoints.flows import server
from unlearning.entrypoints.flows.deployments import Deployment


def serve(address: str, wanted: Sequence[Deployment], *, take_over: bool = False, tell: Callable[[], None]) -> None:
    """Register them with the Prefect server and carry out their runs here; tell: called as soon as they are there.

    Raises WrongUse where another project's are in the way, Unavailable when the server does not answer.
    """
    with server.asked(address) as client:
        server.remove(client, server.changes(client, wanted, pool=None, take_over=take_over))
    runner = Runner(name="unlearning")
    for one in wanted:
        runner.add_deployment(server.as_prefect(one, pool=None))
    tell()
    try:
        asyncio.run(runner.start())
    except KeyboardInterrupt:
        return
