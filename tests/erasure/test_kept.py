"""Everything that a project keeps has a name, and a mark that is another when its content is."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tests.small_project import TRAIN, Project
from unlearning.erasure import kept
from unlearning.stores.second_look.matching import Wanted


def marks(project: Project) -> dict[tuple[str, str], str]:
    unread = list[str]()
    found = {(thing.where, thing.name): thing.mark for thing in kept.everything(project.workspace, unread)}
    assert unread == []
    return found


def test_every_file_and_every_object_of_git_is_a_thing(project: Project) -> None:
    found = marks(project)
    assert {("files of the project", TRAIN), ("files of the project", "params.yaml"), ("MLflow", "mlflow.db")} <= set(found)
    assert {where for where, _ in found} >= {"DVC cache", "DVC remote 'store'", "Git history"}
    command = ("git", "cat-file", "--batch-check", "--batch-all-objects")
    listed = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=True)
    objects = {line.split()[0] for line in listed.stdout.splitlines()}
    assert {mark for (where, name), mark in found.items() if where == "Git history" and name.startswith("object")} == objects
    assert all(found.values())


def test_a_mark_is_another_when_the_content_is(project: Project) -> None:
    before = marks(project)
    (project.root / "params.yaml").write_bytes((project.root / "params.yaml").read_bytes())
    after = marks(project)
    assert {name for name in before if before[name] != after[name]} == {("files of the project", "params.yaml")}


def test_a_database_is_another_when_its_log_is(project: Project) -> None:
    database = project.root / "other.db"
    database.write_bytes(b"SQLite format 3\0")
    before = marks(project)
    (project.root / "other.db-wal").write_bytes(b"a row")
    after = marks(project)
    assert before["files of the project", "other.db"] != after["files of the project", "other.db"]


class Untold:
    """A file system that says nothing of its files, and breaks in the middle of one."""

    @property
    def fs(self) -> Untold:
        return self

    def find(self, root: str, *, detail: bool) -> dict[str, dict[str, Any]]:
        assert detail
        return {f"{root}/a": {"size": 3}}

    def cat_file(self, path: str) -> bytes:
        raise RuntimeError(path)


def test_a_file_of_which_nothing_is_told_is_read_at_each_look() -> None:
    [thing] = kept._remote("remote", Untold(), "root", [])
    assert thing.mark == ""
    with pytest.raises(OSError, match="RuntimeError"):
        thing.holds(kept.Contents(Wanted(frozenset(), "text", bytes(32), ())))


def test_a_remote_that_cannot_be_listed_is_said() -> None:
    unread = list[str]()
    assert list(kept._remote("remote", None, "root", unread)) == []
    assert unread == ["remote: AttributeError"]
