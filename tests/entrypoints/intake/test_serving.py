"""`unlearn serve` as a process: what it acknowledged is there after it was told to end, and its log names nobody."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from ruamel.yaml import YAML
from standardwebhooks.webhooks import Webhook

from tests.entrypoints.cli.commands import unlearn
from tests.entrypoints.intake.test_signatures import SECRET
from tests.entrypoints.service.test_registry_webhook import NOW, delivery, signed
from tests.entrypoints.service.test_registry_webhook import SECRET as MLFLOW_SECRET
from tests.receivers import Receiver, receiving
from tests.small_project import TRAIN, Project
from unlearning.domain.environ import CALLBACK_SECRETS, INTAKE_SECRETS, WEBHOOK_SECRET
from unlearning.domain.errors import KeyFileError
from unlearning.entrypoints.flows import events, scheduler
from unlearning.entrypoints.intake import serving
from unlearning.entrypoints.intake.service import Intake, application
from unlearning.entrypoints.service import registry_webhook


@contextmanager
def served(root: Path, log: Path, *more: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of a started `unlearn serve`, and its process."""
    start = "import sys; from unlearning.entrypoints.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", start, "serve", "--root", str(root), "--port", "0", "--json", *more]
    named = ("PREFECT_API_URL", "PREFECT_HOME")  # the home of all tests: two servers at once would take turns at it
    environment = {name: value for name, value in os.environ.items() if name not in named}
    with (
        log.open("w") as said,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, env=environment) as process,
    ):
        try:
            assert process.stdout is not None
            lines = []
            while lines[-1:] != ["}\n"]:
                line = process.stdout.readline()
                assert line, log.read_text()
                lines.append(line)
            yield json.loads("".join(lines))["address"], process
        finally:
            process.kill()


def allowing(root: Path, receiver: Receiver) -> Path:
    """The project, whose operator names this receiver."""
    file, yaml = root / "params.yaml", YAML()
    document = yaml.load(file.read_text())
    document["unlearning"]["callbacks"] = {"internal": [receiver.at]}
    with file.open("w") as stream:
        yaml.dump(document, stream)
    return root


def test_a_served_project_takes_requests_in_tells_of_them_and_ends_when_told(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, log = project.people(TRAIN)[0], tmp_path / "log"
    made = unlearn(project.root, "token", "create", "--scope", "submit", "--scope", "read", "--json").document
    monkeypatch.setenv(CALLBACK_SECRETS, SECRET)
    with (
        receiving() as receiver,
        served(allowing(project.root, receiver), log, "--no-flows") as (
            address,
            process,
        ),
    ):
        with httpx.Client(base_url=address, headers={"authorization": f"Bearer {made['token']}"}, timeout=120) as client:
            assert client.get("/readyz").json() == {"status": "ready", "flows": {"where": "off"}}
            said = {"subjects": [person], "identity_verified": True, "reference": "OPS-77", "callback_url": receiver.url()}
            taken = client.post("/v1/requests", json=said)
            assert taken.status_code == 202, taken.text
            [request] = taken.json()["requests"]
            touched: list[Any] = [
                client.post("/v1/impact", json=asked).json()
                for asked in ({"subjects": [person]}, {"requests": [request["request_id"]]})
            ]
            assert touched[0]["tokens"] == touched[1]["tokens"] == [request["token"]]
            assert touched[0]["records"] > 0
            assert client.get("/openapi.json").json()["info"]["title"] == "unlearn serve"
            ends = time.monotonic() + 60
            while not receiver.got and time.monotonic() < ends:
                time.sleep(0.05)
            [got] = receiver.got
            assert Webhook(SECRET).verify(got.body, got.headers)["data"]["state"] == "suppressed"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert project.states() == {request["request_id"]: "suppressed"}
    assert person not in log.read_text()


def test_a_secret_that_is_none_keeps_it_from_starting(project: Project) -> None:
    with pytest.raises(KeyFileError):
        serving.intake(project.workspace, {INTAKE_SECRETS: "hunter2"})
    assert serving.intake(project.workspace, {}).door.secrets == ()


def served_here(project: Project, environ: Mapping[str, str], *, with_flows: bool = True) -> tuple[Intake, TestClient]:
    """The service of a project in this process, whose flows nobody starts, and who asks it."""
    flows = scheduler.of_project(project.workspace) if with_flows else None
    made = serving.intake(project.workspace, environ, flows=flows)
    webhook = serving._webhook(flows, environ)
    return made, TestClient(application(made, None, [webhook] if webhook else ()))


def test_it_says_who_starts_the_flows_and_is_not_ready_when_nobody_does_any_more(project: Project) -> None:
    made, client = served_here(project, {})
    assert client.get("/readyz").json()["flows"] == {"where": "elsewhere", "runs": None, "next": {}, "last": {}}
    made.flows = lambda: {"where": "ended"}
    assert client.get("/readyz").status_code == 503
    assert served_here(project, {}, with_flows=False)[1].get("/readyz").json()["flows"] == {"where": "off"}
    on_prefect = {"PREFECT_API_URL": "http://user:password@127.0.0.1:1/api"}
    assert served_here(project, on_prefect, with_flows=False)[1].get("/readyz").json()["flows"] == {"where": "prefect"}
    assert serving._what_runs(None, on_prefect)["flows"] == "on Prefect at http://127.0.0.1:1/api"


@pytest.mark.parametrize(("url", "times"), [("", 0), ("http://127.0.0.1:1/api", 1)])
def test_what_an_announcement_takes_is_there_before_anybody_asks(
    url: str, times: int, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    warmed = list[bool]()
    monkeypatch.setattr(events, "warm", lambda: warmed.append(True))
    serving.intake(project.workspace, {"PREFECT_API_URL": url})
    assert len(warmed) == times


def test_the_registrys_webhooks_come_to_the_same_service_and_start_a_round(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_webhook.add, "__kwdefaults__", {"clock": lambda: NOW})
    asked = list[str]()
    monkeypatch.setattr(scheduler.Scheduler, "ask", lambda _self, name: not asked.append(name))
    _, client = served_here(project, {WEBHOOK_SECRET: MLFLOW_SECRET})
    forged = {**signed(delivery()), "X-MLflow-Signature": "v1,AAAA"}
    assert client.post(registry_webhook.PATH, content=delivery(), headers=forged).status_code == 401
    assert client.post(registry_webhook.PATH, content=delivery(), headers=signed(delivery())).status_code == 202
    assert asked == ["watch"]
    for environ, with_flows in (({}, True), ({WEBHOOK_SECRET: MLFLOW_SECRET}, False)):
        _, client = served_here(project, environ, with_flows=with_flows)
        assert client.post(registry_webhook.PATH, content=delivery(), headers=signed(delivery())).status_code == 404
    with pytest.raises(KeyFileError):
        served_here(project, {WEBHOOK_SECRET: "short"})


# --- one command: what comes in is carried out ----------------------------------------------------------------------


def client_of(root: Path, address: str) -> httpx.Client:
    made = unlearn(root, "token", "create", "--scope", "submit", "--scope", "read", "--json").document
    return httpx.Client(base_url=address, headers={"authorization": f"Bearer {made['token']}"}, timeout=120)


def submit(client: httpx.Client, *people: str) -> None:
    taken = client.post("/v1/requests", json={"subjects": [*people], "identity_verified": True})
    assert taken.status_code == 202, taken.text


def until(holds: Callable[[], object], log: Path, *, within_s: float = 400) -> None:
    ends = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < ends, log.read_text()
        time.sleep(0.05)


def said_once_each(project: Project) -> None:
    """One start, one redaction, one certificate: nothing was done twice, whoever did it."""
    kinds = [event.kind for event in project.events()]
    assert [kinds.count(kind) for kind in ("ErasureStarted", "DataRedacted", "AliasMoved", "CertificateIssued")] == [1] * 4
    assert project.workspace.ledger.verify() == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_is_posted_is_erased_by_the_service_with_nothing_else_started(project: Project, tmp_path: Path) -> None:
    person, log = project.people(TRAIN)[0], tmp_path / "log"
    with served(project.root, log) as (address, process), client_of(project.root, address) as client:
        submit(client, person)
        until(lambda: set(project.states().values()) == {"completed"}, log)
        until(lambda: "erase" in client.get("/readyz").json()["flows"]["last"], log)
        flows = client.get("/readyz").json()["flows"]
        assert (flows["where"], flows["last"]["erase"]["how"]) == ("here", "done")
        assert 'unlearning_flow_runs_total{flow="erase",how="done"} 1' in client.get("/metrics").text
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    said_once_each(project)
    assert person not in project.people(TRAIN)
    assert person not in log.read_text()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("after", ["ErasureStarted", "DataRedacted", "CandidateTrained"])
def test_a_service_that_is_told_to_end_during_a_step_hands_it_over(after: str, project: Project, tmp_path: Path) -> None:
    person, log = project.people(TRAIN)[0], tmp_path / "log"
    with served(project.root, log) as (address, process), client_of(project.root, address) as client:
        submit(client, person)
        until(lambda: after in project.kinds(), log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(90) == 0
    assert "CertificateIssued" not in project.kinds()
    assert "flows  erase: stopped" in log.read_text()
    done = project.kinds()
    time.sleep(1)
    assert project.kinds() == done  # nobody is at work any more
    with served(project.root, log):
        until(lambda: set(project.states().values()) == {"completed"}, log)
    said_once_each(project)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_services_on_one_database_run_one_batch_once_and_one_goes_on_for_the_other_that_was_killed(
    project: Project, tmp_path: Path
) -> None:
    person, logs = project.people(TRAIN)[0], (tmp_path / "one", tmp_path / "other")
    with (
        served(project.root, logs[0]) as (first, leading),
        served(project.root, logs[1]) as (second, _),
        client_of(project.root, second) as client,
    ):
        until(lambda: httpx.get(f"{first}/readyz").json()["flows"]["where"] == "here", logs[0])
        assert client.get("/readyz").json()["flows"]["where"] == "elsewhere"
        submit(client, person)
        until(lambda: "DataRedacted" in project.kinds(), logs[0])
        leading.kill()
        until(lambda: client.get("/readyz").json()["flows"]["where"] == "here", logs[1])
        until(lambda: set(project.states().values()) == {"completed"}, logs[1])
    said_once_each(project)
