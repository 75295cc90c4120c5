"""One runner for Git: a lock that was left behind is the same error, whichever command meets it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from unlearning.domain.errors import NotFound, ProjectError, Unavailable
from unlearning.stores.dvc.repository import DvcData
from unlearning.stores.dvc.repository import create as create_data
from unlearning.stores.git import command, plumbing
from unlearning.stores.git.repository import Git


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DvcData:
    """A repository with one commit and one table that is tracked but not committed."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "none"))
    data = create_data(tmp_path / "repository", remote=".store")
    (data.root / "params.yaml").write_text("{}\n")
    data.git.commit("One", ["."])
    (data.root / "people.csv").write_text("id\nada\n")
    data.add(["people.csv"])
    return data


def stage(data: DvcData) -> None:
    with data.opened() as repo, repo.config.edit() as config:
        config["core"]["autostage"] = True
    (data.root / "people.csv").write_text("id\nbob\n")
    data.add(["people.csv"])


WRITING: dict[str, Callable[[DvcData], object]] = {
    "commit": lambda data: data.git.commit("Two", ["people.csv.dvc"]),
    "commit of a table": lambda data: data.commit("Two", ["people.csv"]),
    "checkout": lambda data: plumbing.switch(data.git, "HEAD"),
    "add with DVC's autostage": stage,
}


@pytest.mark.parametrize("write", WRITING.values(), ids=WRITING)
def test_a_stale_lock_is_the_same_error_from_every_command_that_writes(
    write: Callable[[DvcData], object], data: DvcData
) -> None:
    lock = data.root / ".git/index.lock"
    lock.touch()

    with pytest.raises(Unavailable) as raised:
        write(data)

    assert str(raised.value) == str(command.locked(data.root, lock))
    assert f"{lock} exists; run again when it is done, or delete that file" in str(raised.value)
    assert raised.value.exit_code == 1
    lock.unlink()
    write(data)


def test_the_lock_of_a_ref_is_named_too(data: DvcData) -> None:
    head = str(data.git.head)
    lock = data.root / ".git" / plumbing.TWINS / f"{head}.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    with pytest.raises(Unavailable, match=f"{head}\\.lock exists; run again"):
        plumbing.set_twin(data.git, head, head)


def test_a_lock_that_could_not_be_made_is_no_other_process(data: DvcData) -> None:
    said = "fatal: Unable to create '/nowhere/.git/index.lock': No space left on device"
    script = data.root / ".git/hooks/pre-commit"
    script.write_text(f'#!/bin/sh\necho "{said}" >&2\nexit 1\n')
    script.chmod(0o755)
    with pytest.raises(ProjectError, match="No space left on device"):
        data.commit("Two", ["people.csv"])


def test_git_is_asked_and_says_no(data: DvcData) -> None:
    assert command.ask(data.root, "config", "no.such") is None
    with pytest.raises(NotFound, match="no commit 'nothing'"):
        plumbing.resolve(data.git, "nothing")


def test_a_failure_names_the_command_and_says_what_git_said(data: DvcData) -> None:
    with pytest.raises(ProjectError, match=r"`git cat-file` failed in .*Not a valid object name"):
        plumbing.blob(data.git, "nothing")


def test_git_that_takes_too_long_is_given_up(data: DvcData) -> None:
    with pytest.raises(Unavailable, match=r"longer than 0\.0 s"):
        command.ask(data.root, "log", patience_s=0.0)


def test_no_git_on_the_machine_is_said(data: DvcData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ProjectError, match="`git` is not installed"):
        Git(data.root)


def test_what_is_too_long_for_memory_comes_as_a_stream_and_a_failure_is_said_at_its_end(data: DvcData) -> None:
    with command.stream(data.root, "log", "--format=%s", failing="unread") as lines:
        assert lines.read() == b"One\n"
    with pytest.raises(ProjectError, match="unread"), command.stream(data.root, "log", "nothing", failing="unread") as lines:
        assert lines.read() == b""
