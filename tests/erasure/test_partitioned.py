"""Tables in folders of parts: an erasure rewrites and deletes only the parts that hold the person."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.small_project import HOLDOUT, SOURCE, TRAIN, Project, copy, create, patient, remote_objects, tracked
from unlearning.domain.errors import Halted, ParentMoved
from unlearning.lineage import follow
from unlearning.project.training import stages
from unlearning.stores.tables import parts, redaction, tables
from unlearning.traces import old_revisions, sweep, within_reach

FOLDER = "data/records"
FOLDERS = {SOURCE: FOLDER, TRAIN: "data/train", HOLDOUT: "data/holdout"}
PARTS = 4


def split_into_parts(project: Project) -> None:
    """The project's source as a folder of four parts, and what is made of it as folders of as many; trained on once."""
    rows = tables.read(project.root / SOURCE).num_rows
    for number, piece in enumerate(np.array_split(np.arange(rows), PARTS)):
        part = project.root / FOLDER / f"day={number}" / "part-0.parquet"
        part.parent.mkdir(parents=True)
        redaction.redact(project.root / SOURCE, part, np.isin(np.arange(rows), piece))
    (project.root / FOLDER / "_SUCCESS").touch()
    data = project.workspace.data
    data.add([FOLDER])
    project.configure({"data": dict(zip(("source", "train", "holdout"), FOLDERS.values(), strict=True))})
    pipeline = project.root / "dvc.yaml"
    for file, folder in FOLDERS.items():
        pipeline.write_text(pipeline.read_text().replace(file, folder))
        (project.root / file).unlink()
    (project.root / f"{SOURCE}.dvc").unlink()
    stages.prepare(project.workspace)
    data.adopt(["prepare"])
    data.push([*FOLDERS.values()])
    project.train()


@pytest.fixture(scope="module")
def in_parts(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = create(tmp_path_factory.mktemp("parts") / "project", train=False)
    split_into_parts(project)
    return project


@pytest.fixture
def project(in_parts: Project, tmp_path: Path) -> Project:
    return copy(in_parts, tmp_path / "project")


def parts_of(project: Project) -> dict[str, bytes]:
    return {
        f"{folder}/{name}": file.read_bytes()
        for folder in FOLDERS.values()
        for name, file in parts.files(project.root / folder).items()
    }


def holding(project: Project, person: str, folder: str = FOLDER) -> set[str]:
    files = parts.files(project.root / folder).items()
    return {
        name
        for name, file in files
        if file.stat().st_size and person in tables.read(file, person="patient")["patient"].to_pylist()
    }


def test_an_erasure_rewrites_the_parts_that_hold_the_person_and_no_other(project: Project) -> None:
    person, before = patient(3), parts_of(project)
    theirs, old, objects = holding(project, person), tracked(project.root, FOLDER), remote_objects(project.root)
    rewritten = {f"{folder}/{name}" for folder in FOLDERS.values() for name in holding(project, person, folder)}
    rev = project.workspace.data.git.head
    assert 0 < len(theirs) < PARTS
    project.request(person)

    (report,) = project.erase()

    after = parts_of(project)
    assert {name for name in before if before[name] != after[name]} == rewritten
    assert not holding(project, person)
    assert project.states() == {next(iter(project.states())): "completed"}, report
    assert project.workspace.data.status() == []
    assert old not in remote_objects(project.root)
    assert tracked(project.root, FOLDER) in remote_objects(project.root)
    lost = objects - remote_objects(project.root)
    assert len([name for name in lost if not name.endswith(".dir")]) <= len(rewritten) + 2, (
        "the parts, the table they were cut from, and what was made of that"
    )
    assert sweep.sweep(project.workspace, within_reach.erased(project.workspace)).clean
    shown = old_revisions.checkout(project.workspace, str(rev), into=project.root.parent / "old")
    assert (shown.twin, shown.missing) == (True, [])
    assert len(tables.read(project.root.parent / "old" / FOLDER)) == len(tables.read(project.root / FOLDER))


def test_an_erasure_that_was_cut_off_between_two_parts_goes_on(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    person = next(one for one in map(patient, range(40)) if len(holding(project, one)) == 2)
    project.request(person)
    whole, moved = Path.replace, []

    def once(file: Path, target: Path) -> Path:
        if FOLDER in str(target) and "day=" in str(target) and ".part" not in file.name:
            if moved:
                raise KeyboardInterrupt
            moved.append(target)
        return whole(file, target)

    monkeypatch.setattr(Path, "replace", once)
    with pytest.raises(KeyboardInterrupt):
        project.erase()
    monkeypatch.undo()
    assert len(holding(project, person)) == 1

    project.erase()

    assert not holding(project, person)
    assert set(project.states().values()) == {"completed"}


def test_a_part_that_somebody_else_rewrites_meanwhile_is_never_overwritten(project: Project) -> None:
    person = patient(3)
    theirs = sorted(holding(project, person))[0]
    project.request(person)
    other = patient(5)

    def rewrite(step: str) -> None:
        if step == "4 redact" and not done:
            done.append(step)
            part = project.root / FOLDER / theirs
            people = np.array(tables.read(part)["patient"].to_pylist())
            redaction.redact(part, part, people != other)

    done: list[str] = []
    with pytest.raises((ParentMoved, Halted)):
        project.erase(before=rewrite)
    assert holding(project, person), "nothing was overwritten"


def test_a_person_is_found_in_old_and_new_versions_of_the_folder(project: Project) -> None:
    follow.follow(project.workspace, everything=True)
    person = patient(3)
    held = project.workspace.lineage.versions_holding([bytes.fromhex(project.token(person))])
    paths = {version.path for versions in held.values() for version in versions}
    assert any(path.startswith(FOLDER) for path in paths)
