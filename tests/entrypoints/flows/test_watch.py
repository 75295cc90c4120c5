"""One round of watching as a flow: what it says, and what it leaves; what a round finds is in `erasure/test_watch.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.histories import History
from unlearning.entrypoints.flows import watch as flow
from unlearning.erasure.watch import Sighting


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The artifacts by their key."""
    found: dict[str, str] = {}

    def artifact(text: str, *, key: str, description: str) -> None:
        found[key] = text

    monkeypatch.setattr(flow, "step", lambda _, do, **_say: do())
    monkeypatch.setattr(flow, "create_markdown_artifact", artifact)
    return found


def test_a_round_in_which_nothing_came_back_says_so(beginning: History, tmp_path: Path, left: dict[str, str]) -> None:
    history = beginning.copy(tmp_path / "project")
    said = flow.watch.fn(root=str(history.root))
    assert (said.clean, list(said.found)) == (True, [])
    assert "Nothing came back." in left["watch"]


def test_what_came_back_is_in_the_report_and_in_the_artifact(
    beginning: History, tmp_path: Path, left: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sighting = Sighting("alias", "outcome@champion", "reversed", "it served an erased person", "nothing to do")
    monkeypatch.setattr(flow.watching, "watch", lambda *_, **_now: [sighting])
    said = flow.watch.fn(root=str(beginning.copy(tmp_path / "project").root))
    assert (said.clean, said.reversed, len(said.found)) == (False, 1, 1)
    assert "| alias | outcome@champion | reversed |" in left["watch"]
