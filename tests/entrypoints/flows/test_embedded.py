"""The embedded server: what is said when one does not answer, and that its script can be started by path."""

from __future__ import annotations

import ast

import pytest

from tests.servers import free_port
from unlearning.domain.errors import Unavailable
from unlearning.entrypoints.flows import embedded, embedded_server


@pytest.mark.parametrize(("needed", "advice"), [(True, "correct PREFECT_API_URL"), (False, "unset PREFECT_API_URL")])
def test_a_server_that_does_not_answer_is_named_with_the_next_step(
    monkeypatch: pytest.MonkeyPatch, needed: bool, advice: str
) -> None:
    address = f"http://127.0.0.1:{free_port()}/api"
    monkeypatch.setenv("PREFECT_API_URL", address)
    with pytest.raises(Unavailable, match=advice) as error:
        embedded.ready(needed=needed)
    assert address in str(error.value)


def test_a_server_that_stops_to_answer_is_away_too(monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx

    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    with pytest.raises(Unavailable, match="run the same command again"), embedded.answering():
        raise httpx.ConnectError("gone")


def test_the_script_of_the_server_imports_nothing_of_the_package() -> None:
    """It runs by path, where the package may not be found."""
    with open(embedded_server.__file__) as source:
        names = {
            name
            for node in ast.walk(ast.parse(source.read()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
        }
    assert names == {"__future__", "prefect.server.api.server", "socket", "sys", "threading", "uvicorn"}
