"""What Git tracks now, with its content."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from unlearning.stores.git import tracked
from unlearning.stores.git.repository import Git, create


@pytest.fixture
def git(tmp_path: Path) -> Git:
    return create(tmp_path / "repository", author="Ada", email="ada@example.org")


def run(git: Git, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=git.root, check=True, capture_output=True)


def put(git: Git, name: str, text: str) -> None:
    (git.root / name).parent.mkdir(parents=True, exist_ok=True)
    (git.root / name).write_text(text)
    run(git, "add", "--force", name)


def test_before_the_first_commit_everything_is_staged(git: Git) -> None:
    assert tracked.index(git) == tracked.head(git) == tracked.staged(git) == {}
    put(git, "a b/zoë.csv", "one")
    assert set(tracked.staged(git)) == set(tracked.index(git)) == {"a b/zoë.csv"}
    assert tracked.head(git) == {}


def test_what_is_staged_is_what_the_next_commit_changes(git: Git) -> None:
    put(git, "kept", "one")
    put(git, "gone", "two")
    run(git, "commit", "--quiet", "--message", "first")
    run(git, "rm", "--quiet", "gone")
    put(git, "new", "three")
    assert set(tracked.head(git)) == {"kept", "gone"}
    assert set(tracked.index(git)) == {"kept", "new"}
    assert set(tracked.staged(git)) == {"new"}


def test_a_project_below_the_top_sees_its_own_files_by_its_own_paths(git: Git) -> None:
    put(git, "project/a", "one")
    put(git, "other/b", "two")
    run(git, "commit", "--quiet", "--message", "first")
    put(git, "project/c", "three")
    inner = Git(git.root / "project")
    assert (set(tracked.head(inner)), set(tracked.index(inner)), set(tracked.staged(inner))) == ({"a"}, {"a", "c"}, {"c"})


def test_every_content_is_read_and_a_missing_one_is_none(git: Git) -> None:
    put(git, "a", "one\n\0two\n")
    put(git, "b", "")
    (git.root / "link").symlink_to("a")
    run(git, "add", "link")
    blobs = tracked.index(git)
    assert set(blobs) == {"a", "b"}
    found = dict(tracked.contents(git, [blobs["a"], "0" * 40, blobs["b"]]))
    assert found == {blobs["a"]: b"one\n\0two\n", blobs["b"]: b""}
    assert list(tracked.contents(git, [])) == []
