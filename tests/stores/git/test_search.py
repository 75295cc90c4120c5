"""Names and contents in a Git history, whatever is checked out."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from unlearning.domain.errors import ProjectError
from unlearning.stores.git import search
from unlearning.stores.git.repository import Git, create

PERSON = re.compile(b"Zq-9999")


@pytest.fixture
def git(tmp_path: Path) -> Git:
    return create(tmp_path / "repository", author="Ada", email="ada@example.org")


def put(git: Git, name: str, text: str) -> None:
    file = git.root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    git.commit(f"Add {name}", [name])


def run(git: Git, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=git.root, check=True, capture_output=True)


def test_every_file_and_folder_of_any_commit_and_every_ref_has_a_name_here(git: Git) -> None:
    put(git, "scans/zoë/a b.txt", "one")
    run(git, "rm", "--quiet", "scans/zoë/a b.txt")
    run(git, "commit", "--quiet", "--message", "gone")
    run(git, "tag", "Zq-9999")
    put(git, "kept", "two")
    run(git, "checkout", "--quiet", "-b", "side")
    put(git, "only-there", "three")
    run(git, "checkout", "--quiet", "main")
    assert set(search.names(git)) == {
        "scans",
        "scans/zoë",
        "scans/zoë/a b.txt",
        "kept",
        "only-there",
        "refs/heads/main",
        "refs/heads/side",
        "refs/tags/Zq-9999",
    }


def test_an_empty_repository_holds_no_name_and_no_object(git: Git) -> None:
    assert list(search.names(git)) == []
    assert search.holding(git, PERSON) == (0, 0)


def test_contents_are_found_in_old_commits_messages_and_objects_that_nothing_reaches(git: Git) -> None:
    put(git, "note", "it is Zq-9999")
    put(git, "note", "nobody")
    assert search.holding(git, PERSON)[0] == 1
    put(git, "Zq-9999.txt", "x")  # named in a tree and in the message of its commit
    assert search.holding(git, PERSON)[0] == 3
    run(git, "update-ref", "-d", "refs/heads/main")
    found, read = search.holding(git, PERSON)
    assert found == 3
    assert read == 3 * 3  # a commit, a tree and a blob of each


def test_a_repository_that_cannot_be_read_is_no_repository_without_people(git: Git) -> None:
    put(git, "note", "it is Zq-9999")
    for file in (git.root / ".git/objects").glob("??/*"):
        file.chmod(0o600)
        file.write_bytes(b"broken")
    with pytest.raises(ProjectError, match=r"git (cat-file|rev-list)"):
        search.holding(git, PERSON)
