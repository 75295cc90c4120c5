"""Served deployments on a started server: an event starts the erasure it names, a lost one is made good by the schedule."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from prefect.context import use_profile
from prefect.runner import Runner

from tests import warm
from tests.entrypoints.flows.conftest import UNLEARN, Server, beside, unlearn, until, using
from tests.servers import awake, free_port
from tests.small_project import Project, copy
from unlearning.entrypoints.flows import events
from unlearning.entrypoints.flows import server as flow_server
from unlearning.entrypoints.flows import serving as flow_serving
from unlearning.entrypoints.service import registry_webhook

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]

SCHEDULES_NOTHING = version("sqlalchemy").startswith("2.1")
ALL = {"train", "erase", "watch", "follow"}


@pytest.fixture(scope="module")
def served(
    started_server: Server, template: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Project, Path]]:
    """`unlearn serve-flows --root ROOT`, started somewhere else, as a service manager would."""
    folder = tmp_path_factory.mktemp("served")
    project, log = copy(template, folder / "project"), folder / "serve.log"
    quick = {**started_server.environment, "PREFECT_RUNNER_POLL_FREQUENCY": "1"}
    serving = [warm.python(), *UNLEARN[1:], "serve-flows", "--root", str(project.root)]
    with awake(started_server.address), beside(serving, log, quick, cwd=folder):
        until(lambda: "end with Ctrl-C" in log.read_text(), log=[log])
        with using(started_server):
            assert started_server.deployments().keys() == ALL
        yield project, log


@pytest.mark.parametrize(("named", "seconds"), [(None, 1), ("7", 7)])
def test_what_is_due_is_looked_for_every_second_unless_it_is_said_otherwise(
    named: str | None, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Started(Exception):  # it ends the call where runs would be carried out
        pass

    async def start(runner: Runner) -> None:
        raise Started(runner.query_seconds)

    monkeypatch.delenv("PREFECT_RUNNER_POLL_FREQUENCY", raising=False)
    if named:
        monkeypatch.setenv("PREFECT_RUNNER_POLL_FREQUENCY", named)
    monkeypatch.setattr(Runner, "start", start)
    monkeypatch.setattr(flow_server, "asked", lambda _address: nullcontext(None))
    monkeypatch.setattr(flow_server, "changes", lambda *_, **__: ())
    with use_profile("ephemeral", include_current_context=False), pytest.raises(Started) as at:
        flow_serving.serve("http://127.0.0.1:9/api", (), tell=lambda: None)
    assert at.value.args == (seconds,)


def ended(server: Server, deployment: str, log: Path, **parameters: Any) -> Any:
    """The last run of a deployment with these parameters, once it is over."""
    known = server.deployments()[deployment].id

    def over() -> Any:
        runs = [
            run
            for run in server.ask("read_flow_runs")
            if run.deployment_id == known and run.parameters.items() >= parameters.items()
        ]
        return next((run for run in runs if run.state is not None and run.state.is_final()), None)

    return until(over, log=[log])


def test_a_request_by_command_is_carried_out_by_the_event_it_sends(served: tuple[Project, Path], server: Server) -> None:
    project, log = served
    person = project.cells()[0, 1][0]

    asked = unlearn(project.root, "request", "--file", "-", "--json", given=person, environment=server.environment)

    assert asked.returncode == 0, asked.stderr
    (request,) = json.loads(asked.stdout)
    run = ended(server, "erase", log, request_id=request["request_id"])
    assert run.state_name == "Completed", log.read_text()
    assert run.parameters == {"root": str(project.root), "request_id": request["request_id"]}
    assert project.states()[request["request_id"]] == "completed"
    assert project.champion == 2
    assert person not in project.people("data/train.parquet")
    (event,) = [one for one in server.events(events.REQUESTED) if one["payload"]["request_id"] == request["request_id"]]
    assert event["resource"]["prefect.resource.id"] == f"unlearning.request.{request['request_id']}"
    kept = server.bytes()
    assert request["request_id"].encode() in kept
    assert person.encode() not in kept
    assert request["token"].encode() not in kept


@pytest.mark.slow
@pytest.mark.skipif(SCHEDULES_NOTHING, reason="Prefect 3.8 puts no run on the schedule with SQLAlchemy 2.1; see pyproject.toml")
def test_a_request_whose_event_was_lost_is_carried_out_by_the_schedule(served: tuple[Project, Path], server: Server) -> None:
    project, log = served
    address, person = f"http://127.0.0.1:{free_port()}/api", project.cells()[3, 0][0]

    asked = unlearn(project.root, "request", "--file", "-", "--json", given=person, environment={"PREFECT_API_URL": address})

    assert asked.returncode == 0
    assert f"Prefect at {address} did not take the event" in asked.stderr
    (request,) = json.loads(asked.stdout)
    assert project.states()[request["request_id"]] == "suppressed"
    run = the_hour_strikes(server, "erase", log)
    until(lambda: server.ask("read_flow_run", flow_run_id=run.id).state.is_final(), log=[log])
    assert server.ask("read_flow_run", flow_run_id=run.id).state_name == "Completed", log.read_text()
    assert run.parameters == {"root": str(project.root)}
    assert project.states()[request["request_id"]] == "completed"


def the_hour_strikes(server: Server, deployment: str, log: Path) -> Any:
    """The next run that the server itself has put on the schedule, now."""
    from prefect.states import Scheduled

    known = server.deployments()[deployment].id

    def planned() -> list[Any]:
        runs = [run for run in server.ask("read_flow_runs") if run.deployment_id == known and run.auto_scheduled]
        return sorted((run for run in runs if run.state_name == "Scheduled"), key=lambda run: run.expected_start_time)

    first = until(planned, log=[log])[0]
    assert first.expected_start_time.minute == 0
    server.ask("set_flow_run_state", flow_run_id=first.id, state=Scheduled(scheduled_time=datetime.now(UTC)), force=True)
    return first


@pytest.mark.slow
def test_a_change_of_the_registry_starts_a_round_of_watching(served: tuple[Project, Path], server: Server) -> None:
    project, log = served

    assert registry_webhook.through_prefect(server.environment)("outcome")

    run = ended(server, "watch", log)
    assert (run.state_name, run.parameters) == ("Completed", {"root": str(project.root)}), log.read_text()
    assert any("Nothing came back" in text for text in server.artifacts("watch"))


@pytest.mark.slow
def test_what_was_served_is_paused_when_its_process_ends_and_goes_on_with_the_next(
    server: Server, template: Project, tmp_path: Path
) -> None:
    project = copy(template, tmp_path / "project")
    server.delete_deployments()
    for turn in ("first", "second"):
        log = tmp_path / f"{turn}.log"
        with beside([warm.python(), *UNLEARN[1:], "serve-flows"], log, server.environment, cwd=project.root):
            until(lambda log=log: "end with Ctrl-C" in log.read_text(), log=[log])
            until(lambda: {str(one.status.name) for one in server.deployments().values()} == {"READY"}, log=[log])
            assert not any(one.paused for one in server.deployments().values())
        assert server.deployments().keys() == ALL
        assert all(one.paused for one in server.deployments().values())
    server.delete_deployments()


def test_without_a_server_nothing_is_announced(capsys: pytest.CaptureFixture[str]) -> None:
    assert not events.announce(["request-1"], {})
    assert not events.announce([], {"PREFECT_API_URL": "http://127.0.0.1:1/api"})
    assert capsys.readouterr() == ("", "")
