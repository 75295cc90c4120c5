"""Renewed hashes in DVC's files: what DVC itself would write, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo

from tests.stores.dvc.copied import PIPELINE, SOURCE, TRAIN, current, dvc, forget, git
from unlearning.stores.dvc.repository import DvcData
from unlearning.stores.tables import tables


def test_recording_a_redaction_leaves_dvc_status_clean_and_every_other_entry_alone(project):
    data = DvcData(project)
    before = (project / "dvc.yaml").read_text()
    forget(project, "bob")
    assert data.status() != []
    assert data.record([SOURCE, TRAIN]) == ["data/records.parquet.dvc", "dvc.lock"]
    assert data.status() == []
    assert dvc(project, "status") == "Data and pipelines are up to date."
    assert (project / "dvc.yaml").read_text() == before
    assert git(project, "status", "--porcelain").split() == ["M", "data/records.parquet.dvc", "M", "dvc.lock"]


def test_recorded_metadata_is_byte_for_byte_what_dvc_writes(project):
    forget(project, "bob")
    DvcData(project).record([SOURCE, TRAIN])
    ours = [(project / name).read_bytes() for name in ("dvc.lock", "data/records.parquet.dvc")]
    git(project, "checkout", "--quiet", "--", "dvc.lock", "data/records.parquet.dvc")
    dvc(project, "commit", "--force", "--quiet")
    assert ours == [(project / name).read_bytes() for name in ("dvc.lock", "data/records.parquet.dvc")]


def test_recording_does_not_hide_that_a_stage_is_stale_for_another_reason(project):
    (project / "dvc.yaml").write_text(PIPELINE.replace("cmd: cp", "cmd: cp --archive"))
    forget(project, "bob")
    data = DvcData(project)
    data.record([SOURCE, TRAIN])
    assert data.status() == ["prepare: command or stage definition changed"]
    assert "changed command" in dvc(project, "status")


def test_a_rewritten_report_that_dvc_does_not_cache_is_recorded_as_well(project):
    (project / "reports/train.json").write_text('{"version": 2}\n')
    data = DvcData(project)
    assert data.record(["reports/train.json"]) == ["dvc.lock"]
    assert data.status() == []


def test_recording_twice_is_recording_once(project):
    data = DvcData(project)
    forget(project, "bob")
    data.record([SOURCE, TRAIN])
    before = (project / "dvc.lock").read_bytes()
    assert data.record([SOURCE, TRAIN]) == []
    assert (project / "dvc.lock").read_bytes() == before


def test_a_recording_that_was_cut_short_finishes_on_the_next_run(project):
    data = DvcData(project)
    forget(project, "bob")
    data.record([SOURCE])
    assert any("train" in line for line in data.status())
    assert data.record([SOURCE, TRAIN]) == ["dvc.lock"]
    assert data.status() == []


@pytest.mark.parametrize("link", ["hardlink", "symlink"])
def test_linked_workspaces_are_rewritten_without_touching_the_old_object(project, link):
    with Repo(str(project)) as repo, repo.config.edit() as config:
        config["cache"]["type"] = link
    dvc(project, "checkout", "--relink", "--quiet")
    data = DvcData(project)
    old = current(data)
    forget(project, "bob")
    data.record([SOURCE, TRAIN])
    assert data.status() == []
    assert current(data).people == 2
    assert tables.digest(data.fetch(old)) == old.digest


def test_stages_in_a_subfolder_with_a_working_folder_or_a_loop_are_recorded_too(project):
    (project / "sub").mkdir()
    (project / "sub/dvc.yaml").write_text(
        "stages:\n"
        "  copy:\n"
        "    foreach: [a, b]\n"
        "    do:\n"
        "      wdir: ..\n"
        f"      cmd: cp {TRAIN} data/${{item}}.parquet\n"
        f"      deps: [{TRAIN}]\n"
        "      outs: ['data/${item}.parquet']\n"
    )
    dvc(project, "repro", "--quiet", "--all-pipelines")
    paths = [SOURCE, TRAIN, "data/a.parquet", "data/b.parquet"]
    forget(project, "bob", paths=paths)
    data = DvcData(project)
    assert data.outputs() == sorted(paths)
    assert data.record(paths) == ["data/records.parquet.dvc", "dvc.lock", "sub/dvc.lock"]
    assert dvc(project, "status") == "Data and pipelines are up to date."


KILLED = """
import os, pathlib, sys
from unlearning.stores.dvc.repository import DvcData
steps, replace = iter(range(99)), pathlib.Path.replace

def dying(self, target):
    if next(steps) == int(sys.argv[1]):
        os._exit(9)
    return replace(self, target)

pathlib.Path.replace = dying
DvcData(pathlib.Path.cwd()).record(["data/records.parquet", "data/train.parquet"])
"""


@pytest.mark.parametrize("files_written", [0, 1])
def test_a_process_killed_while_recording_leaves_whole_files_and_the_next_one_finishes(project, files_written):
    forget(project, "bob")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", KILLED, str(files_written)]
    assert subprocess.run(command, cwd=project, env=environment, check=False).returncode == 9
    data = DvcData(project)
    assert data.status() != []
    assert data.record([SOURCE, TRAIN]) != []
    assert data.status() == []
    assert git(project, "status", "--porcelain").split() == ["M", "data/records.parquet.dvc", "M", "dvc.lock"]
    assert current(data).people == 2
