"""What would keep Git from taking a commit, found without leaving anything in the repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.untouched import changes, state
from unlearning.domain.errors import ProjectError, Unavailable
from unlearning.stores.git import readiness
from unlearning.stores.git.repository import Git, create


@pytest.fixture
def repository(tmp_path: Path) -> Git:
    made = create(tmp_path / "repository", author="Ada", email="ada@example.org")
    (made.root / "a").write_text("one")
    made.commit("one", ["a"])
    return made


def run(git: Git, *words: str, check: bool = True) -> None:
    subprocess.run(["git", *words], cwd=git.root, check=check, capture_output=True)


def said(git: Git) -> list[str]:
    """What is in the way; asking leaves no trace."""
    before = state(git.root)
    found = []
    try:
        found += map(str, readiness.obstacles(git))
    except (ProjectError, Unavailable) as error:
        found.append(str(error))
    assert changes(before, state(git.root)) == []
    return found


def test_a_repository_with_an_author_takes_a_commit(repository: Git) -> None:
    assert said(repository) == []


def test_so_does_one_without_a_commit_and_a_linked_work_tree(repository: Git, tmp_path: Path) -> None:
    assert said(create(tmp_path / "new", author="Ada", email="ada@example.org")) == []
    run(repository, "worktree", "add", "-q", "-b", "other", str(tmp_path / "linked"))
    assert said(Git(tmp_path / "linked")) == []


@pytest.mark.parametrize("name", ["user.name", "user.email"])
def test_half_an_author_is_none(repository: Git, name: str) -> None:
    run(repository, "config", "user.useConfigOnly", "true")
    run(repository, "config", "--unset", name)
    [found] = said(repository)
    assert "git config user.name" in found
    assert "git config user.email" in found


def conflict(git: Git, how: str) -> None:
    """A merge, cherry-pick, revert or rebase that stopped half-way."""
    run(git, "checkout", "-q", "-b", "theirs")
    (git.root / "a").write_text("two")
    git.commit("two", ["a"])
    run(git, "checkout", "-q", "main")
    (git.root / "a").write_text("three")
    git.commit("three", ["a"])
    target = "HEAD~1" if how == "revert" else "theirs"
    if how == "revert":
        (git.root / "a").write_text("four")
        git.commit("four", ["a"])
    run(git, how, *(("--no-edit",) if how == "revert" else ()), target, check=False)


@pytest.mark.parametrize("how", ["merge", "cherry-pick", "revert", "rebase"])
def test_what_is_under_way_is_named_with_the_way_out_of_it(repository: Git, how: str) -> None:
    conflict(repository, how)
    found = said(repository)
    assert f"git {how} --abort" in found[0]
    assert "unmerged" in " ".join(found)
    run(repository, how, "--abort")
    assert said(repository) == []


def test_a_detached_head_and_a_bisection_are_no_branch(repository: Git) -> None:
    run(repository, "checkout", "-q", "--detach")
    assert ["git switch BRANCH" in one for one in said(repository)] == [True]
    run(repository, "checkout", "-q", "main")
    run(repository, "bisect", "start")
    assert "git bisect reset" in said(repository)[0]


@pytest.mark.parametrize("name", ["index.lock", "HEAD.lock"])
def test_a_lock_that_somebody_holds_is_waited_for(repository: Git, name: str) -> None:
    (repository.root / ".git" / name).touch()
    assert name in said(repository)[0]


def test_a_signature_that_cannot_be_made_is_found_by_trying(repository: Git) -> None:
    run(repository, "config", "commit.gpgsign", "true")
    run(repository, "config", "gpg.program", "/bin/false")
    assert "cannot sign" in said(repository)[0]
