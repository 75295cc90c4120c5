"""One odd file somewhere in the history: it is listed, and the erasure of everything else goes on."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.small_project import SOURCE, TRAIN, Project, remote_objects, tracked
from unlearning.traces import sweep

pytestmark = pytest.mark.filterwarnings("ignore")


def parquet(arrays: list[Any], names: list[str]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, names=names), out)
    return out.getvalue()


ODD: dict[str, Callable[[str], bytes]] = {
    "two-columns-of-one-name": lambda who: parquet([pa.array([who, "b"]), pa.array(["c", "d"])], ["patient", "patient"]),
    "a-list-as-person-column": lambda who: parquet([pa.array([[who], ["b"]])], ["patient"]),
    "a-struct-as-person-column": lambda who: parquet([pa.array([{"id": who}])], ["patient"]),
    "true-or-false-as-person": lambda _who: parquet([pa.array([True, False])], ["patient"]),
    "torn": lambda who: parquet([pa.array([who] * 50)], ["patient"])[:-60],
    "not-utf-8": lambda who: b"patient,x\n" + who.encode() + b",1\n\xff\xfe\xfd,2\n",
    "a-quote-that-never-ends": lambda who: f'patient,x\n"{who},1\nb,2\n'.encode(),
    "nested-very-deep": lambda _who: b"[" * 5000 + b"]" * 5000,
    "a-number-of-4400-digits": lambda _who: b'{"patient": ' + b"9" * 4400 + b"}",
}


@pytest.mark.parametrize("kept", ["old", "current"])
def test_whatever_lies_in_the_history_an_erasure_ends_and_nothing_is_passed_over(project: Project, kept: str) -> None:
    person, data = project.people(TRAIN)[0], project.workspace.data
    (project.root / "odd").mkdir()
    paths = [f"odd/{name}.parquet" for name in ODD]
    for path, (_, made) in zip(paths, ODD.items(), strict=True):
        (project.root / path).write_bytes(made(person))
    data.add(paths)
    data.push(paths)
    data.git.commit("Odd files", ["."])
    objects = {path: tracked(project.root, path) for path in paths}
    if kept == "old":
        for path in paths:
            (project.root / path).write_text("nothing any more\n")
        data.add(paths)
        data.git.commit("No odd files", ["."])
    [request] = project.request(person)
    project.erase()
    assert project.states()[request.request_id].startswith("completed")
    assert person not in project.people(SOURCE)

    workspace = project.workspace
    done = sweep.sweep(workspace, sweep.people(workspace, [], []))
    listed = {name for row in done.places if row.outcome != "verified" for name in row.names}
    left = remote_objects(project.root)
    silent = {path for path, name in objects.items() if name in left and path not in listed and person_in(path)}
    assert silent == set()


def person_in(path: str) -> bool:
    """The file names the person, in a way that its form lets anybody see."""
    return not path.startswith(("odd/true-or-false", "odd/nested-very-deep", "odd/a-number"))
