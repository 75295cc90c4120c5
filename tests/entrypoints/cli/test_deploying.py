"""`unlearn deploy` and `unlearn serve-flows` without a server, and what they say; tests/entrypoints/flows asks a real one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.cli.commands import unlearn
from tests.servers import free_port
from unlearning.entrypoints.flows import embedded, server, serving
from unlearning.entrypoints.flows.server import Change, Deployed

COMMANDS = ["deploy", "serve-flows"]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "params.yaml").write_text("unlearning: {model: outcome, recipe: 'recipes/outcome.py:recipe'}\n")
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    return tmp_path


@pytest.fixture
def answering(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, and a server that seems to answer."""
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    monkeypatch.setattr(embedded, "ready", lambda **_: None)
    return root


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("address", [None, "localhost:4200/api"])
def test_without_the_address_of_a_server_the_next_step_is_said(
    root: Path, monkeypatch: pytest.MonkeyPatch, command: str, address: str | None
) -> None:
    if address:
        monkeypatch.setenv("PREFECT_API_URL", address)

    answer = unlearn(root, command, "--json")

    assert (answer.code, answer.document["error"]) == (2, "WrongUse")
    assert f"PREFECT_API_URL is {address or 'not set'}" in answer.err
    assert "`prefect server start`" in answer.err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_server_that_is_away_is_a_service_that_is_away(root: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    address = f"http://127.0.0.1:{free_port()}/api"
    monkeypatch.setenv("PREFECT_API_URL", address)

    answer = unlearn(root, command, "--json")

    assert (answer.code, answer.document["error"]) == (1, "Unavailable")
    assert address in answer.err
    assert "correct PREFECT_API_URL" in answer.err
    assert "embedded" not in answer.err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_is_no_project_is_said_before_any_server_is_asked(tmp_path: Path, command: str) -> None:
    answer = unlearn(tmp_path, command, "--json")
    assert (answer.code, answer.document["error"]) == (2, "ProjectError")


def test_what_was_deployed_is_said_with_the_next_step(answering: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def deploy(address: str, wanted: Any, **named: Any) -> Deployed:
        asked.update(named)
        done = [Change("erase", "updated", ("schedule",), paused=True), Change("watch", "kept"), Change("train", "removed")]
        return Deployed(True, done)

    monkeypatch.setattr(server, "deploy", deploy)
    words = ("deploy", "--work-pool", "mine", "--take-over")

    lines = unlearn(answering, *words).out.splitlines()
    document = unlearn(answering, *words, "--json").document

    assert asked == {"pool": "mine", "take_over": True, "dry_run": False}
    assert lines == [
        "created  work pool mine",
        "updated  erase  on the schedule 0 * * * *, on the event unlearning.erasure.requested",
        "         was different: schedule",
        "         its schedule is paused, and stays so until it is resumed in Prefect",
        "kept     watch  on the schedule */15 * * * *, on the event unlearning.registry.changed",
        "removed  train",
        "next: prefect worker start --pool mine",
    ]
    assert document["work_pool"] == {"name": "mine", "result": "created"}
    assert document["next"] == "prefect worker start --pool mine"
    assert [(one["name"], one["result"], one["differs"], one["paused"]) for one in document["deployments"]] == [
        ("erase", "updated", ["schedule"], True),
        ("watch", "kept", [], False),
        ("train", "removed", [], False),
    ]
    assert unlearn(answering, "deploy", "--dry-run").out.splitlines()[-1] == "nothing was changed: a dry run"


def test_what_is_served_is_said_as_soon_as_it_is(answering: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(_address: str, _wanted: Any, *, take_over: bool, tell: Callable[[], None]) -> None:
        assert not take_over
        tell()

    monkeypatch.setattr(serving, "serve", serve)

    document = unlearn(answering, "serve-flows", "--json").document

    assert document["server"] == "http://127.0.0.1:1/api"
    assert [(one["name"], one["cron"]) for one in document["deployments"]] == [
        ("train", None),
        ("erase", "0 * * * *"),
        ("watch", "*/15 * * * *"),
        ("follow", "30 * * * *"),
    ]
    assert {one["project"] for one in document["deployments"]} == {str(answering.resolve())}
    assert unlearn(answering, "serve-flows").out.splitlines()[-1] == "on http://127.0.0.1:1/api; end with Ctrl-C"
