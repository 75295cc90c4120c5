"""Workers of a pool: `prefect.yaml` as `unlearn init` writes it and `prefect deploy --all`, or `unlearn deploy` without it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import warm
from tests.entrypoints.flows.conftest import Server, apart, beside, unlearn, until
from tests.servers import prefect_server
from tests.small_project import Project
from unlearning.entrypoints.flows.deployments import ALL, of_project

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(900)]


def prefect(project: Project, server: Server, *arguments: str) -> None:
    """Prefect's own command line, in the project."""
    done = subprocess.run(
        [warm.python(), "-m", "prefect", "--no-prompt", *arguments],
        cwd=project.root,
        env=apart(server.environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def by_prefect_yaml(project: Project, server: Server) -> set[str]:
    prefect(project, server, "work-pool", "create", "unlearning", "--type", "process")
    prefect(project, server, "deploy", "--all")
    return {one.name for one in ALL}


def by_command(project: Project, server: Server) -> set[str]:
    for result in ("created", "kept"):
        done = unlearn(project.root, "deploy", "--json", environment=server.environment)
        assert done.returncode == 0, done.stderr
        assert {one["result"] for one in json.loads(done.stdout)["deployments"]} == {result}
    return {one.name for one in of_project(project.root)}


@pytest.mark.parametrize("deploy", [by_prefect_yaml, by_command])
def test_an_event_reaches_a_worker_through_the_deployments_of_the_project(
    project: Project, tmp_path: Path, deploy: Callable[[Project, Server], set[str]]
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    person, log = project.cells()[0, 1][0], tmp_path / "worker.log"
    with prefect_server(tmp_path / "prefect") as address, temporary_settings({PREFECT_API_URL: address}):
        server = Server(address, tmp_path / "prefect")
        deployed = deploy(project, server)
        assert {"train", "erase", "watch", "follow"} <= server.deployments().keys() == deployed
        worker = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "unlearning"]
        quick = {**server.environment, "PREFECT_WORKER_QUERY_SECONDS": "1"}
        with beside(worker, log, quick, cwd=tmp_path):
            asked = unlearn(project.root, "request", "--file", "-", "--json", given=person, environment=server.environment)
            assert asked.returncode == 0, asked.stderr
            (request,) = json.loads(asked.stdout)
            until(lambda: project.states()[request["request_id"]] == "completed", within_s=600, log=[log])

    assert project.champion == 2
    assert person not in project.people("data/train.parquet")
