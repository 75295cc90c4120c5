"""Commits beside the history: the history, the work tree and the index stay as they are."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from unlearning.domain.errors import NotFound, ProjectError
from unlearning.stores.git import plumbing
from unlearning.stores.git.repository import Git, create


@pytest.fixture
def git(tmp_path: Path) -> Git:
    return create(tmp_path / "repository", author="Ada", email="ada@example.org")


def put(git: Git, name: str, text: str) -> str:
    file = git.root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    git.commit(text, [name])
    return str(git.head)


def run(git: Git, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=git.root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def state(git: Git) -> tuple[str, ...]:
    """Everything that a commit beside the history must not touch."""
    refs = [line for line in run(git, "for-each-ref").splitlines() if "refs/unlearning/" not in line]
    return (run(git, "status", "--porcelain"), run(git, "diff", "--cached"), run(git, "symbolic-ref", "HEAD"), *refs)


def test_a_commit_beside_follows_the_other_and_differs_in_the_named_files_only(git: Git) -> None:
    put(git, "data/a b.dvc", "one")
    rev = put(git, "run.sh", "two")
    (git.root / "run.sh").chmod(0o755)
    git.commit("executable", ["run.sh"])
    rev = str(git.head)
    (git.root / "staged").write_text("mine")
    run(git, "add", "staged")
    before = state(git)
    made = plumbing.commit_beside(git, rev, {"data/a b.dvc": b"other", "run.sh": b"\x00bytes"}, message="Beside")
    assert state(git) == before
    assert run(git, "rev-parse", f"{made}^") == rev
    assert run(git, "log", "-1", "--format=%s|%an", made) == "Beside|unlearn"
    assert plumbing.files(git, made).keys() == plumbing.files(git, rev).keys()
    assert plumbing.blob(git, f"{made}:data/a b.dvc") == b"other"
    assert plumbing.blob(git, f"{made}:run.sh") == b"\x00bytes"
    assert run(git, "ls-tree", made, "run.sh").startswith("100755")


def test_the_same_change_of_the_same_commit_is_the_same_commit(git: Git) -> None:
    rev = put(git, "a", "one")
    made = {plumbing.commit_beside(git, rev, {"a": b"two"}, message="Beside") for _ in range(2)}
    assert len(made) == 1


def test_a_project_in_a_subfolder_names_files_from_the_top_of_its_repository(git: Git) -> None:
    rev = put(git, "inner/a", "one")
    inner = Git(git.root / "inner")
    made = plumbing.commit_beside(inner, rev, {"inner/a": b"two"}, message="Beside")
    assert list(plumbing.files(inner, made)) == ["inner/a"]
    assert plumbing.blob(inner, f"{made}:inner/a") == b"two"


def test_twins_are_known_by_their_commit_and_are_no_part_of_the_history(git: Git) -> None:
    first, second = put(git, "a", "one"), put(git, "a", "two")
    assert plumbing.twins(git) == {}
    twin = plumbing.commit_beside(git, first, {"a": b"other"}, message="Beside")
    plumbing.set_twin(git, first, twin)
    assert plumbing.twins(git) == {first: twin}
    assert plumbing.everywhere(git) == [first, second]
    run(git, "checkout", "--quiet", twin)  # somebody looks at it: HEAD alone makes it no history
    assert plumbing.everywhere(git) == [first, second]


def test_every_branch_and_tag_counts_and_parents_come_first(git: Git) -> None:
    assert plumbing.everywhere(git) == []
    one = put(git, "a", "one")
    run(git, "checkout", "--quiet", "-b", "side")
    side = put(git, "b", "side")
    run(git, "tag", "kept")
    run(git, "checkout", "--quiet", "main")
    run(git, "branch", "--quiet", "-D", "side")
    two = put(git, "a", "two")
    found = plumbing.everywhere(git)
    assert set(found) == {one, side, two}
    assert found[0] == one


def test_a_revision_is_a_branch_a_tag_or_a_commit_and_nothing_else(git: Git) -> None:
    rev = put(git, "a", "one")
    run(git, "tag", "-a", "v1", "-m", "annotated")
    assert {plumbing.resolve(git, name) for name in ("main", "v1", "HEAD", rev, rev[:8])} == {rev}
    for name in ("nowhere", "--all", f"{rev}:a"):
        with pytest.raises(NotFound, match="name a branch, a tag or a commit"):
            plumbing.resolve(git, name)


def test_what_is_kept_is_its_newest_version_after_those_before_it(git: Git) -> None:
    put(git, "a", "one")
    before = state(git)
    assert plumbing.kept(git, "map.json") is None
    for content in (b"first\n", b"\xffsecond"):
        plumbing.keep(git, "map.json", content, message="Map")
        assert plumbing.kept(git, "map.json") == content
    assert run(git, "rev-list", "--count", plumbing.MAP) == "2"
    assert plumbing.blob(git, f"{plumbing.MAP}^:map.json") == b"first\n"
    assert state(git) == before


def test_switching_goes_to_a_branch_by_name_and_leaves_uncommitted_work_alone(git: Git) -> None:
    first = put(git, "a", "one")
    put(git, "a", "two")
    plumbing.switch(git, first)
    assert (git.root / "a").read_text() == "one"
    plumbing.switch(git, "main")
    assert run(git, "symbolic-ref", "--short", "HEAD") == "main"
    (git.root / "a").write_text("mine")
    assert plumbing.changes(git) == [" M a"]
    with pytest.raises(ProjectError, match="would be overwritten"):
        plumbing.switch(git, first)
    assert (git.root / "a").read_text() == "mine"


def test_a_linked_work_tree_has_the_commit_and_leaves_this_one_alone(git: Git, tmp_path: Path) -> None:
    first = put(git, "a", "one")
    put(git, "a", "two")
    with plumbing.linked(git, first, tmp_path / "linked") as draft:
        assert (draft / "a").read_text() == "one"
        assert not (tmp_path / "linked").exists()
    assert (tmp_path / "linked/a").read_text() == "one"
    assert run(Git(tmp_path / "linked"), "rev-parse", "HEAD") == first
    assert (git.root / "a").read_text() == "two"
    with pytest.raises(ProjectError, match="not empty"), plumbing.linked(git, first, tmp_path / "linked"):
        pass
    assert sorted(one.name for one in tmp_path.iterdir()) == ["linked", "repository"]


def test_what_ends_badly_or_is_killed_leaves_no_linked_work_tree(git: Git, tmp_path: Path) -> None:
    first, there = put(git, "a", "one"), len(run(git, "worktree", "list").splitlines())
    with pytest.raises(OSError, match="No space"), plumbing.linked(git, first, tmp_path / "linked"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert [one.name for one in tmp_path.iterdir()] == ["repository"]
    assert len(run(git, "worktree", "list").splitlines()) == there

    killed = (
        "import os, signal\nfrom pathlib import Path\nfrom unlearning.stores.git import plumbing\n"
        "from unlearning.stores.git.repository import Git\n"
        f"with plumbing.linked(Git(Path({str(git.root)!r})), {first!r}, Path({str(tmp_path / 'linked')!r})):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", killed], check=False).returncode == -signal.SIGKILL
    assert not (tmp_path / "linked").exists()
    with plumbing.linked(git, first, tmp_path / "linked"):
        pass
    assert sorted(one.name for one in tmp_path.iterdir()) == ["linked", "repository"]


def test_the_commits_behind_refs_are_told_from_later_ones_with_their_dates(git: Git) -> None:
    first = put(git, "a", "one")
    before = plumbing.tips(git)
    second = put(git, "a", "two")
    plumbing.set_twin(git, first, second)
    assert (before, plumbing.tips(git)) == ([first], [second])
    assert plumbing.behind(git, before) == {first}
    assert plumbing.behind(git, [second, "0" * 40]) == {first, second}
    assert plumbing.behind(git, []) == frozenset()
    assert plumbing.dates(git).keys() == {first, second}
    assert (plumbing.inside(git), plumbing.current(git)) == ("", "main")
