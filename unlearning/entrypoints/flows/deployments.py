"""The flows as Prefect deployments: `python -m unlearning.entrypoints.flows.deployments [ROOT]` serves them for one project.

The erasure starts when an event `unlearning.erasure.requested` names a request, and every hour for requests whose event was
lost; watching starts when the registry changed, and every quarter of an hour. `prefect.yaml`, which `unlearn init` writes,
declares the same ones for workers of a work pool. A project that trains no model has no deployment for that.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from prefect import serve
from prefect.deployments.runner import RunnerDeployment
from prefect.events import DeploymentEventTrigger
from prefect.flows import EntrypointType  # type: ignore[attr-defined]

from unlearning.entrypoints.flows.deployed import erase, train
from unlearning.entrypoints.flows.events import CHANGED, REGISTRY, REQUESTED, RESOURCE
from unlearning.entrypoints.flows.follow import follow
from unlearning.entrypoints.flows.watch import watch
from unlearning.project import settings

EVERY_HOUR, EVERY_QUARTER, AT_HALF_PAST = "0 * * * *", "*/15 * * * *", "30 * * * *"


def deployments(root: Path) -> list[RunnerDeployment]:
    """The deployments of the project in a folder."""
    where = {"root": str(root.resolve())}
    requested = _when("erasure-requested", REQUESTED, RESOURCE, {**where, "request_id": "{{ event.payload.request_id }}"})
    changed = _when("registry-changed", CHANGED, REGISTRY, where)
    trains = settings.load(root).own is not None
    # Coroutines are returned only where an event loop runs.
    return [
        *([train.to_deployment("train", parameters=where, entrypoint_type=_MODULE)] if trains else []),  # type: ignore[list-item]
        erase.to_deployment("erase", parameters=where, cron=EVERY_HOUR, triggers=[requested], entrypoint_type=_MODULE),  # type: ignore[list-item]
        watch.to_deployment("watch", parameters=where, cron=EVERY_QUARTER, triggers=[changed], entrypoint_type=_MODULE),  # type: ignore[list-item]
        follow.to_deployment("follow", parameters=where, cron=AT_HALF_PAST, entrypoint_type=_MODULE),  # type: ignore[list-item]
    ]


_MODULE = EntrypointType.MODULE_PATH


def _when(name: str, event: str, resource: str, parameters: Mapping[str, str]) -> DeploymentEventTrigger:
    return DeploymentEventTrigger(
        name=name, expect={event}, match={"prefect.resource.id": f"{resource}.*"}, parameters=dict(parameters)
    )


if __name__ == "__main__":
    serve(*deployments(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
