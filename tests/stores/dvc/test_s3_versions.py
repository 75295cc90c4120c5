"""An S3-compatible store on loopback as a DVC remote: what was deleted must be gone in every version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests import buckets
from unlearning.stores.dvc import folders, objects
from unlearning.stores.dvc import repository as dvc_repository
from unlearning.stores.dvc.objects import ObjectStore
from unlearning.stores.dvc.repository import DvcData
from unlearning.stores.scans.words import Watch


@pytest.fixture(scope="module")
def s3() -> Iterator[tuple[str, Any]]:
    """The address of a server and a client of it."""
    with buckets.serving() as served:
        yield served


@pytest.fixture
def remote(s3: tuple[str, Any], tmp_path: Any) -> tuple[ObjectStore, str, DvcData, Any]:
    """A versioned bucket as remote, an object in it, the repository and the client."""
    address, client = s3
    bucket = buckets.versioned(client)
    repository = dvc_repository.create(tmp_path / "project", remote=".dvc-remote")
    config = repository.root / ".dvc/config"
    config.write_text(f"{config.read_text()}['remote \"s3\"']\n    url = s3://{bucket}/store\n    endpointurl = {address}\n")
    (repository.root / "table.csv").write_text("patient,x\nZq-1,1\n")
    repository.add(["table.csv"])
    repository.push(["table.csv"], remote="s3")
    store = next(one for one in objects.object_stores(repository) if one.name == "DVC remote 's3'")
    ((name, _),) = store.objects()
    return store, name, repository, client


def kept(client: Any, store: ObjectStore) -> list[str]:
    page = client.list_object_versions(Bucket=store.root.partition("/")[0])
    return [one["Key"] for one in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))]


def test_deleting_an_object_deletes_every_version_and_the_marker(remote: Any) -> None:
    store, name, _, client = remote
    with store.open(f"{store.root}/files/md5/{name[:2]}/{name[2:]}") as stream:
        content = stream.read()
    client.put_object(Bucket=store.root.partition("/")[0], Key=f"store/files/md5/{name[:2]}/{name[2:]}", Body=content)
    assert len(kept(client, store)) == 2
    assert store.delete_object(name)
    assert kept(client, store) == []
    assert not store.delete_object(name)
    assert not store.holds(name)


def test_an_object_that_somebody_deleted_is_still_found_until_its_versions_are_gone(remote: Any) -> None:
    store, name, _, client = remote
    client.delete_object(Bucket=store.root.partition("/")[0], Key=f"store/files/md5/{name[:2]}/{name[2:]}")
    assert dict(store.objects()) == {}
    ((path, version),) = store.deleted().items()
    assert path.endswith(name[2:])
    with store.open(path, version) as stream:
        assert b"Zq-1" in stream.read()
    store.delete(path)
    assert store.deleted() == {}


def test_a_place_finds_and_erases_what_only_an_older_version_holds(remote: Any) -> None:
    from unlearning.domain import hashing
    from unlearning.domain.traces import Wanted
    from unlearning.traces.places.dvc_objects import ObjectPlace, Reader

    store, name, _, client = remote
    client.delete_object(Bucket=store.root.partition("/")[0], Key=f"store/files/md5/{name[:2]}/{name[2:]}")
    reader = Reader(Watch(("patient",), "text", bytes(32)), indexed=lambda _: {}, derived=lambda _: frozenset())
    place, wanted = ObjectPlace(store, reader), Wanted(frozenset({hashing.token(bytes(32), "Zq-1", "text")}))
    found = place.find(wanted)
    assert [trace.name for trace in found.traces] == [name]
    place.erase(found.traces)
    assert kept(client, store) == []
    # An empty store without a mark could be another one, and is not searched.
    client.put_object(Bucket=store.root.partition("/")[0], Key=f"store/files/md5/aa/{'b' * 30}", Body=b"patient,x\nZq-2,1\n")
    assert place.find(wanted).traces == ()


def test_what_a_bucket_holds_is_read_without_the_code_that_deletes_there(remote: Any) -> None:
    _, _, repository, _ = remote
    ((said, (files, root)),) = folders.elsewhere(repository).items()
    assert said == "DVC remote 's3'"
    assert [files.cat_file(path) for path in files.find(root)] == [b"patient,x\nZq-1,1\n"]
