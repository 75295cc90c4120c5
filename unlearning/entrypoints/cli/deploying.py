"""The commands that bring the flows to a Prefect server."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unlearning.domain.environ import PREFECT_API_URL
from unlearning.entrypoints.cli.shared import answer, project

if TYPE_CHECKING:
    from unlearning.entrypoints.flows.deployments import Deployment
    from unlearning.entrypoints.flows.server import Deployed

_take_over = click.option(
    "--take-over",
    is_flag=True,
    help="Also replace deployments of these names that belong to another folder or to prefect.yaml.",
)


@click.command()
@project
@click.option("--work-pool", "pool", default="unlearning", show_default=True, help="Whose workers run them; made when missing.")
@click.option("--workers-folder", help="What the project's folder is called where the workers run. Default: as here.")
@_take_over
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
def deploy(root: Path, as_json: bool, pool: str, workers_folder: str | None, take_over: bool, dry_run: bool) -> None:
    """Create or update the project's deployments on a Prefect server, with their schedules and triggers, for workers.

    PREFECT_API_URL names the server. The deployments are `train` (where the project trains a model), `erase`, `watch` and
    `follow`. Running it again changes only what differs; one that the project has no use for any more is removed.

    \b
    Example:  unlearn deploy && prefect worker start --pool unlearning
    """
    from unlearning.entrypoints.flows import deployments

    wanted, address = deployments.of_project(root, folder=workers_folder), _server()
    from unlearning.entrypoints.flows import server

    done = server.deploy(address, wanted, pool=pool, take_over=take_over, dry_run=dry_run)
    said = {one["name"]: one for one in _documents(wanted)}
    document = {
        "server": address,
        "dry_run": dry_run,
        "work_pool": {"name": pool, "result": "created" if done.pool_made else "kept"},
        "deployments": [{**said.get(one.name, {}), **asdict(one)} for one in done.changes],
        "next": f"prefect worker start --pool {pool}",
    }
    last = "nothing was changed: a dry run" if dry_run else f"next: {document['next']}"
    answer(as_json, document, [*_deploy_lines(done, wanted, pool), last])


@click.command("serve-flows")
@project
@_take_over
def serve_flows(root: Path, as_json: bool, take_over: bool) -> None:
    """Run the project's deployments on this machine, without a work pool, until told to end.

    PREFECT_API_URL names the Prefect server. They are the same ones as `unlearn deploy` creates. When it ends they are paused,
    and go on when it starts again.

    \b
    Example:  PREFECT_API_URL=http://127.0.0.1:4200/api unlearn serve-flows
    """
    from unlearning.entrypoints.flows import deployments

    wanted, address = deployments.of_project(root), _server()
    from unlearning.entrypoints.flows import serving

    document = {"server": address, "deployments": _documents(wanted)}
    lines = [*(_line("serving", one.name, one) for one in wanted), f"on {address}; end with Ctrl-C"]
    serving.serve(address, wanted, take_over=take_over, tell=lambda: answer(as_json, document, lines))


def _server() -> str:
    """The address of the Prefect server; raises WrongUse without one, Unavailable when it does not answer."""
    from unlearning.domain.errors import WrongUse
    from unlearning.entrypoints.flows import embedded

    address = os.environ.get(PREFECT_API_URL, "")
    if not address.startswith(("http://", "https://")):
        raise WrongUse(
            f"PREFECT_API_URL is {address or 'not set'}; expected the address of a Prefect server, which keeps deployments: "
            "start one with `prefect server start`, then `export PREFECT_API_URL=http://127.0.0.1:4200/api`, and run again"
        )
    embedded.ready(needed=True)  # before Prefect is imported, which takes seconds
    return address


def _documents(wanted: Sequence[Deployment]) -> list[dict[str, Any]]:
    return [
        {
            "name": one.name,
            "entrypoint": one.entrypoint,
            "cron": one.cron,
            "event": one.trigger.event if one.trigger else None,
            "project": one.project,
        }
        for one in wanted
    ]


def _deploy_lines(done: Deployed, wanted: Sequence[Deployment], pool: str) -> Iterator[str]:
    yield f"{'created' if done.pool_made else 'kept':<8} work pool {pool}"
    declared = {one.name: one for one in wanted}
    for one in done.changes:
        yield _line(one.result, one.name, declared.get(one.name))
        if one.differs:
            yield f"         was different: {', '.join(one.differs)}"
        if one.paused:
            yield "         its schedule is paused, and stays so until it is resumed in Prefect"


def _line(result: str, name: str, one: Deployment | None) -> str:
    starts = [f"on the schedule {one.cron}"] if one and one.cron else []
    starts += [f"on the event {one.trigger.event}"] if one and one.trigger else []
    return f"{result:<8} {name:<7}{', '.join(starts)}".rstrip()


COMMANDS = (deploy, serve_flows)
