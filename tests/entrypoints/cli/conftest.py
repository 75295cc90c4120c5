"""The flows as plain functions, so that a command runs in the test's own process without a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest


@contextmanager
def plain_flows() -> Iterator[None]:
    """Within: what `unlearn train`, `erase`, `follow` and `watch` call, without Prefect around it."""
    from unlearning.entrypoints.flows import erase, follow, retire, train, watch

    def step(_name: str, do: Callable[[], Any], **_said: Any) -> Any:
        return do()

    with pytest.MonkeyPatch.context() as patch:
        for module, flow in (
            (erase, erase.erase),
            (train, train.train),
            (follow, follow.follow),
            (watch, watch.watch),
            (retire, retire.retire),
        ):
            patch.setattr(module, "step", step)
            patch.setattr(module, "create_markdown_artifact", lambda *_args, **_named: None, raising=False)
            patch.setattr(module, "mapped", lambda run, jobs: [run(job) for job in jobs], raising=False)
            patch.setattr(module, "run", _plain(flow.fn))
        # Each model in turn is the command's own business; what starts Prefect for them is not.
        plain = train.train.fn
        patch.setattr(train, "train", SimpleNamespace(with_options=lambda **_: plain, fn=plain))
        for name in ("warm", "runner"):
            patch.setattr(train, name, lambda *_: None)
        for name in ("answering", "asking"):
            patch.setattr(train, name, lambda *_: nullcontext())
        yield


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(workspace: Any, requests: Any = None, **more: Any) -> Any:
        given = more if requests is None else {"requests": requests, **more}
        return function(root=str(workspace.root), **given)

    return run


@pytest.fixture
def without_prefect() -> Iterator[None]:
    """The same for one test; the flows' own tests run them under Prefect."""
    with plain_flows():
        yield
