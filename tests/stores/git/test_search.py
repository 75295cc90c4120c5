"""Names and contents in a Git history, whatever is checked out."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from unlearning.domain.errors import ProjectError
from unlearning.stores.git import search
from unlearning.stores.git.repository import Git, create


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


def found(git: Git) -> dict[str, set[str]]:
    kinds: dict[str, set[str]] = {"blob": set(), "commit": set(), "tag": set(), "tree": set()}
    for one in search.contents(git):
        kinds[one.kind].add(one.path if one.kind == "blob" else one.body.decode("utf-8", "replace"))
    return kinds


def test_every_file_of_any_commit_comes_once_with_a_path_and_every_ref_has_a_name(git: Git) -> None:
    put(git, "scans/zoë/a b.txt", "one")
    run(git, "rm", "--quiet", "scans/zoë/a b.txt")
    run(git, "commit", "--quiet", "--message", "gone")
    run(git, "tag", "Zq-9999")
    put(git, "kept", "two")
    put(git, "same", "two")
    run(git, "checkout", "--quiet", "-b", "side")
    put(git, "only-there", "three")
    run(git, "checkout", "--quiet", "main")
    assert found(git)["blob"] == {"scans/zoë/a b.txt", "kept", "only-there"}
    entries = {name for one in search.contents(git) if one.kind == "tree" for name in one.entries}
    assert entries == {"scans", "zoë", "a b.txt", "kept", "same", "only-there"}
    assert search.refs(git) == ["refs/heads/main", "refs/heads/side", "refs/tags/Zq-9999"]


def test_an_empty_repository_holds_no_object(git: Git) -> None:
    assert list(search.contents(git)) == []
    assert search.refs(git) == []
    assert search.everywhere(git, ["0" * 40]) == {"0" * 40: []}


def test_what_no_ref_reaches_and_what_is_only_staged_has_its_path(git: Git) -> None:
    put(git, "kept", "one")
    put(git, "lost/there.csv", "two")
    run(git, "reset", "--quiet", "--hard", "HEAD~1")
    run(git, "reflog", "expire", "--expire=now", "--all")
    (git.root / "staged.csv").write_text("three")
    run(git, "add", "staged.csv")
    assert found(git)["blob"] == {"kept", "lost/there.csv", "staged.csv"}


def test_of_a_message_what_people_wrote_counts_and_no_hash_or_time(git: Git) -> None:
    put(git, "a", "one")
    run(git, "tag", "-a", "-m", "a release", "v1")
    said = {one.kind: one.said for one in search.contents(git) if one.kind in ("commit", "tag")}
    assert said["commit"] == b"Ada <ada@example.org>\nAda <ada@example.org>\nAdd a\n"
    assert said["tag"] == b"Ada <ada@example.org>\na release\n"


def test_every_path_at_which_a_file_ever_was_is_named(git: Git) -> None:
    put(git, "a", "one")
    run(git, "mv", "a", "b")
    run(git, "commit", "--quiet", "--message", "moved")
    put(git, "c d", "one")
    [blob] = [one.name for one in search.contents(git) if one.kind == "blob"]
    assert search.everywhere(git, [blob]) == {blob: ["a", "b", "c d"]}
    assert search.everywhere(git, []) == {}


def test_a_repository_that_cannot_be_read_is_no_repository_without_people(git: Git) -> None:
    put(git, "note", "it is Zq-9999")
    for file in (git.root / ".git/objects").glob("??/*"):
        file.chmod(0o600)
        file.write_bytes(b"broken")
    with pytest.raises(ProjectError, match=r"git (cat-file|rev-list)"):
        list(search.contents(git))
