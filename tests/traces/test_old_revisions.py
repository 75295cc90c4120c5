"""Old revisions with a twin in place of what was erased, without an erasure around them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from dvc.repo import Repo

from tests.histories import History
from unlearning.domain.errors import NotFound, ProjectError
from unlearning.domain.hashing import file_digest
from unlearning.stores.dvc import twin_map
from unlearning.stores.dvc.twin_map import Twin, TwinMap
from unlearning.stores.git import plumbing
from unlearning.stores.git.repository import create
from unlearning.traces import old_revisions

PATH = "data/train.csv"


@pytest.fixture
def history(beginning: History, tmp_path: Path) -> History:
    """Two revisions of a table; the second has one person less, and stands in for the first."""
    history = beginning.copy(tmp_path / "project")
    old = history.table(PATH, ["ann-1", "bob-2"])
    history.commit("with ann")
    new = history.table(PATH, ["bob-2"])
    history.commit("without ann")
    file = history.root / PATH
    twin = Twin(old.object, new.object, PATH, file_digest(file), file.stat().st_size)
    workspace = history.workspace
    twin_map.write(workspace.data.git, history.root, TwinMap([twin]), signing_key=workspace.keys.signing)
    history.lose(old)
    history.commit("the map")
    return history


def test_every_commit_that_names_what_was_erased_gets_a_twin_once(history: History) -> None:
    workspace = history.workspace
    twins = old_revisions.known(workspace)
    assert old_revisions.commit_twins(workspace, twins) == 1
    [(rev, twin)] = plumbing.twins(workspace.data.git).items()
    assert history.git("log", "-1", "--format=%s", rev) == "with ann"
    assert old_revisions.commit_twins(workspace, twins) == 0
    assert plumbing.twins(workspace.data.git) == {rev: twin}
    assert old_revisions.commit_twins(workspace, TwinMap()) == 0


def test_an_old_revision_comes_back_as_its_twin_and_a_clean_one_as_it_is(history: History, tmp_path: Path) -> None:
    done = old_revisions.checkout(history.workspace, "HEAD~2", into=tmp_path / "old")
    assert (done.twin, list(done.missing), list(done.stale)) == (True, [], [])
    assert (tmp_path / "old" / PATH).read_text() == "patient,x\nbob-2,0\n"
    clean = old_revisions.checkout(history.workspace, "HEAD~1", into=tmp_path / "clean")
    assert (clean.twin, clean.commit) == (False, clean.rev)
    with pytest.raises(NotFound):
        old_revisions.checkout(history.workspace, "nowhere", into=tmp_path / "nowhere")


def test_what_cannot_be_checked_out_is_refused_before_anything_is_written(history: History, tmp_path: Path) -> None:
    history.git("checkout", "-q", "--orphan", "other")
    history.git("rm", "-rfq", "--cached", ".")
    history.git("commit", "-q", "--allow-empty", "-m", "no DVC here")
    history.git("checkout", "-qf", "main")
    taken, file, link = tmp_path / "taken", tmp_path / "file", tmp_path / "link"
    (taken / "mine").mkdir(parents=True)
    file.write_text("mine")
    link.symlink_to(tmp_path / "elsewhere")
    before = {one: one.lstat().st_mtime_ns for one in tmp_path.rglob("*") if history.root not in (one, *one.parents)}
    for rev, into, error in [
        ("HEAD~2", taken, ProjectError),
        ("HEAD~2", file, ProjectError),
        ("HEAD~2", link, ProjectError),
        ("HEAD~99", tmp_path / "new", NotFound),
        ("other", tmp_path / "new", NotFound),
        ("other", None, NotFound),
    ]:
        with pytest.raises(error):
            old_revisions.checkout(history.workspace, rev, into=into)
    assert {one: one.lstat().st_mtime_ns for one in tmp_path.rglob("*") if history.root not in (one, *one.parents)} == before
    assert plumbing.current(history.workspace.data.git) == "main"


def test_a_revision_whose_dvc_files_are_broken_leaves_nothing_half_made(history: History, tmp_path: Path) -> None:
    (history.root / f"{PATH}.dvc").write_text("outs: [")
    broken = history.commit("broken")
    (history.root / f"{PATH}.dvc").write_text(history.git("show", f"{broken}~1:{PATH}.dvc") + "\n")
    history.commit("mended")
    for into in (tmp_path / "old", None):
        with pytest.raises(Exception, match="data/train"):
            old_revisions.checkout(history.workspace, broken, into=into)
    assert [one.name for one in tmp_path.iterdir()] == [history.root.name]
    assert len(history.git("worktree", "list").splitlines()) == 1
    assert plumbing.current(history.workspace.data.git) == "main"
    assert (history.root / PATH).read_text() == "patient,x\nbob-2,0\n"


def test_a_project_in_a_sub_directory_comes_back_in_its_sub_directory(beginning: History, tmp_path: Path) -> None:
    root = tmp_path / "repository/models/outcome"
    shutil.copytree(beginning.root, root, ignore=shutil.ignore_patterns(".git", ".dvc"))
    create(tmp_path / "repository", author="Ada", email="ada@example.org")
    with Repo.init(str(root), subdir=True) as repo, repo.config.edit() as config:
        config["core"] |= {"remote": "store"}
        config["remote"] = {"store": {"url": str(root / ".dvc-remote")}}
    history = History(root)
    history.table(PATH, ["ann-1", "bob-2"])
    history.commit("with ann")
    history.table(PATH, ["bob-2"])
    history.commit("without ann")

    done = old_revisions.checkout(history.workspace, "HEAD~1", into=tmp_path / "old")

    assert (done.twin, list(done.missing)) == (False, [])
    assert (tmp_path / "old/models/outcome" / PATH).read_text() == "patient,x\nann-1,0\nbob-2,1\n"
    assert not (tmp_path / "old/.dvc").exists()
    assert (root / PATH).read_text() == "patient,x\nbob-2,0\n"


def test_nothing_uncommitted_is_written_over(history: History) -> None:
    workspace = history.workspace
    with (history.root / "params.yaml").open("a") as settings:
        settings.write("# mine\n")
    with pytest.raises(ProjectError, match=r"params\.yaml.*--into FOLDER"):
        old_revisions.checkout(workspace, "HEAD~2")
    assert (history.root / "params.yaml").read_text().endswith("# mine\n")


def test_a_map_is_listed_with_its_signature_and_verified_against_what_is_there(history: History) -> None:
    workspace = history.workspace
    listed = old_revisions.listing(workspace)
    assert (listed.signature, [one.path for one in listed.twins], list(listed.stale)) == ("valid", [PATH], [])
    assert old_revisions.verify(workspace) == []
    erased = listed.twins[0].old
    back = history.root / ".dvc-remote/files/md5" / erased[:2] / erased[2:]
    back.parent.mkdir(parents=True, exist_ok=True)
    back.write_text("patient,x\nann-1,0\n")
    assert old_revisions.verify(workspace) == [f"DVC remote 'store' holds the erased object {erased}"]
