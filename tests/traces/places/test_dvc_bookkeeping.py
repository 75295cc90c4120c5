"""What DVC writes down beside the objects."""

from __future__ import annotations

from pathlib import Path

import pytest
from dvc.fs import LocalFileSystem
from dvc.repo import Repo
from dvc_data.hashfile.hash_info import HashInfo

from tests.histories import History
from unlearning.domain.traces import Trace, Wanted
from unlearning.stores.dvc import objects
from unlearning.stores.dvc.objects import ObjectStore
from unlearning.traces.places.dvc_bookkeeping import RunCachePlace, SiteCachePlace
from unlearning.traces.places.dvc_objects import OBJECTS

ERASED, OTHER = "ab" + "0" * 30, "cd" + "1" * 30
WANTED = Wanted(frozenset(), known={OBJECTS: frozenset({Trace(ERASED)})})


@pytest.fixture
def place(tmp_path: Path) -> RunCachePlace:
    for name, content in (
        ("one", f"outs: [{{md5: {ERASED}}}]"),
        ("two", f"outs: [{{md5: {OTHER}}}]"),
        ("three", "cmd: Zq-9999"),
    ):
        (tmp_path / "runs/ab" / name).mkdir(parents=True)
        (tmp_path / "runs/ab" / name / "entry").write_text(content)
    return RunCachePlace(ObjectStore("DVC cache", LocalFileSystem(), str(tmp_path), local=True))


def test_an_entry_of_the_run_cache_that_names_an_erased_object_goes_and_the_others_stay(place: RunCachePlace) -> None:
    found = place.find(WANTED)
    assert [Path(trace.name).parent.name for trace in found.traces] == ["one"]
    assert (found.searched, place.name) == (3, "DVC cache: run cache")
    assert place.erase(found.traces) == ()
    assert place.find(WANTED).traces == ()
    assert len(list(place.store.runs())) == 2


def test_an_entry_that_names_a_person_is_found_by_the_identifier_itself(place: RunCachePlace) -> None:
    found = place.find(Wanted(frozenset(), identifiers=("Zq-9999",)))
    assert [Path(trace.name).parent.name for trace in found.traces] == ["three"]


def test_without_anything_to_look_for_nothing_is_found(place: RunCachePlace) -> None:
    assert place.find(Wanted(frozenset())).traces == ()


def test_the_site_cache_goes_whole(beginning: History, tmp_path: Path) -> None:
    history = beginning.copy(tmp_path / "project")
    place, folder = SiteCachePlace(history.repository), objects.site_cache(history.repository)
    (folder / "index").mkdir(parents=True, exist_ok=True)
    (folder / "index/a").write_text(ERASED)
    (folder / "index/b").write_text(OTHER)
    assert place.find(WANTED).traces == (Trace("a"),)
    place.erase(())
    assert not (folder / "index/a").exists()
    assert not (folder / "index/b").exists()
    assert place.find(WANTED).traces == ()


def test_what_dvc_knows_of_files_that_are_here_stays_and_nothing_else(beginning: History, tmp_path: Path) -> None:
    history = beginning.with_table(tmp_path / "project", "data/t.csv", ["A-1"])
    data, table = history.repository, history.root / "data/t.csv"
    folder, before = objects.site_cache(data), history.tracked("data/t.csv").object
    now = history.table("data/t.csv", ["A-2"]).object
    (history.root / "note.txt").write_text("x")
    with data.opened() as repo:
        assert _known(repo, table) == now
        repo.state.save(str(history.root / "note.txt"), LocalFileSystem(), HashInfo("md5", before))
    assert any(before.encode() in file.read_bytes() for file in folder.rglob("*") if file.is_file())
    SiteCachePlace(data).erase(())
    with data.opened() as repo:
        assert _known(repo, table) == now
    assert not any(before.encode() in file.read_bytes() for file in folder.rglob("*") if file.is_file())


def _known(repo: Repo, file: Path) -> str | None:
    _, known = repo.state.get(str(file), LocalFileSystem())
    return None if known is None else known.value
