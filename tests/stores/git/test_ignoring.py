"""Data is kept out of Git before DVC says so, in DVC's own words."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from unlearning.stores.git import ignoring
from unlearning.stores.git.repository import Git, create

NAMES = (
    "a.csv",
    "data/a.parquet",
    "deep/er/still/m.pkl",
    "b[1]*?.csv",
    "!new.csv",
    "#one.csv",
    "two words.csv",
    "naïve/zoë.bin",
)


@pytest.fixture
def git(tmp_path: Path) -> Git:
    return create(tmp_path / "repository", author="Ada", email="ada@example.org")


def put(git: Git, name: str) -> None:
    (git.root / name).parent.mkdir(parents=True, exist_ok=True)
    (git.root / name).write_text("x")


def untracked(git: Git) -> list[str]:
    command = ["git", "-c", "core.quotepath=off", "status", "--porcelain", "--untracked-files=all"]
    done = subprocess.run(command, cwd=git.root, check=True, capture_output=True, text=True)
    return [line[3:].strip('"') for line in done.stdout.splitlines() if not line.endswith(".gitignore")]


@pytest.mark.parametrize("folders", [True, False], ids=["there", "to come"])
def test_what_is_ignored_is_never_added_whatever_it_is_called(git: Git, folders: bool) -> None:
    for name in NAMES if folders else ():
        (git.root / name).parent.mkdir(parents=True, exist_ok=True)
    ignoring.ignore(git, NAMES)
    assert folders or not (git.root / "deep").exists()  # to make it could be in the way of the stage that does
    for name in (*NAMES, "another.csv", "b1x.csv"):
        put(git, name)
    assert untracked(git) == ["another.csv", "b1x.csv"]


def test_once_is_enough_and_what_is_missing_is_mended(git: Git) -> None:
    assert ignoring.ignore(git, NAMES) == {git.root / ".gitignore": False}
    before = (git.root / ".gitignore").read_text()
    assert ignoring.ignore(git, NAMES) == {}
    (git.root / ".gitignore").write_text(before.replace("/a.csv\n", ""))
    assert ignoring.visible(git, NAMES) == ["a.csv"]
    assert ignoring.ignore(git, NAMES) == {git.root / ".gitignore": True}
    assert sorted((git.root / ".gitignore").read_text().splitlines()) == sorted(before.splitlines())


@pytest.mark.parametrize("existing", [b"*.log", b"*.log\n", b"*.log\r\n", b"", b"!data/a.csv\n", "größe\n".encode("latin-1")])
def test_what_stands_in_the_file_already_stays(git: Git, existing: bytes) -> None:
    (git.root / ".gitignore").write_bytes(existing)
    ignoring.ignore(git, ["data/a.csv"])
    assert (git.root / ".gitignore").read_bytes().startswith(existing)
    assert (git.root / ".gitignore").read_bytes().endswith(b"\n/data/a.csv\n" if existing else b"/data/a.csv\n")
    assert ignoring.visible(git, ["data/a.csv"]) == []


def test_patterns_of_the_user_s_own_are_enough(git: Git) -> None:
    (git.root / ".gitignore").write_text("*.csv\ndata/\n")
    assert ignoring.ignore(git, ["a.csv", "data/x/y.bin"]) == {}


def test_what_git_tracks_is_named_and_gets_no_line_that_would_change_nothing(git: Git) -> None:
    put(git, "a.csv")
    put(git, "model/weights.bin")
    git.commit("Add", ["a.csv", "model/weights.bin"])
    assert ignoring.tracked(git, ["a.csv", "model", "b.csv"]) == ["a.csv", "model"]
    assert ignoring.ignore(git, ["a.csv", "model"]) == {}


def test_what_lies_behind_a_link_or_outside_is_no_matter_of_git(git: Git, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (git.root / "data").symlink_to(tmp_path / "disk")
    assert ignoring.visible(git, ["data/a.csv", str(tmp_path / "elsewhere.csv")]) == []
