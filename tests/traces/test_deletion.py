"""Finding and deleting what holds people, without an erasure around it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.histories import History
from unlearning.domain import hashing
from unlearning.domain.events import TracesFound, decode, encode
from unlearning.domain.traces import Inventory, Removed, Trace
from unlearning.traces import deletion
from unlearning.traces.places.dvc_objects import OBJECTS
from unlearning.traces.within_reach import Reach

PATH = "data/notes.csv"


def test_an_inventory_comes_back_from_what_the_ledger_keeps() -> None:
    traces = {OBJECTS: (Trace("a" * 32),), "MLflow": (Trace("r", "run", "x"),)}
    found = TracesFound(inventory=Inventory(traces, ("b" * 32,)))
    assert decode("TracesFound", json.loads(json.dumps(encode(found)))) == found


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

    inventory = deletion.find(Reach(workspace), [token])
    found = inventory.traces
    assert found[OBJECTS] == (Trace(old.object),)
    assert found.keys() <= {OBJECTS, "DVC site cache"}  # DVC writes names of objects down as it pushes
    assert inventory.derived == ()

    done = deletion.carry_out(Reach(workspace), found)
    assert Removed(OBJECTS, 1, (old.object,)) in done.removed
    assert done.residuals == ()
    assert OBJECTS not in deletion.find(Reach(workspace), [token]).traces
    for folder in (".dvc/cache", ".dvc-remote"):
        assert list((history.root / folder).rglob(old.object[2:])) == []
    assert deletion.carry_out(Reach(workspace), found).residuals == ()  # again, after a crash
