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


@pytest.mark.slow  # that each is opened or named is in stores/tables/faithful/test_odd_files.py
def test_whatever_lies_in_the_history_an_erasure_ends_and_nothing_is_passed_over(project: Project) -> None:
    """One person is in files as they were, another one in files as they are."""
    (person, other), data = project.people(TRAIN)[:2], project.workspace.data
    made = {f"odd/{name}.{age}.parquet": write for name, write in ODD.items() for age in ("old", "current")}
    paths, old = list(made), [path for path in made if ".old." in path]
    (project.root / "odd").mkdir()
    for path, write in made.items():
        (project.root / path).write_bytes(write(person if path in old else other))
    data.add(paths)
    data.push(paths)
    data.git.commit("Odd files", ["."])
    objects = {path: tracked(project.root, path) for path in paths}
    for path in old:
        (project.root / path).write_text("nothing any more\n")
    data.add(old)
    data.git.commit("No odd files any more", ["."])
    project.request(person, other)
    project.erase()
    assert all(state.startswith("completed") for state in project.states().values())
    assert not {person, other} & set(project.people(SOURCE))

    workspace = project.workspace
    done = sweep.sweep(workspace, sweep.people(workspace, [], []))
    listed = {name for row in done.places if row.outcome != "verified" for name in row.names}
    left = remote_objects(project.root)
    silent = {path for path, name in objects.items() if name in left and path not in listed and person_in(path)}
    assert silent == set()


def person_in(path: str) -> bool:
    """The file names the person, in a way that its form lets anybody see."""
    return not path.startswith(("odd/true-or-false", "odd/nested-very-deep", "odd/a-number"))
