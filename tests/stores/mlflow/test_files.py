"""Files below an address: a folder here, or a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stores.mlflow.logged import with_files
from unlearning.stores.mlflow.files import AT_ONCE, MlflowFiles, local_folder
from unlearning.stores.mlflow.garbage import MlflowGarbage
from unlearning.stores.mlflow.models import MlflowModels

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own, where a test calls it itself


@pytest.mark.services
def test_files_of_a_server_are_read_in_order_with_a_bounded_number_on_disk(served: MlflowGarbage) -> None:
    _, _, location = with_files(served, 12)
    paths, most, read = served.files.paths(location), 0, {}
    assert len(paths) == 12
    with served.files.reading(location, paths) as files:
        for path, stream in files:
            most = max(most, sum(one.is_file() and one.name != ".owner" for one in served.files.scratch.glob("spool-*/*")))
            read[path] = stream.read().decode()
    assert read == {f"part{number // 3}/{number}.txt": f"text {number}" for number in range(12)}
    assert 1 <= most <= AT_ONCE
    assert [one.name for one in served.files.scratch.iterdir()] == [".gate"]


@pytest.mark.services
def test_a_file_that_vanishes_from_a_server_while_it_is_searched_is_empty_and_no_error(served: MlflowGarbage) -> None:
    _, _, location = with_files(served, 3)
    paths = served.files.paths(location)
    with served.files.repository(location) as artifacts:
        artifacts.delete_artifacts(paths[1])
    with served.files.reading(location, paths) as files:
        assert [stream.read() for _, stream in files] == [b"text 0", b"", b"text 2"]


def test_files_of_a_folder_here_are_listed_read_and_deleted_without_a_server(local: MlflowModels, tmp_path: Path) -> None:
    files, folder = MlflowFiles(local.uri, tmp_path / "scratch"), tmp_path / "runs/r1/artifacts"
    (folder / "part 1").mkdir(parents=True)
    (folder / "part 1/a.txt").write_text("one")
    (folder / "b.txt").write_text("two")
    (tmp_path / "runs/r2/artifacts/empty").mkdir(parents=True)
    for location in (str(folder), folder.as_uri()):
        assert files.paths(location) == ["b.txt", "part 1/a.txt"]
        with files.reading(location, ["part 1/a.txt", "vanished", "b.txt"]) as contents:
            assert [(path, stream.read()) for path, stream in contents] == [
                ("part 1/a.txt", b"one"),
                ("vanished", b""),
                ("b.txt", b"two"),
            ]
    other, nowhere = str(tmp_path / "runs/r2/artifacts"), str(tmp_path / "runs/r3/artifacts")
    assert files.holding([str(folder), other, nowhere]) == {str(folder)}
    files.delete(str(folder))
    assert not folder.parent.exists()
    assert files.holding([str(folder)]) == set()


@pytest.mark.parametrize(
    ("location", "folder"),
    [("/a/b c", "/a/b c"), ("file:///a/b%20c", "/a/b c"), ("mlflow-artifacts:/0/run", None), ("s3://bucket/run", None)],
)
def test_an_address_is_a_folder_here_or_somewhere_else(location: str, folder: str | None) -> None:
    assert local_folder(location) == (None if folder is None else Path(folder))
