"""Old revisions with a twin in place of what was erased, without an erasure around them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.histories import History
from unlearning.domain.errors import NotFound, ProjectError
from unlearning.domain.hashing import file_digest
from unlearning.stores.dvc import twin_map
from unlearning.stores.dvc.twin_map import Twin, TwinMap
from unlearning.stores.git import plumbing
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
