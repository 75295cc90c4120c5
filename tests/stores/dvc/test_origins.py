"""What was imported from whom: `dvc pull` goes back there, so what is taken out of it here comes back."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import clones
from tests.stores.dvc.copied import PIPELINE, SOURCE, TRAIN, current, dvc
from unlearning.domain.errors import ProjectError
from unlearning.stores.dvc import origins
from unlearning.stores.dvc.repository import DvcData

DATABASE = """\
deps:
- db:
    connection: warehouse
    query: SELECT * FROM people
    file_format: csv
frozen: true
outs:
- path: bought.csv
  md5: d41d8cd98f00b204e9800998ecf8427e
  size: 0
  hash: md5
"""


@pytest.fixture
def there(origin: Path, tmp_path: Path) -> Path:
    """Somebody else's repository."""
    return Path(shutil.copytree(origin, tmp_path / "theirs", symlinks=True))


def test_an_import_names_whose_it_is_which_file_there_and_the_way_out(project: Path, there: Path) -> None:
    dvc(project, "import", "-q", str(there), "data/train.csv", "-o", "data/theirs.csv")
    [one] = origins.imports(DvcData(project))
    assert (one.path, one.file, one.how) == ("data/theirs.csv", "data/theirs.csv.dvc", "dvc import")
    assert one.source == f"data/train.csv in {there}"
    assert "dvc update data/theirs.csv.dvc" in one.remedy
    assert "dvc add data/theirs.csv" in one.remedy


@pytest.mark.parametrize("more", [[], ["--no-download"]], ids=["downloaded", "partial"])
def test_an_import_of_a_url_is_one_downloaded_or_not(project: Path, tmp_path: Path, more: list[str]) -> None:
    (tmp_path / "raw.csv").write_text("who\nann\n")
    dvc(project, "import-url", "-q", *more, str(tmp_path / "raw.csv"), "data/raw.csv")
    [one] = origins.imports(DvcData(project))
    assert (one.path, one.how, one.source) == ("data/raw.csv", "dvc import-url", str(tmp_path / "raw.csv"))


def test_what_came_out_of_a_database_is_imported_and_hinders_nothing_else(project: Path) -> None:
    (project / "bought.csv.dvc").write_text(DATABASE)
    data = DvcData(project)
    [one] = origins.imports(data)
    assert (one.path, one.how) == ("bought.csv", "dvc import-db")
    assert "warehouse" in one.source
    assert "SELECT" not in str(one)
    assert data.record([TRAIN]) == []
    assert data.snapshot(str(data.git.head)).outs


def test_a_folder_is_imported_with_every_table_in_it_and_a_table_with_the_folder_it_stands_for(
    project: Path, there: Path
) -> None:
    dvc(project, "import", "-q", str(there), "data/notes", "-o", "theirs")
    data = DvcData(project)
    assert [one.path for one in origins.imported(data, ["theirs/a.txt"])] == ["theirs"]
    assert [one.path for one in origins.imported(data, ["theirs"])] == ["theirs"]
    assert origins.imported(data, ["theirs-too.csv", TRAIN]) == []


def test_an_import_of_an_import_names_the_repository_that_it_was_taken_from(project: Path, there: Path, tmp_path: Path) -> None:
    between = tmp_path / "between"
    between.mkdir()
    clones.run(between, "git", "init", "-q")
    clones.run(between, "dvc", "init", "-q")
    clones.run(between, "dvc", "import", "-q", str(there), "data/train.csv")
    clones.run(between, "git", "add", "-A")
    clones.run(between, "git", "commit", "-q", "-m", "imported")
    dvc(project, "import", "-q", str(between), "train.csv", "-o", "data/theirs.csv")
    assert [one.source for one in origins.imports(DvcData(project))] == [f"train.csv in {between}"]


def test_a_table_of_an_import_that_was_never_downloaded_or_of_an_imported_folder_names_its_owner(
    project: Path, there: Path
) -> None:
    dvc(project, "import", "-q", "--no-download", str(there), "data/train.csv", "-o", "data/theirs.csv")
    dvc(project, "import", "-q", str(there), "data/notes", "-o", "theirs")
    for path in ("data/theirs.csv", "theirs/a.txt"):
        with pytest.raises(ProjectError, match=f"is imported from .*{there}"):
            current(DvcData(project), path)


def test_what_was_added_or_made_here_is_no_import(project: Path) -> None:
    assert origins.imports(DvcData(project)) == []


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("https://ada:hunter2@host.example/data.git?token=hunter2#hunter2", "https://host.example/data.git"),
        ("s3://bucket/raw.csv?versionId=1", "s3://bucket/raw.csv"),
        ("git@host.example:data.git", "git@host.example:data.git"),
        ("/srv/raw.csv", "/srv/raw.csv"),
    ],
)
def test_an_address_is_said_without_its_secrets(address: str, said: str) -> None:
    assert origins.without_secrets(address) == said


def stage(project: Path, dep: str, **more: Any) -> None:
    """A stage that makes the source from something."""
    (project / f"{SOURCE}.dvc").unlink()
    frozen = "    frozen: true\n" if more.get("frozen") else ""
    text = PIPELINE + f"  load:\n    cmd: python load.py\n    deps: ['{dep}']\n    outs: [{SOURCE}]\n{frozen}"
    (project / "dvc.yaml").write_text(text)


@pytest.mark.parametrize("where", ["raw.csv", "outside"])
def test_what_a_stage_reads_can_be_opened_wherever_it_lies(project: Path, tmp_path: Path, where: str) -> None:
    raw = project / "raw.csv" if where == "raw.csv" else tmp_path / "outside.csv"
    raw.write_text("who\nann\n")
    stage(project, str(raw) if where == "outside" else where)
    [one] = origins.read_above(DvcData(project), [SOURCE, TRAIN])
    assert (one.name, one.stage) == (str(raw) if where == "outside" else where, "load")
    with one.opened() as streams:
        assert [(name, stream.read()) for name, stream in streams] == [("", b"who\nann\n")]


def test_every_file_of_a_folder_that_a_stage_reads_is_opened(project: Path) -> None:
    (project / "raw").mkdir()
    for name in ("a.csv", "b.csv"):
        (project / "raw" / name).write_text(name)
    (project / "raw/__pycache__").mkdir()
    (project / "raw/__pycache__/code.pyc").write_bytes(b"\0")
    stage(project, "raw")
    [one] = origins.read_above(DvcData(project), [TRAIN])
    with one.opened() as streams:
        assert {name: stream.read() for name, stream in streams} == {"/a.csv": b"a.csv", "/b.csv": b"b.csv"}


def test_a_place_elsewhere_is_named_without_being_asked(project: Path) -> None:
    stage(project, "s3://bucket/raw.csv")
    assert [one.name for one in origins.read_above(DvcData(project), [SOURCE])] == ["s3://bucket/raw.csv"]


def test_a_frozen_stage_brings_nothing_back(project: Path) -> None:
    (project / "raw.csv").write_text("who\nann\n")
    stage(project, "raw.csv", frozen=True)
    assert origins.read_above(DvcData(project), [SOURCE]) == []


def test_a_table_that_no_stage_makes_stands_on_nothing(project: Path) -> None:
    subprocess.run(["git", "status"], cwd=project, check=True, capture_output=True)
    assert [one.name for one in origins.read_above(DvcData(project), [SOURCE])] == []
    assert [one.name for one in origins.read_above(DvcData(project), [TRAIN])] == [SOURCE]
