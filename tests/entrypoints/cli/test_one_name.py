"""A data version has one name, wherever people read of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from tests.small_project import TABLES, TRAIN, Project, copy, patient, tracked
from unlearning.entrypoints.cli import main


def run(project: Project, *arguments: str) -> str:
    done = CliRunner().invoke(main, [*arguments, "--root", str(project.root)])
    assert done.exit_code == 0, done.output
    return done.stdout


def named_in(document: dict[str, Any]) -> set[str]:
    return {node["label"] for node in document["nodes"] if node["kind"] == "data"}


def test_the_same_version_has_the_same_name_everywhere(template: Project, erased_project: Project, tmp_path: Path) -> None:
    project = copy(template, tmp_path / "before")
    before = {path: f"{path}@{tracked(project.root, path)[:12]}" for path in TABLES}
    project.request(patient(3))

    found = json.loads(run(project, "impact", "--json"))
    held = {one["name"] for one in found["data_versions"]}
    assert before[TRAIN] in held
    assert held <= set(before.values())
    assert all(name in run(project, "impact") for name in held)

    project = erased_project
    after = f"{TRAIN}@{tracked(project.root, TRAIN)[:12]}"
    lineage = json.loads(run(project, "lineage", "outcome/2", "--json"))
    assert after in named_in(lineage)
    assert [one["name"] for one in lineage["data_versions"]] == [after]
    assert lineage["versions"][0]["sources"][0]["name"] == after
    assert after in run(project, "lineage", "outcome/2")
    assert after in named_in(json.loads(run(project, "lineage", "--data", after, "--json")))

    for suffix in ("svg", "mmd"):
        run(project, "lineage", "outcome/2", "--graph", str(project.root / f"picture.{suffix}"))
        assert after in (project.root / f"picture.{suffix}").read_text()

    [page] = [file.read_text() for file in project.root.glob(".unlearning/certificates/*.html")]
    assert before[TRAIN] in page
    assert after in page
