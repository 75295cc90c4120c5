"""A promotion by alias: MLflow's server tells `unlearn listen`, and an alias that brings somebody back is moved back."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests import warm
from tests.entrypoints.flows.conftest import until
from tests.registry import Elsewhere
from tests.servers import free_port, mlflow_server, running
from tests.small_project import TRAIN, Project, erased_person, tracked
from unlearning.domain.environ import WEBHOOK_SECRET
from unlearning.domain.versions import ModelVersion, Tracked
from unlearning.entrypoints.service import registry_webhook
from unlearning.erasure.watch import SHAPED

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]

SECRET = "the secret of this webhook"


@dataclass(frozen=True)
class Watched:
    """A project after an erasure, its registry on a server, and somebody else who uses that."""

    project: Project
    person: str
    before: Tracked
    """The training table that the erased person was in."""
    elsewhere: Elsewhere
    log: Path


@pytest.fixture
def watched(template: Project, erased_project: Project, tmp_path: Path) -> Iterator[Watched]:
    project, person, before = erased_project, erased_person(template), Tracked(TRAIN, tracked(template.root, TRAIN))
    allowed = {
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http",
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": Fernet.generate_key().decode(),
    }
    port, log = free_port(), tmp_path / "listen.log"
    listen = [
        warm.python(),
        "-c",
        "from unlearning.entrypoints.cli import main; main()",
        "listen",
        "--root",
        str(project.root),
    ]
    environment = {WEBHOOK_SECRET: SECRET, "PREFECT_API_URL": "", "PYTHONPATH": str(Path(__file__).parents[3])}
    with mlflow_server(project.root, database=f"sqlite:///{project.root / 'mlflow.db'}", environment=allowed) as address:
        project.configure({"stores": {"mlflow": address}})
        elsewhere = Elsewhere.at(address, tmp_path)
        elsewhere.client.create_webhook(
            "watch",
            f"http://127.0.0.1:{port}{registry_webhook.PATH}",
            ["model_version.created", "model_version_alias.created"],
            secret=SECRET,
        )
        with running([*listen, "--port", str(port)], log, environment, f"http://127.0.0.1:{port}/health", 180):
            yield Watched(project, person, before, elsewhere, log)


def test_an_alias_moved_to_a_version_of_an_erased_person_is_moved_back(watched: Watched) -> None:
    project = watched.project
    assert project.champion == 2

    version = watched.elsewhere.train("outcome", data=[watched.before])
    watched.elsewhere.client.set_registered_model_alias("outcome", "champion", str(version.version))

    moves = until(lambda: [event for event in project.events() if event.kind == "AliasReverted"], log=[watched.log])
    assert version == ModelVersion("outcome", 3)
    assert project.champion == 2
    assert [(move.subject, move.body["alias"], move.body["from"], move.body["to"]) for move in moves] == [
        ("outcome", "champion", 3, 2)
    ]
    assert "VersionFlagged" in project.kinds()
    assert project.workspace.models.version("outcome", 3).tags[SHAPED] == "true"
    notice = r"watch  reversed: alias 'champion' of 'outcome': it pointed at outcome/3, .*; moved to outcome/2"
    until(lambda: re.search(notice, watched.log.read_text()), log=[watched.log])
    # A round moves an alias and writes a tag itself, and is told of that too: it must come to an end.
    until(lambda: settled(watched), log=[watched.log])
    said = watched.log.read_text()
    assert said.count("outcome changed") <= 4
    assert watched.person not in said
    assert "Traceback" not in said


def settled(watched: Watched) -> bool:
    """Nothing was told for longer than a delivery and a round take."""
    before = watched.log.read_text()
    time.sleep(6)
    return watched.log.read_text() == before
