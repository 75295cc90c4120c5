"""The team stack of compose.yaml: what can be known of it without containers."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from unlearning.domain import environ
from unlearning.entrypoints.cli import main

ROOT = Path(__file__).parents[1]
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


def test_variables_of_ours_are_those_that_are_read() -> None:
    named = set(re.findall(r"\b(UNLEARNING_\w+)=", str(OURS)))
    assert named == {environ.CONSOLE_ROLE}
    assert set(COMPOSE["x-stack"]) & {environ.MLFLOW_TRACKING_URI, environ.PREFECT_API_URL}


def test_the_image_installs_what_the_project_names() -> None:
    dockerfile = (ROOT / "deploy/Dockerfile").read_text("utf-8")
    extras = re.search(r"\.\[([\w,]+)\]", dockerfile)
    assert extras
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert all(f"\n{extra} = [" in project for extra in extras[1].split(","))
