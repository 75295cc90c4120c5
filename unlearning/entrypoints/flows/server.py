"""The deployments on a Prefect server: what is there, what would change, and the change.

Only what differs is touched, so that doing it twice does nothing the second time. A deployment that somebody else made under
the same name is theirs until `take_over` says otherwise.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import DeploymentApplyError, RunnerDeployment
from prefect.events import DeploymentEventTrigger
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.flows import EntrypointType  # type: ignore[attr-defined]

from unlearning.domain.errors import Unavailable, WrongUse
from unlearning.entrypoints.flows import embedded
from unlearning.entrypoints.flows.deployments import ALL, Deployment, Trigger

_TRIGGERS = {one.trigger.name for one in ALL if one.trigger}

Result = Literal["created", "updated", "kept", "removed"]


@dataclass(frozen=True)
class Change:
    """What becomes of one deployment."""

    name: str
    result: Result
    differs: tuple[str, ...] = ()
    """What is not as declared, of one that is updated."""
    paused: bool = False
    """Somebody paused its schedule, and it stays so."""


@dataclass(frozen=True)
class Deployed:
    """What one deploying did, or would do."""

    pool_made: bool
    changes: list[Change]


@contextlib.contextmanager
def asked(address: str) -> Iterator[SyncPrefectClient]:
    """A client of the server; raises Unavailable when it does not answer, or not as Prefect does."""
    try:
        with embedded.answering(needed=True), get_client(sync_client=True) as client:
            yield client
    except (PrefectHTTPStatusError, DeploymentApplyError) as error:
        said = f"HTTP {error.response.status_code}" if isinstance(error, PrefectHTTPStatusError) else str(error)
        raise Unavailable(
            f"the server at {address} answered, but not as expected ({said}); PREFECT_API_URL usually ends in /api, and a "
            "server that asks who you are wants PREFECT_API_KEY or PREFECT_API_AUTH_STRING"
        ) from error


def deploy(
    address: str, wanted: Sequence[Deployment], *, pool: str, take_over: bool = False, dry_run: bool = False
) -> Deployed:
    """Make the server's deployments the wanted ones, for the workers of a pool. Raises WrongUse, Unavailable."""
    with asked(address) as client:
        done = Deployed(not _has_pool(client, pool), changes(client, wanted, pool=pool, take_over=take_over))
        if not dry_run:
            _apply(client, wanted, done, pool)
    return done


def changes(
    client: SyncPrefectClient, wanted: Sequence[Deployment], *, pool: str | None, take_over: bool = False
) -> list[Change]:
    """What makes the server's deployments the wanted ones; nothing is changed. Raises WrongUse where one is not ours.

    pool: whose workers are to run them; None where they are served.
    """
    there = {one.name: _read(client, one) for one in ALL}
    if not take_over:
        _require_ours(there, wanted[0].project)
    planned = [_change(client, one, there[one.name], pool) for one in wanted]
    gone = there.keys() - {one.name for one in wanted}
    return [*planned, *(Change(name, "removed") for name in sorted(gone) if there[name])]


def remove(client: SyncPrefectClient, planned: Sequence[Change]) -> None:
    """Remove the deployments that the project has no use for any more."""
    names = {change.name for change in planned if change.result == "removed"}
    for one in ALL:
        if one.name in names and (there := _read(client, one)):
            # Prefect leaves the automations of a deployment that is gone, and they fail with every event.
            client.delete_resource_owned_automations(f"prefect.deployment.{there.id}")
            client.delete_deployment(there.id)


def _apply(client: SyncPrefectClient, wanted: Sequence[Deployment], done: Deployed, pool: str) -> None:
    if done.pool_made:
        client.create_work_pool(WorkPoolCreate(name=pool, type="process"))  # each run is a process of the worker's machine
    results = {change.name: change for change in done.changes}
    for one in wanted:
        if results[one.name].result != "kept":
            as_prefect(one, pool=pool, paused=results[one.name].paused).apply()
    remove(client, done.changes)


def _has_pool(client: SyncPrefectClient, name: str) -> bool:
    try:
        client.read_work_pool(name)
    except ObjectNotFound:
        return False
    return True


def as_prefect(one: Deployment, *, pool: str | None, paused: bool = False) -> RunnerDeployment:
    """The same in Prefect's words."""
    made = RunnerDeployment.from_flow(
        _flow(one),
        name=one.name,
        cron=one.cron,
        parameters=dict(one.parameters),
        triggers=[_trigger(one.trigger)] if one.trigger else [],
        paused=paused,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    made.work_pool_name = pool  # set, though it may be None: one that is not set stays as it was
    return made


def _flow(one: Deployment) -> Any:
    module, _, name = one.entrypoint.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _trigger(one: Trigger) -> DeploymentEventTrigger:
    return DeploymentEventTrigger(
        name=one.name,
        expect={one.event},
        match={"prefect.resource.id": one.resource},
        parameters=dict(one.parameters),
    )


def _read(client: SyncPrefectClient, one: Deployment) -> DeploymentResponse | None:
    try:
        return client.read_deployment_by_name(f"{_flow(one).name}/{one.name}")
    except ObjectNotFound:
        return None


def _require_ours(there: Mapping[str, DeploymentResponse | None], project: str) -> None:
    for name, one in there.items():
        if one is not None and (whose := _project_of(one)) != project:
            raise WrongUse(
                f"the server has a deployment '{name}' of {whose or 'a project that prefect.yaml fetches'}, and this project "
                f"is {project}; a Prefect server serves one project: name another with PREFECT_API_URL, or run again with "
                "--take-over to replace it"
            )


def _project_of(one: DeploymentResponse) -> str | None:
    """The folder that a deployment names, or that `prefect deploy` was called in; None where its workers fetch the project."""
    if "root" in one.parameters:
        return str(one.parameters["root"])
    steps = [step for step in one.pull_steps or () if "prefect.deployments.steps.set_working_directory" in step]
    return str(next(iter(steps[0].values()))["directory"]) if len(steps) == len(one.pull_steps or ()) == 1 else None


def _change(client: SyncPrefectClient, one: Deployment, there: DeploymentResponse | None, pool: str | None) -> Change:
    if there is None:
        return Change(one.name, "created")
    # Prefect pauses what was served when its server ends: that was nobody's decision.
    paused = there.paused and there.work_pool_name is not None and pool is not None
    found, declared = _as_found(client, there), _as_declared(one, pool)
    differs = [what for what in declared if found[what] != declared[what]]
    if there.paused and not paused:
        differs.append("paused")
    return Change(one.name, "updated" if differs else "kept", tuple(differs), paused)


def _as_declared(one: Deployment, pool: str | None) -> dict[str, Any]:
    made = as_prefect(one, pool=pool)
    return {
        "entrypoint": made.entrypoint,
        "parameters": made.parameters,
        "schedule": [one.cron] if one.cron else [],
        "trigger": [_said(trigger.expect, trigger.match, trigger.parameters) for trigger in made.triggers],  # type: ignore[union-attr]
        "work pool": pool,
        "what the flow takes": made._parameter_openapi_schema.model_dump(mode="json", exclude_unset=True),
        "pull steps": [],
    }


def _as_found(client: SyncPrefectClient, there: DeploymentResponse) -> dict[str, Any]:
    automations = client.read_resource_related_automations(f"prefect.deployment.{there.id}")
    return {
        "entrypoint": there.entrypoint,
        "parameters": there.parameters,
        "schedule": [getattr(each.schedule, "cron", None) for each in there.schedules],
        "trigger": [
            _said(getattr(one.trigger, "expect", ()), getattr(one.trigger, "match", None), getattr(action, "parameters", None))
            for one in automations
            if one.name in _TRIGGERS  # others are somebody's own, which may start our flows too
            for action in one.actions
        ],
        "work pool": there.work_pool_name,
        "what the flow takes": there.parameter_openapi_schema,
        "pull steps": there.pull_steps or [],
    }


def _said(expect: Any, match: Any, parameters: Any) -> tuple[Any, ...]:
    return sorted(expect), match and match.model_dump(mode="json"), dict(parameters or {})
