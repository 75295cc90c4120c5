"""What a Prefect server runs for one project: each deployment's flow, schedule and trigger, declared here and nowhere else.

`unlearn deploy` creates them for the workers of a work pool and `unlearn serve-flows` runs them on one machine; `prefect.yaml`,
which `unlearn init` writes, says the same to `prefect deploy`, and a test compares the two. Nothing here imports Prefect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from unlearning.entrypoints.flows.events import CHANGED, REGISTRY, REQUESTED, RESOURCE
from unlearning.project import settings

POOL = "unlearning"
"""The work pool whose workers run them, unless another is named."""

_HERE = __name__.rpartition(".")[0]


@dataclass(frozen=True)
class Trigger:
    """The event that starts a deployment between its scheduled runs."""

    name: str
    event: str
    resource: str
    """What the event is about, as a pattern of resource ids."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What the flow is told of the event. Prefect keeps it in clear: opaque ids, never an identifier of a person."""


@dataclass(frozen=True)
class Deployment:
    """One flow as it runs on a server."""

    name: str
    entrypoint: str
    """Module and flow: the package's own, which is found wherever it is installed, whatever the project calls its folders."""
    cron: str | None = None
    trigger: Trigger | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def project(self) -> str:
        """The project's folder, as the machine that runs the flow names it."""
        return self.parameters.get("root", ".")


_USUAL = settings.Schedules()
TRAIN = Deployment("train", f"{_HERE}.deployed.train")
ERASE = Deployment(
    "erase",
    f"{_HERE}.deployed.erase",
    cron=_USUAL.erase,  # the ledger is the outbox: a request whose event was lost is carried out too
    trigger=Trigger("erasure-requested", REQUESTED, f"{RESOURCE}.*", {"request_id": "{{ event.payload.request_id }}"}),
)
WATCH = Deployment(
    "watch", f"{_HERE}.watch.watch", cron=_USUAL.watch, trigger=Trigger("registry-changed", CHANGED, f"{REGISTRY}.*")
)
FOLLOW = Deployment("follow", f"{_HERE}.follow.follow", cron=_USUAL.follow)
RETIRE = Deployment("retire", f"{_HERE}.deployed.retire", cron=_USUAL.retire)
ALL = (TRAIN, ERASE, WATCH, FOLLOW, RETIRE)


def of_project(root: Path, *, folder: str | None = None) -> list[Deployment]:
    """The deployments of the project in a folder: none for training without a model, none for retiring without a rule.

    folder: what the project's folder is called where the flows run; None for the same as here. Raises SettingsError.
    """
    said = settings.load(root)
    idle = [*(() if said.owns else (TRAIN,)), *(() if said.retention else (RETIRE,))]
    where = {"root": folder or str(root.resolve())}
    return [replace(_at(one, where), cron=getattr(said.schedules, one.name, None)) for one in ALL if one not in idle]


def _at(one: Deployment, where: Mapping[str, str]) -> Deployment:
    # A trigger's parameters replace the deployment's own, so they name the folder too.
    trigger = one.trigger and replace(one.trigger, parameters={**where, **one.trigger.parameters})
    return replace(one, parameters=where, trigger=trigger)
