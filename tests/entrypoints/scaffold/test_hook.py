"""The hook before a commit: it refuses tables of people, and never takes the place of somebody's own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.entrypoints.cli.commands import unlearn
from tests.small_project import Project
from unlearning.entrypoints.scaffold import hook


def commit(project: Project) -> subprocess.CompletedProcess[str]:
    command = ["git", "commit", "--quiet", "--message", "x"]
    return subprocess.run(command, cwd=project.root, check=False, capture_output=True, text=True)


def test_a_commit_with_a_table_of_people_is_refused_and_any_other_is_made(project: Project) -> None:
    assert "pre-commit" in unlearn(project.root, "init", "--hook").out
    (project.root / "export.csv").write_text("patient,age\nZq-1,5\n")
    (project.root / "notes.md").write_text("nothing\n")
    subprocess.run(["git", "add", "export.csv", "notes.md"], cwd=project.root, check=True)
    refused = commit(project)
    assert refused.returncode != 0
    assert "git rm --cached export.csv" in refused.stdout + refused.stderr
    subprocess.run(["git", "rm", "--cached", "--quiet", "export.csv"], cwd=project.root, check=True)
    assert commit(project).returncode == 0


@pytest.mark.parametrize("theirs", ["#!/bin/sh\nexit 0\n", "", "#!/usr/bin/env python\n"])
def test_a_hook_of_ones_own_stays_and_is_said(project: Project, theirs: str) -> None:
    file = project.root / ".git/hooks/pre-commit"
    file.parent.mkdir(exist_ok=True)
    file.write_text(theirs)
    said = unlearn(project.root, "init", "--hook").out
    assert file.read_text() == theirs
    assert "unlearn doctor --staged" in said


def test_it_is_written_once_and_where_git_looks_for_it(project: Project, tmp_path: Path) -> None:
    subprocess.run(["git", "config", "core.hooksPath", "hooks"], cwd=project.root, check=True)
    assert hook.install(project.root) == (project.root / "hooks/pre-commit", "written")
    assert hook.install(project.root) == (project.root / "hooks/pre-commit", "kept")
    (project.root / "hooks/pre-commit").write_text(hook.script(project.root).replace(str(project.root), "/moved/away"))
    assert hook.install(project.root)[1] == "written"
