"""Objects in a cache or remote, file by file: in a folder of this machine, and as DVC's settings name them."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
from pathlib import Path

import pytest
from dvc.fs import LocalFileSystem
from dvc.repo import Repo

from tests.stores.dvc.copied import SOURCE, TRAIN, current, dvc
from unlearning.domain.errors import DataError, Unavailable
from unlearning.stores.dvc import objects
from unlearning.stores.dvc.objects import CACHE, ObjectStore
from unlearning.stores.dvc.repository import DvcData

ONE, TWO, FOLDER = "ab" + "0" * 30, "cd" + "1" * 30, "ef" + "2" * 30 + ".dir"


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    (tmp_path / "store").mkdir()
    return ObjectStore("remote", LocalFileSystem(), str(tmp_path / "store"), local=True)


def write(store: ObjectStore, path: str, content: bytes = b"content") -> str:
    file = Path(store.root, path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return str(file)


def draft(folder: Path, content: bytes) -> Path:
    (folder / "draft").write_bytes(content)
    return folder / "draft"


def test_what_is_put_is_there_under_its_hash_whole_and_not_to_be_written_to(store: ObjectStore, tmp_path: Path) -> None:
    assert not store.holds(ONE)
    store.put(ONE, draft(tmp_path, b"content"))
    assert store.holds(ONE)
    assert store.size(ONE) == 7
    assert store.digest(ONE) == hashlib.sha256(b"content").hexdigest()
    file = store.local_file(ONE)
    assert file == Path(store.root, "files/md5/ab", "0" * 30)
    assert stat.S_IMODE(file.stat().st_mode) == 0o444
    assert [one.name for one in file.parent.iterdir()] == [file.name]
    store.fetch(ONE, tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == b"content"


def test_what_is_there_stays_when_something_is_put_under_its_name(store: ObjectStore, tmp_path: Path) -> None:
    store.put(ONE, draft(tmp_path, b"first"))
    store.put(ONE, draft(tmp_path, b"second"))
    assert store.digest(ONE) == hashlib.sha256(b"first").hexdigest()


def test_what_is_nowhere_has_no_file_and_no_size_and_cannot_be_fetched(store: ObjectStore, tmp_path: Path) -> None:
    assert (store.local_file(ONE), store.size(ONE), store.members(FOLDER)) == (None, None, [])
    for asking in (lambda: store.digest(ONE), lambda: store.fetch(ONE, tmp_path / "fetched")):
        with pytest.raises(FileNotFoundError):
            asking()


def test_every_file_is_an_object_an_entry_of_the_run_cache_or_a_stray_and_only_one_of_them(store: ObjectStore) -> None:
    found = [write(store, f"files/md5/{ONE[:2]}/{ONE[2:]}"), write(store, f"{TWO[:2]}/{TWO[2:]}")]
    found.append(write(store, f"files/md5/{FOLDER[:2]}/{FOLDER[2:]}"))
    runs = [write(store, f"files/md5/runs/{ONE}"), write(store, f"runs/ab/{ONE}/{TWO}")]
    strays = [write(store, path) for path in ("notes.txt", f"files/md5/{ONE[:2]}/{ONE[2:]}.part", "files/md5/ab/cd")]
    assert dict(store.objects()) == dict(zip((ONE, TWO, FOLDER), found, strict=True))
    assert sorted(store.runs()) == runs[1:]
    assert sorted(store.strays()) == sorted([*strays, runs[0]])


def test_an_object_goes_under_both_layouts_and_the_second_time_nothing_is_there(store: ObjectStore) -> None:
    for layout in ("files/md5/", ""):
        write(store, f"{layout}{ONE[:2]}/{ONE[2:]}")
    write(store, f"{TWO[:2]}/{TWO[2:]}")
    assert store.delete_object(ONE)
    assert not store.holds(ONE)
    assert [name for name, _ in store.objects()] == [TWO]
    assert not store.delete_object(ONE)
    assert store.deleted() == {}


def test_the_members_of_a_folder_are_its_listing_and_a_listing_that_is_none_is_refused(store: ObjectStore) -> None:
    listing = [{"md5": ONE, "relpath": "a.csv"}, {"md5": TWO, "relpath": "b/c.csv"}]
    path = write(store, f"files/md5/{FOLDER[:2]}/{FOLDER[2:]}", json.dumps(listing).encode())
    assert store.members(FOLDER) == [("a.csv", ONE), ("b/c.csv", TWO)]
    assert objects.with_files([FOLDER], [store]) == {FOLDER, ONE, TWO}
    assert objects.with_files([ONE], [store]) == {ONE}
    Path(path).write_bytes(b"no listing")
    with pytest.raises(DataError):
        store.members(FOLDER)


def test_a_folder_that_is_not_there_is_a_disk_that_is_not_mounted_and_not_an_empty_store(tmp_path: Path) -> None:
    store = ObjectStore("remote", LocalFileSystem(), str(tmp_path / "unmounted"), local=True)
    for listing in (store.objects, store.runs, store.strays):
        with pytest.raises(Unavailable, match="mount it"):
            list(listing())


@pytest.mark.parametrize(
    ("error", "becomes"),
    [
        (PermissionError("no"), Unavailable),
        (ConnectionResetError("no"), Unavailable),
        (type("ClientError", (Exception,), {"__module__": "botocore.exceptions"})("denied"), Unavailable),
        (FileNotFoundError("gone"), FileNotFoundError),
        (ValueError("a bug of ours"), ValueError),
        (DataError("ours"), DataError),
    ],
    ids=lambda one: getattr(one, "__name__", type(one).__name__),
)
def test_the_errors_of_a_service_are_said_as_its_own_and_bugs_stay_bugs(
    store: ObjectStore, error: Exception, becomes: type[Exception]
) -> None:
    with pytest.raises(becomes) as caught, store.answering():
        raise error
    assert type(caught.value) is becomes


def test_the_cache_and_every_remote_of_objects_are_stores(project: Path) -> None:
    with Repo(str(project)) as repo, repo.config.edit() as config:
        config["remote"]["named"] = {"url": "../named", "version_aware": True}
        config["remote"]["broken"] = {"url": "gs://bucket/store"}
        config["remote"]["web"] = {"url": "http://127.0.0.1:1/store"}
    data = DvcData(project)
    cache, remote = objects.object_stores(data)
    assert (cache.name, remote.name) == (CACHE, "DVC remote 'store'")
    assert cache.root == str(project / ".dvc/cache")
    assert (cache.versioned, cache.keeps_silently) == (False, False)
    train = current(data).object
    assert cache.holds(train)
    assert remote.holds(train)


def test_asking_for_the_stores_makes_none(project: Path) -> None:
    shutil.rmtree(project / ".dvc/cache")
    cache, _ = objects.object_stores(DvcData(project))
    assert list(cache.objects()) == []
    assert not (project / ".dvc/cache").exists()


def test_a_store_in_place_of_the_one_that_was_used_is_not_searched(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    store = ObjectStore("remote", LocalFileSystem(), str(tmp_path / "store"), local=True, mark="ab" * 16)
    for listing in (store.objects, store.runs, store.strays):
        with pytest.raises(Unavailable, match="not the store that was used before"):
            list(listing())
    store.leave_mark("ab" * 16)
    assert [*store.objects(), *store.runs(), *store.strays()] == []
    store.leave_mark("cd" * 16)
    with pytest.raises(Unavailable, match="leads to another"):
        list(store.objects())


def test_the_objects_that_are_named_now_are_those_of_the_tables_that_are_asked_for(project: Path) -> None:
    data = DvcData(project)
    source = current(data, SOURCE).object
    assert objects.named_now(data, [SOURCE]) == objects.named_now(data, [SOURCE, TRAIN]) == {source}  # a copy of it
    assert objects.named_now(data, ["data/other.parquet"]) == frozenset()


def test_the_site_cache_is_emptied_and_dvc_goes_on_without_it(project: Path) -> None:
    data = DvcData(project)
    data.push([TRAIN])
    folder = objects.site_cache(data)
    (folder / "index").mkdir(parents=True, exist_ok=True)
    (folder / "index/names").write_text("data/Zq-9999.csv")
    objects.drop_site_cache(data)
    assert not (folder / "index").exists()
    assert not any(b"Zq-9999" in file.read_bytes() for file in folder.rglob("*") if file.is_file())
    assert dvc(project, "status") == "Data and pipelines are up to date."
