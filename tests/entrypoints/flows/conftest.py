"""A started Prefect server for this folder's tests, and the command line as the process that users start."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests import warm
from tests.servers import awake, prefect_server, stop
from tests.small_project import MadeProject, Project, create

T = TypeVar("T")
ROOT = Path(__file__).parents[3]
NEEDS_RAY = pytest.mark.skipif(find_spec("prefect_ray") is None, reason="the extra ray is not installed")
UNLEARN = (sys.executable, "-c", "from unlearning.entrypoints.cli import main; main(prog_name='unlearn')")
"""The command line as a process of its own."""


@dataclass(frozen=True)
class Server:
    """A Prefect server, and what tests ask of it."""

    address: str
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """For processes that are to use it."""
        return {"PREFECT_API_URL": self.address, "PREFECT_HOME": str(self.home / "of a client")}

    def ask(self, method: str, **arguments: Any) -> Any:
        """One call of Prefect's own client."""
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            return getattr(client, method)(**arguments)

    def flow_runs(self, name: str) -> list[Any]:
        """The runs of a flow, oldest first."""
        from prefect.client.schemas.filters import FlowFilter, FlowFilterName

        found = self.ask("read_flow_runs", flow_filter=FlowFilter(name=FlowFilterName(any_=[name])))
        return sorted(found, key=lambda run: run.expected_start_time)

    def task_runs(self, flow_run_id: Any) -> list[Any]:
        """The task runs of one flow run, in the order in which they began."""
        from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

        found = self.ask("read_task_runs", flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id])))
        return sorted(found, key=lambda run: run.start_time or run.expected_start_time)

    def artifacts(self, key: str) -> list[str]:
        """What the artifacts of a key say."""
        from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

        found = self.ask("read_artifacts", artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
        return [str(artifact.data) for artifact in found]

    def deployments(self) -> dict[str, Any]:
        """Name → deployment."""
        return {deployment.name: deployment for deployment in self.ask("read_deployments")}

    def delete_deployments(self) -> None:
        """As a new server has none."""
        for deployment in self.deployments().values():
            self.ask("delete_resource_owned_automations", resource_id=f"prefect.deployment.{deployment.id}")
            self.ask("delete_deployment", deployment_id=deployment.id)

    def automations(self) -> list[tuple[str, Any]]:
        """The name of each automation, and what its action tells the flow."""
        found = self.ask("read_automations")
        return sorted(((one.name, getattr(one.actions[0], "parameters", None)) for one in found), key=lambda one: one[0])

    def events(self, name: str) -> list[dict[str, Any]]:
        """The events of a name that the server took."""
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            asked = {"filter": {"event": {"name": [name]}, "occurred": {"since": "2020-01-01T00:00:00Z"}}, "limit": 50}
            found: list[dict[str, Any]] = client.request("POST", "/events/filter", json=asked).json()["events"]
        return found

    def bytes(self) -> bytes:
        """Everything it keeps: its database with the journal, its log."""
        return b"".join(file.read_bytes() for file in sorted(self.home.rglob("*")) if file.is_file())


@pytest.fixture(scope="session")
def started_server(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests here."""
    home = tmp_path_factory.mktemp("prefect")
    with prefect_server(home) as address:
        yield Server(address, home)


@pytest.fixture
def server(started_server: Server) -> Iterator[Server]:
    """The server, which flows of this very process use too, until the test ends."""
    with using(started_server):
        yield started_server


@contextlib.contextmanager
def using(server: Server) -> Iterator[None]:
    """Flows of this process go to the server while the block lasts; what comes after knows nothing of it."""
    import prefect.context
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with awake(server.address), pytest.MonkeyPatch.context() as patch, temporary_settings({PREFECT_API_URL: server.address}):
        patch.setenv("PREFECT_API_URL", server.address)
        # Prefect's threads know nothing of this one's settings.
        patch.setattr(prefect.context, "GLOBAL_SETTINGS_CONTEXT", prefect.context.SettingsContext.get())
        yield
        _say_the_rest()


def _say_the_rest() -> None:
    """Prefect's threads hand over what they still hold, while they know the server."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for worker in (APILogWorker, EventsWorker):
        worker.drain_all()


@pytest.fixture(scope="session")
def untrained(made_project: MadeProject) -> Project:
    """The small project before its first training; to be copied."""
    return made_project("untrained", partial(create, train=False))


def unlearn(
    root: Path, *arguments: str, given: str = "", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`unlearn …` as a process of its own, in the project's folder."""
    return subprocess.run(
        [warm.python(), *UNLEARN[1:], *arguments],
        input=given,
        capture_output=True,
        text=True,
        cwd=root,
        env=apart(environment or {}),
        check=False,
        timeout=400,
    )


def apart(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that shares no server of Prefect's with this one, and finds this copy of the package."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    mine = {name: value for name, value in os.environ.items() if name not in ("PREFECT_API_URL", "PREFECT_HOME")}
    return {**mine, "PYTHONPATH": str(ROOT), "PATH": path, **extra}


@contextlib.contextmanager
def beside(
    command: Sequence[str], log: Path, environment: Mapping[str, str], *, cwd: Path, environ: Mapping[str, str] | None = None
) -> Iterator[Path]:
    """A process that runs until the block ends; what it says goes to `log`.

    environment: besides what every such process gets; environ: the whole of it instead.
    """
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=environ or apart(environment),
            start_new_session=True,
        )
    try:
        yield log
    finally:
        stop(process)


def until(found: Callable[[], T], *, within_s: float = 400, log: Sequence[Path] = ()) -> T:
    """What is found in the end, or an error with what the processes said."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if result := found():
            return result
        time.sleep(0.25)
    raise TimeoutError("\n".join(["waited in vain", *(file.read_text(errors="replace")[-4000:] for file in log)]))
