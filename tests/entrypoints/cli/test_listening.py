"""`unlearn listen`: what keeps it from listening."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.entrypoints.cli.commands import unlearn
from tests.histories import History


def test_without_a_secret_of_some_length_nobody_listens(
    beginning: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = beginning.copy(tmp_path / "project").root
    monkeypatch.delenv("UNLEARNING_WEBHOOK_SECRET", raising=False)
    absent = unlearn(root, "listen", "--port", "0", "--json")
    assert (absent.code, absent.document["error"]) == (2, "KeyFileError")
    assert "UNLEARNING_WEBHOOK_SECRET is not set" in absent.err
    monkeypatch.setenv("UNLEARNING_WEBHOOK_SECRET", "hunter2")
    short = unlearn(root, "listen", "--port", "0")
    assert short.code == 2
    assert "has 7 bytes" in short.err
    assert "hunter2" not in short.said


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_cannot_be_is_refused_before_the_project_is_opened(port: str, tmp_path: Path) -> None:
    answer = unlearn(tmp_path, "listen", "--port", port, "--json")
    assert answer.code == 2
    assert "--port" in answer.document["message"]
