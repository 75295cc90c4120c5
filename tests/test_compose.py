"""The team stack of compose.yaml: what can be known of it without containers."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from mlflow import MlflowClient
from ruamel.yaml import YAML

from tests import small_project
from tests.buckets import serving
from tests.entrypoints.flows.test_wheel import SOURCES
from tests.postgres import _binaries, postgres_server
from tests.servers import free_port, running
from unlearning.domain import environ
from unlearning.domain.clocks import utc_now
from unlearning.entrypoints.cli import main
from unlearning.entrypoints.intake.serving import GRACE_S
from unlearning.project import access

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text("utf-8")
COMPOSE: dict[str, Any] = YAML(typ="safe").load((ROOT / "compose.yaml").read_text("utf-8"))
OURS = {name: one["command"][0] for name, one in COMPOSE["services"].items() if one.get("image") == "mlflow-unlearning"}


def command(line: str) -> list[str]:
    """What a shell line of a service runs at its end, without the variables before it."""
    return shlex.split(line[line.index(" exec ") + len(" exec ") :])


def test_every_service_that_is_waited_for_and_every_secret_that_is_read_is_there() -> None:
    for name, one in COMPOSE["services"].items():
        assert set(one.get("depends_on", ())) <= set(COMPOSE["services"]), name
        secrets = set(one.get("secrets", ()))
        assert secrets <= set(COMPOSE["secrets"]), name
        said = re.findall(r"/run/secrets/(\w+)", str(one.get("command", "")) + str(one.get("environment", "")))
        assert set(said) <= secrets, name
        assert all(port.startswith("127.0.0.1:") for port in one.get("ports", ())), name


def test_no_password_stands_in_the_repository() -> None:
    ignored = subprocess.run(["git", "check-ignore", "-q", "secrets/postgres"], cwd=ROOT, check=False).returncode
    assert ignored == 0
    assert {Path(one["file"]).parent.name for one in COMPOSE["secrets"].values()} == {"secrets"}


@pytest.mark.parametrize("service", [name for name, line in OURS.items() if command(line)[0] == "unlearn"])
def test_a_command_of_ours_takes_the_options_it_is_given(service: str) -> None:
    done = CliRunner().invoke(main, [*command(OURS[service])[1:], "--help"])
    assert done.exit_code == 0, done.output
    for option in (word for word in command(OURS[service]) if word.startswith("--")):
        assert option in done.output


@pytest.mark.parametrize("service", ["mlflow", "prefect"])
def test_a_command_of_another_tool_takes_the_options_it_is_given(service: str) -> None:
    words = command(OURS[service])
    options = [word for word in words if word.startswith("--")]
    assert options
    verb = words[: next(at for at, word in enumerate(words) if word.startswith("--"))]
    shown = subprocess.run([*verb, "--help"], capture_output=True, text=True, check=True, timeout=120).stdout
    assert all(option in shown for option in options)


def test_who_waits_for_another_waits_until_it_is_healthy() -> None:
    waits = [(name, on) for name, one in COMPOSE["services"].items() for on in dict(one.get("depends_on") or {}).items()]
    assert waits
    for name, (other, how) in waits:
        healthy = how["condition"] == "service_healthy"
        assert healthy == ("healthcheck" in COMPOSE["services"][other]), f"{name} waits for {other}"


@pytest.mark.slow
@pytest.mark.services
@pytest.mark.timeout(1_800)
def test_everything_that_the_file_names_runs_together(tools: None, tmp_path: Path) -> None:
    """Each command in its shell with its secrets and variables, on ports of this machine; each health check as it is said."""
    with ExitStack() as stack:
        server = sa.make_url(stack.enter_context(postgres_server("pg_trgm")).format(database="postgres"))
        s3, buckets = stack.enter_context(serving())
        ports = {name: free_port() for name in ("mlflow", "prefect", "intake")}
        secrets = {name: tmp_path / "secrets" / name for name in COMPOSE["secrets"]}
        secrets["s3"].parent.mkdir()
        for name, file in secrets.items():
            file.write_text(f"secret-of-{name}")
        names = {
            "http://s3:9000": s3,
            "@postgres/": f"@127.0.0.1:{server.query['port']}/",
            "/run/secrets": str(tmp_path / "secrets"),
        }
        names |= {"0.0.0.0": "127.0.0.1", "$$": "$"}
        for said, name in (("mlflow:5000", "mlflow"), ("prefect:4200", "prefect"), ("intake:8080", "intake")):
            port = said.partition(":")[2]
            names |= {f"http://{said}": f"http://127.0.0.1:{ports[name]}", f"--port {port}": f"--port {ports[name]}"}
            names |= {f"localhost:{port}": f"127.0.0.1:{ports[name]}"}

        def here(text: str) -> str:
            for said, meant in names.items():
                text = text.replace(said, meant)
            return text

        _databases(server, here)
        made = re.findall(r"\bhere/(\w+)", COMPOSE["services"]["buckets"]["command"][0])
        assert made
        for bucket in made:
            buckets.create_bucket(Bucket=bucket)
        params = {**small_project.PARAMS, "stores": {"ledger": here("postgresql+psycopg2://unlearning@postgres/unlearning")}}
        project = small_project.create(tmp_path / "project", train=False, params=params)

        def started(name: str) -> None:
            one = COMPOSE["services"][name]
            said = {key: here(value) for key, value in one["environment"].items()} | PATIENT
            said["PREFECT_HOME"] = str(tmp_path / "prefect")
            folder = project.root if "working_dir" in one else tmp_path
            line = ["sh", "-c", f"cd '{folder}' && {here(one['command'][0])}"]
            check = [here(word) for word in one.get("healthcheck", {}).get("test", ())[1:]]
            stack.enter_context(running(line, tmp_path / f"{name}.log", said, check, 300))

        for name in ("mlflow", "prefect", "flows", "intake"):
            started(name)
        _asked(project, {name: f"http://127.0.0.1:{port}" for name, port in ports.items()})
        tracking = MlflowClient(f"http://127.0.0.1:{ports['mlflow']}")
        run = tracking.create_run(tracking.create_experiment("of the stack")).info.run_id
        tracking.log_text(run, "kept", "kept.txt")
        assert [one["Key"] for one in buckets.list_objects_v2(Bucket="mlflow")["Contents"] if one["Key"].endswith("kept.txt")]


PATIENT = {"PREFECT_API_DATABASE_TIMEOUT": "120", "PREFECT_API_DATABASE_CONNECTION_TIMEOUT": "120"}
PATIENT |= {"PREFECT_LOGGING_SERVER_LEVEL": "WARNING"}
"""For a machine that does much else; and what goes wrong is said."""


def _databases(server: sa.URL, here: Callable[[str], str]) -> None:
    """What PostgreSQL's image runs once."""
    where = {"PGHOST": str(server.query["host"]), "PGPORT": str(server.query["port"]), "POSTGRES_USER": "postgres"}
    binaries = next(one for one in _binaries() if (one / "psql").exists())
    env = {**os.environ, **where, "PATH": os.pathsep.join((str(binaries), os.environ["PATH"]))}
    script = ROOT / "deploy/databases.sql"
    subprocess.run(["psql", "--username=postgres", "--set=ON_ERROR_STOP=1", "-qf", script], env=env, check=True, timeout=120)
    passwords = here((ROOT / "deploy/passwords.sh").read_text("utf-8"))
    subprocess.run(["sh", "-c", passwords], env=env, check=True, timeout=120)


def _asked(project: small_project.Project, at: dict[str, str]) -> None:
    """A request over HTTP is on the console, and starts the flow that carries it out."""
    token = access.grant(project.workspace, ["submit", "read"], now=utc_now()).token
    client = httpx.Client(headers={"authorization": f"Bearer {token}"}, timeout=60)
    posted = time.monotonic()
    answer = client.post(
        f"{at['intake']}/v1/requests", json={"subjects": [project.people(small_project.TRAIN)[0]], "identity_verified": True}
    )
    assert answer.status_code == 202, answer.text
    assert client.get(f"{at['intake']}/readyz").json()["flows"] == {"where": "prefect"}
    while time.monotonic() < posted + 120:
        runs = httpx.post(f"{at['prefect']}/api/flow_runs/filter", json={}, timeout=60).json()
        if started := [one for one in runs if one["start_time"] and one["name"].startswith("erase")]:
            print(f"from POST to the flow's start: {time.monotonic() - posted:.1f} s")
            return
        time.sleep(0.2)
    raise AssertionError(f"no flow began: {started}, {[(one['name'], one['state_name']) for one in runs]}")


def test_variables_of_ours_are_those_that_are_read() -> None:
    named = set(re.findall(r"\b(UNLEARNING_\w+)=", str(OURS)))
    assert named == {environ.CONSOLE_ROLE}
    assert set(COMPOSE["x-stack"]) & {environ.MLFLOW_TRACKING_URI, environ.PREFECT_API_URL}


def test_the_image_installs_what_the_project_names() -> None:
    extras = re.search(r"\.\[([\w,]+)\]", DOCKERFILE)
    assert extras
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert all(f"\n{extra} = [" in project for extra in extras[1].split(","))


def test_the_image_holds_what_it_is_built_of_and_nothing_else_of_the_folder() -> None:
    """No secrets/, no environment, no history: a layer keeps what was once copied."""
    copied = {word for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]}
    assert copied == {*SOURCES, "constraints.txt"} - {"flows"}  # with which the wheel is built in another test


def test_what_may_be_another_one_tomorrow_is_named_by_its_version() -> None:
    images = [one["image"] for one in COMPOSE["services"].values() if one["image"] != "mlflow-unlearning"]
    assert len(images) == 3
    assert all(re.search(r":[\w.-]+$", image) and not image.endswith(":latest") for image in images)


def test_what_is_being_answered_has_time_to_end_before_a_container_is_killed() -> None:
    said = {name: one["stop_grace_period"] for name, one in COMPOSE["services"].items() if "working_dir" in one}
    assert said.keys() == {"flows", "intake"}
    assert all(int(seconds.removesuffix("s")) > GRACE_S for seconds in said.values())


def test_git_takes_the_project_of_whoever_runs_the_stack_and_signs_commits_that_name_nobody(tmp_path: Path) -> None:
    """The image's Git lines as they are said, in a folder that belongs to somebody else."""
    [lines] = re.findall(r"^RUN (git config .+)$", DOCKERFILE, re.MULTILINE)
    project = tmp_path / "project"
    project.mkdir()
    alone = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_SYSTEM": str(tmp_path / "gitconfig")}
    git = partial(subprocess.run, cwd=project, check=False, capture_output=True, text=True)
    assert git(["git", "init"], env=alone).returncode == 0
    alone |= {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
    commit = ["git", "commit", "--allow-empty", "--message", "one"]
    assert "dubious ownership" in git(commit, env=alone).stderr
    said = subprocess.run(["sh", "-c", lines.replace("/project", str(project))], env=alone, cwd=tmp_path, check=False)
    assert said.returncode == 0
    assert git(commit, env=alone).returncode == 0
    assert git(["git", "log", "--format=%an"], env=alone).stdout.strip() == "unlearning"
