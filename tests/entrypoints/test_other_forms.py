"""The source table in other forms than Parquet: loaded, split, trained on, redacted, compared and purged like any other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests import small_project
from tests.small_project import Project
from unlearning.traces import sweep

pytestmark = pytest.mark.filterwarnings("ignore")


def written(columns: Mapping[str, Any], file: Path) -> None:
    frame = pd.DataFrame(columns)
    if ".csv" in file.name:
        text = frame.to_csv(index=False, sep=";", lineterminator="\r")
        frame_bytes = ("\ufeff" + text).encode("utf-16-le") if file.name.endswith("wide.csv") else text.encode("cp1252")
        file.write_bytes(frame_bytes)
    elif file.suffix == ".feather":
        frame.to_feather(file)
    elif file.suffix == ".jsonl":
        frame.to_json(file, orient="records", lines=True)


def slow(name: str) -> Any:
    """Each form has its own tests with the tables; whole erasures of every run are of one text, and of Parquet elsewhere."""
    return pytest.param(name, marks=pytest.mark.slow)


@pytest.mark.parametrize("name", [slow("records.csv"), "wide.csv", slow("records.feather"), slow("records.jsonl")])
def test_a_source_of_any_form_is_erased_from_and_compared(tmp_path: Path, name: str) -> None:
    source, train, holdout = paths = [
        f"data/{one}" for one in (name, f"train{Path(name).suffix}", f"holdout{Path(name).suffix}")
    ]
    project = small_project.create(tmp_path / "project", paths=paths, write=written)
    person = project.people(train)[0]
    [request] = project.request(person)
    project.erase()
    assert project.states()[request.request_id] == "completed"
    assert not {person} & {*project.people(source), *project.people(train), *project.people(holdout)}
    workspace = project.workspace
    done = sweep.sweep(workspace, sweep.people(workspace, [], []))
    rows = {row.place: row for row in done.places}
    for path in paths:
        row = rows[f"table {path}, current version"]
        assert (row.outcome, row.searched) == ("verified", 1)
    assert not any(spelled in one for one in everything(project) for spelled in (person.encode(), person.encode("utf-16-le")))


def everything(project: Project) -> list[bytes]:
    stores = (project.root / ".dvc/cache", project.root / ".dvc-remote", project.root / "data")
    return [file.read_bytes() for store in stores for file in store.rglob("*") if file.is_file()]
