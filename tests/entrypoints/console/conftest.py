"""A project's console in this process, asked as a browser would; every page is searched for identities and tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from tests.entrypoints.intake.conftest import NOON
from tests.histories import History
from tests.small_project import Project
from unlearning.entrypoints.console.pages import Console
from unlearning.entrypoints.intake import serving
from unlearning.entrypoints.intake.service import application
from unlearning.project import access
from unlearning.project.workspace import Workspace


@dataclass
class Browser:
    """What a test asks."""

    workspace: Workspace
    console: Console
    client: TestClient

    def sign_in(self, *scopes: access.Scope) -> Response:
        token = access.grant(self.workspace, scopes or ("read",), now=NOON).token
        return self.client.post("/console/sign-in", data={"token": token})

    def page(self, path: str = "/", status: int = 200) -> str:
        found = self.client.get(f"/console{path}")
        assert found.status_code == status, found.text
        assert "default-src 'none'" in found.headers["content-security-policy"]
        tokens = {one.token for one in self.workspace.ledger.state().requests.values()}
        assert not any(token in found.text for token in tokens) or "/certificates/" in path  # a certificate states them
        assert not re.search(r"ann-1|bob-2|cid-3|Zq\d{4}-canary", found.text)
        return found.text


def browser(workspace: Workspace) -> Iterator[Browser]:
    made = serving.intake(workspace, {})
    looks = serving.console(workspace, made.door, header="X-Remote-User", environ={})
    looks.clock = lambda: NOON
    with TestClient(application(made, looks), raise_server_exceptions=False, follow_redirects=False) as client:
        yield Browser(workspace, looks, client)


@pytest.fixture
def blank(beginning: History, tmp_path: Path) -> Iterator[Browser]:
    """Of a project in which nothing happened yet."""
    yield from browser(beginning.copy(tmp_path / "project").workspace)


@pytest.fixture
def erased(erased_project: Project) -> Iterator[Browser]:
    """Of a project from which a person was erased."""
    yield from browser(erased_project.workspace)
