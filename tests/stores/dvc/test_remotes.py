"""Remotes that keep files by name are searched version by version; the others are named with what hinders it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import buckets
from tests.stores.dvc.copied import SOURCE, TRAIN, dvc, forget, git
from unlearning.stores.dvc import recognition
from unlearning.stores.dvc.remotes import NamedStore, every_store, named_stores, pushed_to, unsearched
from unlearning.stores.dvc.repository import DvcData


@pytest.fixture(autouse=True)
def _own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "user"))


@pytest.fixture(scope="module")
def s3() -> Iterator[tuple[str, Any]]:
    with buckets.serving() as served:
        yield served


@pytest.fixture
def versioned(project: Path, s3: tuple[str, Any]) -> tuple[Path, Any, str]:
    """A project whose source was pushed twice to a remote that keeps versions; the second time without a person."""
    address, client = s3
    bucket = buckets.versioned(client)
    buckets.add_remote(project, "s3", url=f"s3://{bucket}/store", default=True, endpointurl=address, version_aware="true")
    data = DvcData(project)
    data.push([SOURCE])
    forget(project, "bob", paths=[SOURCE])
    data.record([SOURCE])
    data.push([SOURCE])
    return project, client, bucket


def test_every_version_of_every_file_is_there_and_only_the_older_ones_are_hidden(versioned: tuple[Path, Any, str]) -> None:
    project, client, bucket = versioned
    [store] = named_stores(DvcData(project))
    [now] = store.strays()
    [older] = store.deleted()
    assert (list(store.objects()), list(store.runs())) == ([], [])
    contents = buckets.contents(client, bucket)[f"store/{SOURCE}"]
    for path, content in ((now, contents[0]), (older, contents[1])):
        with store.open(path) as stream:
            assert stream.read() == content


def test_one_version_goes_and_the_others_stay(versioned: tuple[Path, Any, str]) -> None:
    project, client, bucket = versioned
    [store] = named_stores(DvcData(project))
    newest, _ = buckets.contents(client, bucket)[f"store/{SOURCE}"]
    [older] = store.deleted()
    assert store.delete(older)
    assert not store.delete(older)
    assert buckets.contents(client, bucket)[f"store/{SOURCE}"] == [newest]
    [now] = store.strays()
    assert store.delete(now)
    assert buckets.contents(client, bucket) == {}


def test_a_remote_by_name_is_known_again_too(versioned: tuple[Path, Any, str]) -> None:
    project, client, bucket = versioned
    recognition.note(project, every_store(DvcData(project)))
    assert recognition.remembered(project).keys() == {"DVC cache", "DVC remote 's3'", "DVC remote 'store'"}
    [store] = named_stores(DvcData(project))
    assert len(list(store.strays())) == 1  # the mark is no file of theirs
    client.delete_object(Bucket=bucket, Key=f"store/{recognition.MARK}")
    with pytest.raises(Exception, match="not the store that was used before"):
        list(store.strays())


def test_a_folder_that_keeps_files_by_name_is_searched_as_well(project: Path, tmp_path: Path) -> None:
    buckets.add_remote(project, "plain", url=str(tmp_path / "plain"), worktree="true")
    (tmp_path / "plain/data").mkdir(parents=True)
    (tmp_path / "plain/data/x.csv").write_text("who\nann\n")
    [store] = named_stores(DvcData(project))
    assert isinstance(store, NamedStore)
    assert [path.removeprefix(f"{store.root}/") for path in store.strays()] == ["data/x.csv"]
    assert store.deleted() == {}


REMOTES = {
    "google": ("gs://bucket/store", "GSRemote"),
    "azure": ("azure://container/store", ""),
    "drive": ("gdrive://folder/store", ""),
    "shell": ("ssh://ada:hunter2@host.example/store", ""),
    "web": ("http://ada:hunter2@127.0.0.1:1/store", ""),
    "nested": ("remote://google/below", ""),
    "lost": ("remote://nobody/below", ""),
}


@pytest.mark.parametrize(
    ("name", "level"), [*((name, "--project") for name in REMOTES), ("google", "--local"), ("google", "--global")]
)
def test_a_remote_that_nobody_here_can_search_is_named_with_the_way_out(project: Path, name: str, level: str) -> None:
    if name == "nested":
        dvc(project, "remote", "add", "google", REMOTES["google"][0])
    dvc(project, "remote", "add", level, name, REMOTES[name][0])
    data = DvcData(project)
    said = {one.name: one for one in unsearched(data)}
    assert f"DVC remote '{name}'" in said
    one = said[f"DVC remote '{name}'"]
    assert one.why
    assert "unlearn purge" in one.remedy
    assert "hunter2" not in f"{one}"
    assert f"DVC remote '{name}'" not in {store.name for store in every_store(data)}


def test_a_remote_that_an_output_names_and_nobody_configured_is_named(project: Path) -> None:
    file = project / f"{SOURCE}.dvc"
    file.write_text(file.read_text() + "  remote: colleague\n")
    [one] = unsearched(DvcData(project))
    assert one.name == "DVC remote 'colleague'"
    assert "dvc remote add colleague" in one.remedy


def test_a_remote_whose_versions_are_recorded_and_that_nobody_configured_is_named(project: Path) -> None:
    file = project / f"{SOURCE}.dvc"
    file.write_text(file.read_text() + "  cloud:\n    former:\n      etag: abcd\n      version_id: abcd\n")
    assert [one.name for one in unsearched(DvcData(project))] == ["DVC remote 'former'"]


def test_a_remote_that_was_used_and_is_no_longer_configured_is_named(project: Path) -> None:
    recognition.note(project, every_store(DvcData(project)))
    dvc(project, "remote", "rename", "store", "renamed")
    [one] = unsearched(DvcData(project))
    assert one.name == "DVC remote 'store'"
    assert recognition.FILE in one.remedy


def test_a_push_goes_to_the_named_or_the_default_remote_and_to_those_of_outputs(project: Path) -> None:
    data = DvcData(project)
    assert pushed_to(data, None) == {"DVC remote 'store'"}
    assert pushed_to(data, "other") == {"DVC remote 'other'"}
    lines = (project / "dvc.yaml").read_text().replace(f"outs: [{TRAIN}]", f"outs: [{{{TRAIN}: {{remote: own}}}}]")
    (project / "dvc.yaml").write_text(lines)
    assert pushed_to(data, None) == {"DVC remote 'store'", "DVC remote 'own'"}


def test_a_project_whose_remotes_are_all_searched_has_no_other(project: Path) -> None:
    assert unsearched(DvcData(project)) == []
    assert git(project, "status", "--porcelain") == ""
