"""`unlearn train` and `unlearn erase` as users start them: no server anywhere, a new project, one document, quiet tools."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from typing import Any

import pytest

from tests.entrypoints.flows.conftest import unlearn
from tests.servers import free_port
from tests.small_project import TRAIN, Project, copy
from unlearning.domain.errors import Unavailable
from unlearning.entrypoints.flows import erase

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]

NOISE = re.compile(r"Traceback|Warning|WARN|ERROR|INFO|Error|deprecat", re.IGNORECASE)


@dataclass(frozen=True)
class Session:
    """What was done by command in one project."""

    project: Project
    person: str
    done: list[subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def session(untrained: Project, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """A first training, a request and an erasure."""
    project = copy(untrained, tmp_path_factory.mktemp("fresh") / "project")
    person = project.cells()[0, 1][0]
    done = [unlearn(project.root, "train", "--json"), unlearn(project.root, "request", "--file", "-", "--json", given=person)]
    done.append(unlearn(project.root, "erase", "--replay", "--json"))
    return Session(project, person, done)


def test_the_commands_work_on_a_new_project_without_any_server(session: Session) -> None:
    assert [one.returncode for one in session.done] == [0, 0, 0], [one.stderr for one in session.done]
    trained, (request,), erased = (json.loads(one.stdout) for one in session.done)
    assert (trained["version"], trained["alias"]) == (1, "champion")
    assert erased["models"][0]["replay_equal"] is True
    assert session.project.states() == {request["request_id"]: "completed"}
    assert session.person not in session.project.people(TRAIN)


def test_the_commands_say_what_they_do_and_their_tools_say_nothing(session: Session) -> None:
    for one in session.done:
        assert not NOISE.search(one.stderr), one.stderr
        assert session.person not in one.stdout + one.stderr
    assert "7 promote  champion: version 1 → 2" in session.done[2].stderr
    assert (session.project.root / ".unlearning/prefect/server.log").read_bytes() == b""


def test_the_embedded_server_keeps_nothing_of_a_person(session: Session) -> None:
    home = session.project.root / ".unlearning/prefect"
    kept = {file.name: file.read_bytes() for file in home.rglob("*") if file.is_file()}
    assert b"7 promote" in kept["prefect.db"] + kept.get("prefect.db-wal", b""), "the search finds what is there"
    for secret in (session.person, session.project.token(session.person)):
        assert not [name for name, content in kept.items() if secret.encode() in content]


# --- a service that is away -----------------------------------------------------------------------------------------


def recorded(project: Project) -> list[Any]:
    return [(event.kind, event.subject, event.body) for event in project.events()]


def test_a_prefect_server_that_is_away_is_named_and_nothing_is_begun(project: Project) -> None:
    project.request(project.cells()[0, 1][0])
    before, address = recorded(project), f"http://127.0.0.1:{free_port()}/api"

    done = unlearn(project.root, "erase", "--json", environment={"PREFECT_API_URL": address})

    assert done.returncode == 1
    assert json.loads(done.stdout)["error"] == "Unavailable"
    assert address in done.stderr
    assert "Traceback" not in done.stderr
    assert recorded(project) == before


def test_an_mlflow_server_that_is_away_is_named_and_nothing_is_begun(project: Project) -> None:
    project.request(project.cells()[0, 1][0])
    before, address = recorded(project), f"http://127.0.0.1:{free_port()}"
    project.configure({"stores": {"mlflow": address}})

    with pytest.raises(Unavailable, match=re.escape(address)):
        erase.run(project.workspace, [])

    assert recorded(project) == before
