"""The order of a training; whole trainings on a server are in `test_runners.py`."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from unlearning.domain.errors import Halted, SettingsError
from unlearning.entrypoints.flows import train as flow


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the steps, in the order in which they are done."""
    names: list[str] = []

    def step(name: str, do: Any, say: Any = str) -> Any:
        names.append(name)
        return do()

    monkeypatch.setattr(flow, "step", step)
    monkeypatch.setattr(flow, "open_workspace", lambda root: SimpleNamespace(root=root))
    monkeypatch.setattr(flow.openlineage, "reported", lambda *_: nullcontext("told"))
    monkeypatch.setattr(flow.openlineage, "tell_training", lambda _, told, _made: names.append(told))
    monkeypatch.setattr(flow, "create_markdown_artifact", lambda _, **named: names.append(named["key"]))
    monkeypatch.setattr(flow.presentation, "training_markdown", str)
    monkeypatch.setattr(flow.stages, "load", lambda _: "work")
    monkeypatch.setattr(flow.stages, "fit", lambda work, **_: f"trained on {work}")
    monkeypatch.setattr(flow.stages, "judge", lambda _, trained: f"{trained}, judged")
    monkeypatch.setattr(flow.stages, "register", lambda _, _trained, judged: SimpleNamespace(made="version 1", judged=judged))
    return names


def test_what_was_trained_is_judged_before_it_is_registered_and_told_of_afterwards(done: list[str]) -> None:
    assert flow.train.fn().judged == "trained on work, judged"
    assert done == ["load", "fit", "judge", "register", "told", "training"]


def test_a_step_that_fails_ends_the_training_and_nothing_is_said_to_be_done(
    done: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def judge(work: object, trained: object) -> None:
        raise SettingsError("no such check")

    monkeypatch.setattr(flow.stages, "judge", judge)
    with pytest.raises(Halted, match="no such check"):
        flow.train.fn(str(tmp_path))
    assert done == ["load", "fit", "judge"]
