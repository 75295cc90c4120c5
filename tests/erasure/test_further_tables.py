"""Tables above the training table: what a stage makes the records from loses the people in the same erasure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.several_models import OUTCOME_RECIPE
from tests.small_project import (
    PARAMS,
    SOURCE,
    STAGES,
    TABLES,
    TRAIN,
    MadeProject,
    Project,
    columns,
    copy,
    create,
    remote_objects,
    tracked,
)
from unlearning.certificate import envelope
from unlearning.certificate.verification import verify
from unlearning.domain.errors import ProjectError, SubjectsReturned
from unlearning.project.training import stages
from unlearning.stores.tables import redaction, tables
from unlearning.traces import old_revisions, sweep

NOTES = "data/notes.parquet"
SILENT = "Zq7777-canary-silent"
"""Of whom there is a note and no record: the stage leaves drafts out."""

READ_NOTES = f"""
import pyarrow.parquet as pq

notes = pq.read_table("{NOTES}")
notes = notes.filter([not draft for draft in notes["draft"].to_pylist()])
pq.write_table(notes.rename_columns({{"author": "patient"}}).drop_columns(["draft"]), "{SOURCE}")
"""


def notes() -> dict[str, Any]:
    records = columns()
    named = {"author": [*records.pop("patient"), SILENT], "draft": [*([False] * len(records["age"])), True]}
    return named | {name: [*values, values[0]] for name, values in records.items()}


def make(folder: Path) -> None:
    """The small project with a stage above its source, from a table whose people are called otherwise."""
    create(folder, train=False, recipe=OUTCOME_RECIPE)
    project, data = Project(folder), Project(folder).workspace.data
    (folder / f"{SOURCE}.dvc").unlink()
    redaction.write(notes(), folder / NOTES)
    (folder / "read_notes.py").write_text(READ_NOTES)
    pipeline = folder / "dvc.yaml"
    read = f"stages:\n  read-notes:\n    cmd: python read_notes.py\n    deps: [{NOTES}, read_notes.py]\n    outs: [{SOURCE}]\n"
    pipeline.write_text(pipeline.read_text().replace("stages:\n", read, 1))
    project.configure({"further_tables": {NOTES: "author"}, "partition": PARAMS["partition"]})
    data.add([NOTES])
    (folder / SOURCE).unlink()
    exec(compile(READ_NOTES.replace('"data', f'"{folder}/data'), "read_notes.py", "exec"), {})
    stages.prepare(project.workspace)
    data.adopt(["read-notes", *STAGES[:1]])
    data.push([NOTES, *TABLES])
    data.git.commit("Notes", ["."])
    project.train()


@pytest.fixture(scope="module")
def template(made_project: MadeProject) -> Project:
    return made_project("further", make)


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Project:
    return copy(template, tmp_path / "project")


def authors(project: Project) -> list[str]:
    return [str(value) for value in tables.people(tables.read(project.root / NOTES), "author").values]


def test_what_records_are_made_from_loses_the_people_with_them_and_the_certificate_shows_it(project: Project) -> None:
    person, rev, old = project.people(TRAIN)[0], project.workspace.data.git.head, tracked(project.root, NOTES)
    assert {person, SILENT} <= set(authors(project))
    assert old in remote_objects(project.root)
    project.request(person, SILENT)
    [done] = project.erase()

    assert not {person, SILENT} & set(authors(project))
    assert person not in project.people(SOURCE) + project.people(TRAIN)
    assert not project.workspace.data.status(), "DVC runs nothing again"
    assert old not in remote_objects(project.root)
    assert rev is not None
    found = old_revisions.checkout(project.workspace, rev, into=project.root.parent / "before")
    assert found.twin
    assert not {person, SILENT} & set(tables.read(project.root.parent / "before" / NOTES)["author"].to_pylist())
    assert set(project.states().values()) == {"completed"}, done["residuals"]

    checked = verify(envelope.read((project.root / done["certificate"]).read_bytes()), project.workspace.keys.public)
    assert checked.verdict == "verified"
    assert f"absence from {NOTES}" in {one.name for one in checked.recomputed}
    [gap] = [one for one in checked.predicate["scope"]["gaps"] if "read-notes" in one]
    assert gap.startswith(f"stage read-notes was not run again, and {SOURCE}, {TRAIN}")
    assert any(one["name"].startswith(f"{NOTES}: ") for one in done["models"][0]["checks"])


def test_somebody_of_whom_there_is_a_note_alone_is_erased_and_kept_out_and_no_model_changes(project: Project) -> None:
    [request] = project.request(SILENT)
    [done] = project.erase()
    assert SILENT not in authors(project)
    assert (done["models"], project.champion) == ([], 1)
    assert project.states()[request.request_id] == "completed", done["residuals"]
    assert not sweep.sweep(project.workspace, [project.token(SILENT)]).left

    redaction.write(notes(), project.root / NOTES)
    with pytest.raises(SubjectsReturned, match=rf"{NOTES}: 1 person who was erased came back with 1 rows"):
        stages.check(project.workspace)


def test_a_training_needs_none_of_them_and_reads_none_that_is_dirty(project: Project) -> None:
    (project.root / NOTES).unlink()
    assert stages.load(project.workspace).done
    redaction.write(notes() | {"draft": [True] * len(notes()["draft"])}, project.root / NOTES)
    with pytest.raises(ProjectError, match=f"{NOTES} differs from what DVC recorded"):
        stages.load(project.workspace)
