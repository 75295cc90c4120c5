"""A project's intake service in this process, asked as a client would, and every answer and event searched for identities."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from tests.histories import History
from unlearning.entrypoints.intake.door import Door
from unlearning.entrypoints.intake.service import Intake, application
from unlearning.project import access
from unlearning.project.workspace import Workspace

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = bytes(range(32))
PEOPLE = ("ann-1", "bob-2", "cid-3")


@dataclass
class Service:
    """What a test asks."""

    workspace: Workspace
    client: TestClient
    tokens: dict[str, str]
    announced: list[str] = field(default_factory=list)

    def ask(
        self,
        method: str,
        path: str,
        *,
        scope: str | None = None,
        content: bytes | str | None = None,
        json_body: Any = None,
        **headers: str,
    ) -> Response:
        """scope: by whose key; the default is the one that the method needs most often, an empty one is nobody's."""
        by = ("read" if method == "GET" else "submit") if scope is None else scope
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        if by:
            said.setdefault("authorization", f"Bearer {self.tokens[by]}")
        if json_body is not None:
            content = json.dumps(json_body)
            said.setdefault("content-type", "application/json")
        found = self.client.request(method, path, content=content, headers=said)
        assert not any(person in found.text for person in PEOPLE), found.text
        return found

    def states(self) -> dict[str, str]:
        return {one.request_id: one.state for one in self.workspace.ledger.state().requests.values()}


@pytest.fixture
def service(beginning: History, tmp_path: Path) -> Iterator[Service]:
    workspace = beginning.copy(tmp_path / "project").workspace
    tokens = {one: access.grant(workspace, [one], now=NOON).token for one in access.SCOPES}  # type: ignore[list-item]
    announced: list[str] = []
    made = Intake(workspace, Door(workspace, (KEY,), clock=NOON.timestamp), announced.extend, clock=lambda: NOON)
    with TestClient(application(made), raise_server_exceptions=False) as client:
        yield Service(workspace, client, tokens, announced)
    assert not any(person in str(workspace.ledger.events()) for person in PEOPLE)


Ask = Callable[..., Response]
