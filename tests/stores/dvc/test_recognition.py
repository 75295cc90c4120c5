"""A store that was seen in use is known again; one that is empty, new or another is not taken for it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from dvc.fs import LocalFileSystem

from tests.stores.dvc.copied import SOURCE, dvc
from unlearning.domain.errors import Damaged, Unavailable
from unlearning.stores.dvc import recognition
from unlearning.stores.dvc.objects import CACHE, ObjectStore
from unlearning.stores.dvc.remotes import every_store
from unlearning.stores.dvc.repository import DvcData

REMOTE = "DVC remote 'store'"


def stores(project: Path) -> dict[str, ObjectStore]:
    return {store.name: store for store in every_store(DvcData(project))}


def note(project: Path) -> None:
    recognition.note(project, stores(project).values())


def test_what_is_in_use_is_marked_once_and_remembered(project: Path, tmp_path: Path) -> None:
    note(project)
    known = recognition.remembered(project)
    assert known.keys() == {CACHE, REMOTE}
    assert (tmp_path / "remote" / recognition.MARK).read_text().strip() == known[REMOTE]
    note(project)
    assert recognition.remembered(project) == known
    assert list(stores(project)[REMOTE].strays()) == []
    assert dvc(project, "status", "-c") == "Cache and remote 'store' are in sync."


def test_two_projects_know_a_shared_store_by_the_same_mark(project: Path, tmp_path: Path) -> None:
    note(project)
    other = Path(shutil.copytree(project, tmp_path / "other"))
    (other / recognition.FILE).unlink()
    note(other)
    assert recognition.remembered(other) == recognition.remembered(project)


def away(remote: Path, project: Path) -> None:
    remote.rename(remote.with_name("away"))


def replaced(remote: Path, project: Path) -> None:
    away(remote, project)
    remote.mkdir()


def emptied(remote: Path, project: Path) -> None:
    shutil.rmtree(remote)
    remote.mkdir()


def another(remote: Path, project: Path) -> None:
    replaced(remote, project)
    (remote / "files/md5/ab").mkdir(parents=True)
    (remote / "files/md5/ab" / ("c" * 30)).write_text("somebody else's")


def of_another_project(remote: Path, project: Path) -> None:
    another(remote, project)
    (remote / recognition.MARK).write_text("ab" * 16)


def another_address(remote: Path, project: Path) -> None:
    config = project / ".dvc/config"
    config.write_text(config.read_text().replace("../../remote", "../../elsewhere"))
    (project.parent / "elsewhere").mkdir()


CHANGES = [away, replaced, emptied, another, of_another_project, another_address]


@pytest.mark.parametrize("change", CHANGES, ids=lambda one: one.__name__)
def test_another_store_at_its_address_is_refused_and_nothing_is_made(
    project: Path, tmp_path: Path, change: Callable[[Path, Path], None]
) -> None:
    note(project)
    change(tmp_path / "remote", project)
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    store = stores(project)[REMOTE]
    for listing in (store.recognise, lambda: list(store.objects()), lambda: list(store.runs()), lambda: list(store.strays())):
        with pytest.raises(Unavailable, match="mount it"):
            listing()
    note(project)
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


def test_a_store_that_came_back_is_believed_again(project: Path, tmp_path: Path) -> None:
    note(project)
    away(tmp_path / "remote", project)
    (tmp_path / "away").rename(tmp_path / "remote")
    stores(project)[REMOTE].recognise()


@pytest.mark.parametrize("change", [away, replaced], ids=lambda one: one.__name__)
def test_what_dvc_alone_has_pushed_to_was_in_use_as_well(
    project: Path, tmp_path: Path, change: Callable[[Path, Path], None]
) -> None:
    dvc(project, "push", "-q", SOURCE)
    change(tmp_path / "remote", project)
    with pytest.raises(Unavailable, match="mount it"):
        stores(project)[REMOTE].recognise()


def test_the_cache_at_another_place_is_not_the_one_that_was_used(project: Path, tmp_path: Path) -> None:
    note(project)
    dvc(project, "config", "cache.dir", str(tmp_path / "new-cache"))
    with pytest.raises(Unavailable, match="DVC cache"):
        list(stores(project)[CACHE].objects())


class ReadOnly(LocalFileSystem):
    """A file system that takes nothing."""

    def pipe_file(self, path: str, value: bytes, **_: object) -> None:
        del value
        raise PermissionError(path)


def test_a_store_that_takes_no_mark_must_at_least_not_be_empty(project: Path, tmp_path: Path) -> None:
    store = ObjectStore(REMOTE, ReadOnly(), str(tmp_path / "remote"), local=True)
    recognition.note(project, [store])
    assert recognition.remembered(project) == {REMOTE: recognition.UNMARKED}
    stores(project)[REMOTE].recognise()
    emptied(tmp_path / "remote", project)
    with pytest.raises(Unavailable):
        stores(project)[REMOTE].recognise()


def test_a_remote_that_was_never_used_is_neither_marked_nor_refused(project: Path, tmp_path: Path) -> None:
    dvc(project, "remote", "add", "new", str(tmp_path / "new"))
    note(project)
    (tmp_path / "new").mkdir()
    note(project)
    assert "DVC remote 'new'" not in recognition.remembered(project)
    assert list(stores(project)["DVC remote 'new'"].objects()) == []
    assert list((tmp_path / "new").iterdir()) == []


def test_a_broken_memory_is_not_taken_for_an_empty_one(project: Path) -> None:
    note(project)
    for content in ("{", json.dumps(["DVC cache"])):
        (project / recognition.FILE).write_text(content)
        with pytest.raises(Damaged, match="restore it"):
            recognition.remembered(project)


def test_two_that_mark_a_store_at_once_remember_the_mark_that_lies_there(project: Path, tmp_path: Path) -> None:
    """In processes of their own, as commands are."""
    script = (
        "import sys; from pathlib import Path; from unlearning.stores.dvc import recognition, remotes, repository;"
        "root = Path(sys.argv[1]); recognition.note(root, remotes.every_store(repository.DvcData(root)))"
    )
    running = [subprocess.Popen([sys.executable, "-W", "ignore", "-c", script, str(project)]) for _ in range(3)]
    assert [one.wait(120) for one in running] == [0, 0, 0]
    known = recognition.remembered(project)
    assert (tmp_path / "remote" / recognition.MARK).read_text().strip() == known[REMOTE]
    assert known.keys() == {CACHE, REMOTE}
