"""The flows that deployments start: by a project's folder, for a request that an event announced."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.histories import History
from unlearning.domain.clocks import utc_now
from unlearning.domain.errors import NotFound
from unlearning.entrypoints.flows import deployed
from unlearning.entrypoints.flows import erase as erasing
from unlearning.entrypoints.flows import train as training
from unlearning.erasure.steps.receive import receive
from unlearning.project.workspace import Workspace


@pytest.fixture
def workspace(beginning: History, tmp_path: Path) -> Workspace:
    return beginning.copy(tmp_path / "project").workspace


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the flows were asked for, instead of running them."""
    asked: list[Any] = []
    monkeypatch.setattr(erasing, "run", lambda one, requests, **how: asked.append((one.root, requests, how)) or [])
    monkeypatch.setattr(training, "run_each", lambda found: asked.extend(one.root for one in found) or [{}])
    return asked


def test_an_event_starts_every_open_request_of_the_project_not_its_own_alone(workspace: Workspace, ran: list[Any]) -> None:
    [made, _] = receive(workspace, ["ann-1", "bob-2"], regulation="gdpr", now=utc_now())
    for request_id in (made.request_id, None):
        assert deployed.erase.fn(root=str(workspace.root), request_id=request_id, replay=True) == []
    assert ran == [(workspace.root, [], {"replay": True})] * 2


def test_where_nothing_is_to_be_done_the_steps_are_not_even_read(workspace: Workspace, ran: list[Any]) -> None:
    assert deployed.erase.fn(root=str(workspace.root)) == []
    assert ran == []


def test_a_request_that_the_ledger_does_not_know_fails_the_run(workspace: Workspace, ran: list[Any]) -> None:
    with pytest.raises(NotFound, match="request-0000000000000000"):
        deployed.erase.fn(root=str(workspace.root), request_id="request-0000000000000000")
    assert ran == []


def test_training_is_that_of_the_project_in_the_folder(workspace: Workspace, ran: list[Any]) -> None:
    assert deployed.train.fn(root=str(workspace.root)) == [{}]
    assert ran == [workspace.root]


def test_a_run_is_seen_to_begin_before_its_process_has_read_the_whole_package() -> None:
    """A process of Prefect imports the module of the flow, and only then says that the run began."""
    asked = "import sys, unlearning.entrypoints.flows.deployed; print(*(name for name in sys.modules if 'unlearning' in name))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=120)
    packages = ("unlearning", "unlearning.entrypoints", "unlearning.entrypoints.flows")
    read = {name for name in done.stdout.split() if not name.startswith("__editable__")}
    assert read == {*packages, "unlearning.entrypoints.flows.deployed"}
