"""What a fresh clone gets, worked out from what is committed, is what `dvc pull` gives one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import buckets, clones
from tests.stores.dvc.copied import SOURCE, TRAIN, current, dvc, forget, git
from unlearning.stores.dvc import clones as fresh
from unlearning.stores.dvc.remotes import every_store
from unlearning.stores.dvc.repository import DvcData


@pytest.fixture(scope="module")
def s3() -> Iterator[tuple[str, Any]]:
    with buckets.serving() as served:
        yield served


def differences(project: Path, *paths: str) -> list[str]:
    data = DvcData(project)
    with data.opened() as repo:
        named = {str(out.fs_path): str(out.hash_info.value) for out in repo.index.outs if out.hash_info}
    return fresh.differences(data, [(path, named[str(project / path)]) for path in paths], every_store(data))


def pulled(project: Path, folder: Path, path: str) -> bytes:
    """What a colleague has after `git clone` and `dvc pull`."""
    clones.run(folder, "git", "clone", "-q", str(project), "fresh")
    config = folder / "fresh/.dvc/config"
    config.write_text(config.read_text().replace("../../remote", str(project.parent / "remote")))
    clones.run(folder / "fresh", "dvc", "pull", "-q")
    return (folder / "fresh" / path).read_bytes()


def redact(project: Path, *paths: str, commit: bool = True, push: bool = True) -> None:
    data = DvcData(project)
    forget(project, "bob", paths=paths)
    data.record(paths)
    if push:
        data.push(paths)
    if commit:
        data.commit("Redact", paths)


def test_what_was_redacted_pushed_and_committed_is_what_a_clone_gets(project: Path) -> None:
    redact(project, SOURCE, TRAIN)
    assert differences(project, SOURCE, TRAIN) == []


def test_what_is_not_committed_yet_is_said(project: Path) -> None:
    before = current(DvcData(project), SOURCE).object
    redact(project, SOURCE, commit=False)
    [said] = differences(project, SOURCE)
    assert f"{SOURCE} is {before} in the DVC files of HEAD" in said


def test_what_is_in_no_remote_is_said(project: Path) -> None:
    redact(project, SOURCE, push=False)
    assert differences(project, SOURCE) == [f"{SOURCE} is in no remote, so a clone gets nothing"]


def test_what_head_does_not_track_is_said(project: Path) -> None:
    (project / "more.csv").write_text("who\nann\n")
    DvcData(project).add(["more.csv"])
    assert differences(project, "more.csv") == ["more.csv is not in the DVC files of HEAD"]


def test_another_content_under_the_recorded_name_is_said(project: Path, tmp_path: Path) -> None:
    name = current(DvcData(project), SOURCE).object
    file = tmp_path / f"remote/files/md5/{name[:2]}/{name[2:]}"
    file.chmod(0o600)
    file.write_bytes(b"another")
    [said] = differences(project, SOURCE)
    assert "another content" in said


@pytest.mark.parametrize(
    ("where", "setting"),
    [
        ("a file", "version_aware"),
        ("a folder", "worktree"),
        ("the output of a stage", "version_aware"),
        pytest.param("a file", "worktree", marks=pytest.mark.slow),
        pytest.param("a folder", "version_aware", marks=pytest.mark.slow),
        pytest.param("the output of a stage", "worktree", marks=pytest.mark.slow),
    ],
)
def test_a_redaction_lasts_in_a_remote_that_keeps_versions_of_files(
    project: Path, s3: tuple[str, Any], tmp_path: Path, where: str, setting: str
) -> None:
    address, client = s3
    bucket = buckets.versioned(client)
    url = f"s3://{bucket}/store"
    buckets.add_remote(project, "s3", url=url, default=True, endpointurl=address, **{setting: "true"})
    path, file = {"a file": (SOURCE, SOURCE), "a folder": ("parts", "parts/one.parquet")}.get(where, (TRAIN, TRAIN))
    if where == "a folder":
        (project / "parts").mkdir()
        shutil.copy(project / SOURCE, project / file)
        (project / "parts/two.parquet").write_bytes(b"another file")
        dvc(project, "add", "-q", "parts")
    dvc(project, "push", "-q")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "pushed")
    assert differences(project, path) == []

    data = DvcData(project)
    forget(project, "bob", paths=[file])
    assert data.record([path])
    assert data.record([path]) == []
    data.push([path])
    data.commit("Redact", [path])

    assert differences(project, path) == []
    assert data.record([path]) == []
    assert pulled(project, tmp_path, file) == (project / file).read_bytes()


def test_a_version_that_was_left_beside_a_new_hash_is_said(project: Path, s3: tuple[str, Any]) -> None:
    address, client = s3
    bucket = buckets.versioned(client)
    buckets.add_remote(project, "s3", url=f"s3://{bucket}/store", default=True, endpointurl=address, version_aware="true")
    dvc(project, "push", "-q")
    git(project, "commit", "-q", "-a", "-m", "pushed")
    file = project / f"{SOURCE}.dvc"
    old = current(DvcData(project), SOURCE).object
    forget(project, "bob", paths=[SOURCE])
    pinned = file.read_text()
    DvcData(project).record([SOURCE])
    new = current(DvcData(project), SOURCE).object
    file.write_text(pinned.replace(f"md5: {old}", f"md5: {new}"))
    git(project, "commit", "-q", "-a", "-m", "badly redacted")
    assert any("another content" in said for said in differences(project, SOURCE))


@pytest.mark.parametrize("redacted", [False, True])
def test_an_import_is_what_lies_where_it_came_from(project: Path, origin: Path, redacted: bool) -> None:
    dvc(project, "import", "-q", str(origin), "data/train.csv", "-o", "data/theirs.csv")
    if redacted:
        (project / "data/theirs.csv").unlink()
        (project / "data/theirs.csv").write_text("age\n1\n")
        DvcData(project).record(["data/theirs.csv"])
        DvcData(project).push(["data/theirs.csv"])
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "import")
    said = differences(project, "data/theirs.csv")
    assert any("is imported from" in one for one in said) is redacted
