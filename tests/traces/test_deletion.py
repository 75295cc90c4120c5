"""Finding and deleting what holds people, without an erasure around it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.histories import History
from unlearning.domain import hashing
from unlearning.domain.traces import Trace
from unlearning.traces import deletion
from unlearning.traces.places.dvc_objects import OBJECTS

PATH = "data/notes.csv"


def test_an_inventory_comes_back_from_what_the_ledger_keeps() -> None:
    run = {"name": "r", "kind": "run", "location": "x"}
    traces = {OBJECTS: [{"name": "a" * 32, "kind": "", "location": ""}], "MLflow": [run]}
    found = deletion.traces_from(json.loads(json.dumps({"traces": traces, "derived": []})))
    assert found == {OBJECTS: (Trace("a" * 32),), "MLflow": (Trace("r", "run", "x"),)}


def test_an_old_version_with_the_person_is_found_in_every_store_deleted_once_and_then_gone(
    beginning: History, tmp_path: Path
) -> None:
    history = beginning.copy(tmp_path / "project")
    old = history.table(PATH, ["ann-1", "bob-2"])
    history.commit()
    history.repository.push([PATH])
    history.table(PATH, ["bob-2"])
    history.commit()
    history.repository.push([PATH])
    workspace = history.workspace
    token = hashing.token(workspace.keys.index, "ann-1", "text")

    inventory = deletion.find(workspace, [token])
    found = deletion.traces_from(inventory)
    assert found[OBJECTS] == (Trace(old.object),)
    assert found.keys() <= {OBJECTS, "DVC site cache"}  # DVC writes names of objects down as it pushes
    assert inventory["derived"] == []

    done = deletion.carry_out(workspace, found)
    assert {"place": OBJECTS, "count": 1, "names": [old.object]} in done["removed"]
    assert done["residuals"] == []
    assert OBJECTS not in deletion.find(workspace, [token])["traces"]
    for folder in (".dvc/cache", ".dvc-remote"):
        assert list((history.root / folder).rglob(old.object[2:])) == []
    assert deletion.carry_out(workspace, found)["residuals"] == []  # again, after a crash
