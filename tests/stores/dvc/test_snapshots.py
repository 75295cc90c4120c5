"""What DVC says at a commit."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stores.dvc.copied import PIPELINE, SOURCE, TRAIN, current, dvc, forget, git
from unlearning.domain.errors import NotFound
from unlearning.domain.versions import Tracked
from unlearning.stores.dvc.repository import DvcData
from unlearning.stores.dvc.snapshots import PART, Made, Snapshot

RAW, CLEAN, CODE = Tracked("data/raw.csv", "a" * 32), Tracked("data/clean.json", "b" * 32), Tracked("clean.py", "c" * 32)
FOLDER, INSIDE = Tracked("images", "d" * 32 + ".dir"), Tracked("images/one.png", "e" * 32)


def test_what_was_made_comes_from_the_data_that_its_stage_read_and_not_from_its_code() -> None:
    snapshot = Snapshot("rev", (Made("", (), (RAW,)), Made("clean", (RAW, CODE), (CLEAN,))))
    assert list(snapshot.derivations()) == [(RAW, CLEAN, "clean")]
    assert snapshot.outs == (RAW, CLEAN)
    assert snapshot.stage("clean") == snapshot.made[1]
    assert snapshot.stage("train") is None


def test_a_table_counts_as_data_though_nothing_tracks_it_and_any_file_does_that_is_tracked() -> None:
    table, notes = Tracked("data/by_hand.csv", "f" * 32), Tracked("notes.txt", "0" * 32)
    made = Made("clean", (table, notes, CODE), (CLEAN,))
    assert Snapshot("rev", (made,)).data_of(made) == (table,)
    assert Snapshot("rev", (made, Made("", (), (notes,)))).data_of(made) == (table, notes)


def test_a_file_that_a_stage_reads_from_a_tracked_folder_is_a_part_of_that_folder() -> None:
    snapshot = Snapshot("rev", (Made("", (), (FOLDER,)), Made("look", (INSIDE,), (CLEAN,))))
    assert list(snapshot.derivations()) == [(INSIDE, CLEAN, "look"), (FOLDER, INSIDE, PART)]
    beside = Snapshot("rev", (Made("", (), (Tracked("images2", "9" * 32),)), Made("look", (INSIDE,), (CLEAN,))))
    assert list(beside.derivations()) == []


def test_a_commit_says_what_each_stage_read_and_made_then_whatever_lies_here_now(project: Path) -> None:
    data = DvcData(project)
    then, rev = current(data, SOURCE).object, git(project, "rev-parse", "HEAD")
    forget(project, "bob")
    data.record([SOURCE, TRAIN])
    [snapshot] = data.snapshots([rev])
    source, train = Tracked(SOURCE, then), Tracked(TRAIN, then)
    assert snapshot.rev == rev
    assert snapshot.stage("prepare") == Made("prepare", (source,), (train,))
    assert (source, train, "prepare") in snapshot.derivations()
    assert Made("", (), (source,)) in snapshot.made


def test_a_stage_that_never_ran_and_files_that_cannot_be_read_say_nothing(project: Path) -> None:
    (project / "dvc.lock").unlink()
    git(project, "commit", "--quiet", "--all", "--message", "never ran")
    never = git(project, "rev-parse", "HEAD")
    (project / "dvc.yaml").write_text("stages: [")
    git(project, "commit", "--quiet", "--all", "--message", "broken")
    data = DvcData(project)
    (project / "dvc.yaml").write_text(PIPELINE)
    for snapshot in data.snapshots([never, git(project, "rev-parse", "HEAD")]):
        assert [out.path for out in snapshot.outs] == [SOURCE]
    assert data.snapshots([]) == []


def test_the_files_of_a_tracked_folder_are_those_of_its_listing(project: Path) -> None:
    (project / "images/deep").mkdir(parents=True)
    (project / "images/one.png").write_bytes(b"1")
    (project / "images/deep/two.png").write_bytes(b"2")
    dvc(project, "add", "--quiet", "images")
    data = DvcData(project)
    with data.opened() as repo:
        folder = next(out.hash_info.value for out in repo.index.outs if out.fs_path == str(project / "images"))
    found = data.inside("images", folder)
    assert sorted(one.path for one in found) == ["images/deep/two.png", "images/one.png"]
    assert len({one.object for one in found}) == 2
    with pytest.raises(NotFound):
        data.inside("images", "0" * 32 + ".dir")
