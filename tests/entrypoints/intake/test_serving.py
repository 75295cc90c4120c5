"""`unlearn serve` as a process: what it acknowledged is there after it was told to end, and its log names nobody."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML
from standardwebhooks.webhooks import Webhook

from tests.entrypoints.cli.commands import unlearn
from tests.entrypoints.intake.test_signatures import SECRET
from tests.receivers import Receiver, receiving
from tests.small_project import TRAIN, Project
from unlearning.domain.environ import CALLBACK_SECRETS, INTAKE_SECRETS
from unlearning.domain.errors import KeyFileError
from unlearning.entrypoints.intake import serving


@contextmanager
def served(root: Path, log: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of a started `unlearn serve`, and its process."""
    start = "import sys; from unlearning.entrypoints.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", start, "serve", "--root", str(root), "--port", "0", "--json"]
    environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    with (
        log.open("w") as said,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, env=environment) as process,
    ):
        try:
            assert process.stdout is not None
            lines = []
            while "}" not in "".join(lines):
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
    with receiving() as receiver, served(allowing(project.root, receiver), log) as (address, process):
        with httpx.Client(base_url=address, headers={"authorization": f"Bearer {made['token']}"}, timeout=120) as client:
            assert client.get("/readyz").json() == {"status": "ready"}
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
