"""Training and erasure as Prefect deployments: `python -m flows.deployments [ROOT]` serves both for one project.

The erasure starts when an event `unlearning.erasure.requested` names a request, and every hour for requests whose event was
lost. `prefect.yaml` declares the same two for workers of a work pool.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from prefect import flow, serve
from prefect.deployments.runner import RunnerDeployment
from prefect.events import DeploymentEventTrigger
from prefect.flows import EntrypointType  # type: ignore[attr-defined]

from flows import erase as erasing
from flows import train as training
from flows.events import REQUESTED, RESOURCE
from unlearning.receiving import chosen
from unlearning.workspace import open_workspace

EVERY_HOUR = "0 * * * *"


@flow(name="unlearning-erase", flow_run_name="erase", persist_result=False)
def erase(root: str = ".", request_id: str | None = None, replay: bool = False) -> list[dict[str, Any]]:
    """Carry out every open request of a project in one batch, on the task runner that `params.yaml` names.

    request_id: the opaque id that an event announced; the run fails when the ledger does not know it.
    """
    workspace = open_workspace(Path(root))
    if request_id is not None:
        chosen(workspace, [request_id])
    return erasing.run(workspace, [], replay=replay)


@flow(name="unlearning-train", flow_run_name="train", persist_result=False)
def train(root: str = ".") -> dict[str, Any]:
    """Train what is missing, judge it, register it and move the alias when it passed."""
    return training.run(open_workspace(Path(root)))


def deployments(root: Path) -> list[RunnerDeployment]:
    """Both deployments of the project in a folder."""
    where = {"root": str(root.resolve())}
    trigger = DeploymentEventTrigger(
        name="erasure-requested",
        expect={REQUESTED},
        match={"prefect.resource.id": f"{RESOURCE}.*"},
        parameters={**where, "request_id": "{{ event.payload.request_id }}"},
    )
    module = EntrypointType.MODULE_PATH
    return [
        train.to_deployment(name="train", parameters=where, entrypoint_type=module),  # type: ignore[list-item]
        erase.to_deployment(  # type: ignore[list-item]
            name="erase", parameters=where, cron=EVERY_HOUR, triggers=[trigger], entrypoint_type=module
        ),
    ]


if __name__ == "__main__":
    serve(*deployments(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
