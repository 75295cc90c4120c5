"""A project is told what Git keeps of people, or would take, with the way to mend it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.histories import History
from tests.small_project import SOURCE, TRAIN, Project
from unlearning.domain.errors import Refused
from unlearning.project import doctor
from unlearning.project.preflight import Diagnosis


def run(project: Project, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=project.root, check=True, capture_output=True)


def add(project: Project, name: str, content: bytes) -> None:
    (project.root / name).parent.mkdir(parents=True, exist_ok=True)
    (project.root / name).write_bytes(content)
    run(project, "add", "--force", name)


def failed(found: list[Diagnosis]) -> dict[str, list[str]]:
    """Those about files in Git, which are named."""
    return {one.check: list(one.paths) for one in found if not one.passed and one.paths}


def test_a_healthy_project_has_nothing_to_mend(project: Project) -> None:
    found = doctor.examine(project.workspace)
    assert [one.line for one in found if not one.passed] == []
    assert all(one.line.startswith("ok ") for one in found)
    assert doctor.warn(project.workspace) == []


@pytest.mark.parametrize("name", ["export.csv", "notebooks/copy.parquet", "no-suffix", TRAIN])
def test_a_table_of_people_in_the_index_is_named_refused_and_mended_by_what_is_said(project: Project, name: str) -> None:
    content = b"patient,age\nZq-1,5\n" if name == "export.csv" else (project.root / TRAIN).read_bytes()
    add(project, name, content)
    [(check, paths)] = failed(doctor.examine(project.workspace)).items()
    assert (check, paths) == ("Git tracks no table of people", [name])
    assert failed(doctor.examine_staged(project.workspace)) == {check: paths}
    with pytest.raises(Refused, match=f"git rm --cached {name}"):
        doctor.warn(project.workspace)
    run(project, "rm", "--cached", "--quiet", name)
    assert doctor.warn(project.workspace) == []


def test_what_is_only_in_the_last_commit_or_could_be_added_is_warned_of(project: Project) -> None:
    add(project, "export.csv", b"patient,age\nZq-1,5\n")
    run(project, "commit", "--quiet", "--message", "oops")
    run(project, "rm", "--cached", "--quiet", "export.csv")
    (project.root / "data/.gitignore").write_text("/train.parquet\n")
    (project.root / ".gitignore").write_text(".unlearning/\n/.dvc-remote/\n")
    said = doctor.warn(project.workspace)
    assert "git filter-repo --force --invert-paths --path export.csv" in said[0]
    assert SOURCE in said[1]
    assert "unlearn init" in said[1]


def test_what_holds_no_people_may_be_in_git(project: Project) -> None:
    add(project, "countries.csv", b"code,name\nde,Germany\n")
    add(project, "logo.bin", bytes(range(256)))
    assert failed(doctor.examine(project.workspace)) == {}


def test_before_anybody_named_a_person_column_what_dvc_tracks_counts(beginning: History, tmp_path: Path) -> None:
    workspace = beginning.copy(tmp_path / "project").workspace
    assert [one.passed for one in doctor.examine(workspace) if one.check == "Git tracks no table of people"] == [True]
