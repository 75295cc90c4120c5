"""The flows as plain functions, so that a command runs in the test's own process without a server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def without_prefect(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `unlearn train`, `erase`, `follow` and `watch` call, without Prefect around it; its own tests are in tests/flows."""
    from flows import erase, follow, train, watch

    def step(_name: str, do: Callable[[], Any], **_said: Any) -> Any:
        return do()

    for module, flow in ((erase, erase.erase), (train, train.train), (follow, follow.follow), (watch, watch.watch)):
        monkeypatch.setattr(module, "step", step)
        monkeypatch.setattr(module, "create_markdown_artifact", lambda *_args, **_named: None)
        if hasattr(module, "mapped"):
            monkeypatch.setattr(module, "mapped", lambda run, jobs: [run(job) for job in jobs])
        monkeypatch.setattr(module, "run", _plain(flow.fn))


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(workspace: Any, requests: Any = None, **more: Any) -> Any:
        given = more if requests is None else {"requests": requests, **more}
        return function(root=str(workspace.root), **given)

    return run
