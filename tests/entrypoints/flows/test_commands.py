"""`unlearn erase` where a service is away: it is named, and nothing is begun.

A new project without any server, in processes as users start them, is the session of the README, in `tests/test_docs.py`.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.entrypoints.flows.conftest import unlearn
from tests.servers import free_port
from tests.small_project import Project
from unlearning.domain.errors import Unavailable
from unlearning.entrypoints.flows import erase

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]


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
