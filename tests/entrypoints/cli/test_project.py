"""Commands about a project: how `unlearn train` prints a check, and what `unlearn init` refuses."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.entrypoints.cli.commands import unlearn
from tests.small_project import Project
from unlearning.domain.entities import CheckResult
from unlearning.entrypoints.cli.project import check_line


def test_a_measured_check_shows_its_value() -> None:
    check = CheckResult("utility", 0.94974, "> 0.653", "passed", "")
    assert check_line(check) == "  utility: passed 0.950, > 0.653"


def test_a_check_without_a_value_says_that_nothing_was_measured() -> None:
    check = CheckResult("agreement", None, "≥ 0.85", "underpowered", "")
    assert check_line(check) == "  agreement: underpowered not measured, ≥ 0.85"


def test_a_project_either_trains_a_model_or_only_adopts(tmp_path: Path) -> None:
    refused = unlearn(tmp_path, "init", "--model", "churn", "--adopt-only", "--json")
    assert refused.code == 2
    assert "expected one" in refused.err
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_says_a_line_a_check_and_exits_1_when_something_is_to_be_mended(project: Project) -> None:
    healthy = unlearn(project.root, "doctor")
    assert (healthy.code, {line[:2] for line in healthy.out.splitlines()}) == (0, {"ok"})
    (project.root / "export.csv").write_text("patient,age\nZq-1,5\n")
    subprocess.run(["git", "add", "export.csv"], cwd=project.root, check=True)
    ill = unlearn(project.root, "doctor", "--json")
    assert ill.code == 1
    assert [one["paths"] for one in ill.document if not one["passed"]] == [["export.csv"]]
    assert unlearn(project.root, "doctor", "--staged").code == 1
    assert "git rm --cached export.csv" in unlearn(project.root, "train").err
