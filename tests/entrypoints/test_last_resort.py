"""Errors that nobody foresaw: what is said of them, and where their words go."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tests.entrypoints.cli.commands import unlearn
from unlearning.domain.errors import Refused, Unavailable, Unforeseen
from unlearning.entrypoints.last_resort import ended, root_of
from unlearning.project import workspace
from unlearning.stores.foreign_code import FILE


def test_a_bug_leaves_its_traceback_in_a_private_file_of_the_project_and_its_words_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_root: Path) -> None:
        raise KeyError("Zq0001")

    monkeypatch.setattr(workspace, "load", broken)
    (tmp_path / ".unlearning").mkdir()

    answer = unlearn(tmp_path, "status", "--root", str(tmp_path), "--json", unforeseen_too=True)

    assert (answer.code, answer.document["error"]) == (70, "Unforeseen")
    assert "KeyError at project/workspace.py:" in answer.err
    assert FILE in answer.err
    assert "Zq0001" not in answer.said
    [kept] = (tmp_path / FILE).parent.iterdir()
    assert "Zq0001" in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700


def test_outside_of_a_project_and_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    said = ended(KeyError("Zq0001"), tmp_path)
    assert isinstance(said, Unforeseen)
    assert FILE not in str(said)
    (tmp_path / ".unlearning").mkdir()
    (tmp_path / ".unlearning/tmp").write_text("a file where a folder belongs")
    assert FILE not in str(ended(KeyError("Zq0001"), tmp_path))


def test_what_is_no_bug_keeps_no_traceback(tmp_path: Path) -> None:
    (tmp_path / ".unlearning").mkdir()
    refused = Refused("no")
    assert ended(refused, tmp_path) is refused
    assert isinstance(ended(IsADirectoryError(errno.EISDIR, "Is a directory"), tmp_path), Unavailable)
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize(
    ("words", "root"),
    [((), "."), (("status", "--root", "a"), "a"), (("status", "--root=b"), "b"), (("status", "--root"), ".")],
)
def test_the_project_is_read_off_the_command_line(words: tuple[str, ...], root: str) -> None:
    assert root_of(words) == Path(root)
