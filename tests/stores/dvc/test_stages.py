"""The stages of dvc.yaml: what they read, which have to run, and running them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.stores.dvc.copied import PIPELINE, SOURCE, TRAIN, current, git
from unlearning.domain.errors import NotFound, Refused, Unavailable
from unlearning.domain.versions import Tracked
from unlearning.stores.dvc import stages
from unlearning.stores.dvc.repository import DvcData

REPORT = "reports/train.json"
ASIDE = "  aside:\n    cmd: echo\n    deps: [notes.txt]\n"


def test_the_stages_between_a_table_and_a_stage_are_named_in_the_order_they_run(project: Path) -> None:
    (project / "dvc.yaml").write_text(PIPELINE + ASIDE)
    data = DvcData(project)
    assert stages.between(data, [SOURCE], "train") == ["prepare", "train"]
    assert stages.between(data, [SOURCE, TRAIN], "train") == ["prepare", "train"]
    assert stages.between(data, [TRAIN], "train") == ["train"]
    assert stages.between(data, [SOURCE], "prepare") == ["prepare"]
    assert stages.between(data, [TRAIN], "prepare") == stages.between(data, [SOURCE], "aside") == []


def test_a_stage_that_reads_a_folder_reads_what_lies_in_it_and_no_folder_of_a_longer_name(project: Path) -> None:
    (project / "dvc.yaml").write_text(PIPELINE + ASIDE.replace("notes.txt", "parts"))
    data = DvcData(project)
    assert stages.between(data, ["parts/one.csv"], "aside") == ["aside"]
    assert stages.between(data, ["parts2/one.csv"], "aside") == []


def test_a_stage_that_is_not_there_is_refused_with_those_that_are(project: Path) -> None:
    for asking in (lambda data: stages.between(data, [SOURCE], "fit"), lambda data: stages.read_by(data, "fit")):
        with pytest.raises(NotFound, match="no stage 'fit'; it has prepare, train"):
            asking(DvcData(project))


def test_what_stands_above_a_file_is_everything_it_is_made_from_upstream_first(project: Path) -> None:
    data = DvcData(project)
    assert stages.above(data, REPORT) == [SOURCE, TRAIN]
    assert stages.above(data, TRAIN) == [SOURCE]
    assert stages.above(data, SOURCE) == stages.above(data, "nothing") == []


def test_the_workflow_says_which_stage_reads_from_which_and_what_each_makes(project: Path) -> None:
    assert stages.workflow(DvcData(project)) == (
        {"prepare": frozenset(), "train": frozenset({"prepare"})},
        {TRAIN: "prepare", REPORT: "train"},
    )


def test_what_a_stage_says_it_depends_on_is_told_before_it_ever_ran(project: Path) -> None:
    with (project / "dvc.yaml").open("a") as stream:
        stream.write("  never:\n    cmd: python never.py\n    deps: [never.py, elsewhere]\n")
    found = stages.declared(DvcData(project))
    assert sorted(found["never"]) == ["elsewhere", "never.py"]
    assert set(found) >= {"never"}


def test_what_a_stage_read_is_what_dvc_recorded_and_not_what_lies_there_now(project: Path) -> None:
    data = DvcData(project)
    then = current(data).object
    (project / TRAIN).unlink()
    assert stages.read_by(data, "train") == [Tracked(TRAIN, then)]


def test_what_git_keeps_of_stages_is_told_from_what_dvc_keeps(project: Path) -> None:
    data, lock = DvcData(project), str(project / "dvc.lock")
    assert stages.files_of(data, ["prepare"]) == ([lock], [TRAIN])
    assert stages.files_of(data, ["prepare", "train"]) == ([lock, str(project / REPORT)], [TRAIN])
    (project / REPORT).unlink()
    assert stages.files_of(data, ["train"]) == ([lock], [])


def test_stages_run_in_turn_with_what_they_are_told_until_one_fails(project: Path) -> None:
    told = 'stages:\n  one:\n    cmd: printf "$TOLD" > told\n  two:\n    cmd: exit 3\n  three:\n    cmd: touch never\n'
    (project / "dvc.yaml").write_text(told)
    with pytest.raises(Refused, match=r"stage 'two' failed .* `dvc repro two`"):
        stages.run(DvcData(project), ["one", "two", "three"], {"TOLD": "erasure-1"})
    assert (project / "told").read_text() == "erasure-1"
    assert not (project / "never").exists()
    assert git(project, "status", "--porcelain", "--", ".dvc") == ""


def test_a_stage_that_a_killed_run_left_running_is_waited_for_and_not_refused(project: Path) -> None:
    waits = "touch began; while [ ! -e go ]; do sleep 0.05; done; echo made > made"
    (project / "dvc.yaml").write_text(f"stages:\n  one:\n    cmd: {waits}\n    outs: [made]\n")
    with subprocess.Popen([sys.executable, "-m", "dvc", "repro", "one"], cwd=project, stdout=subprocess.DEVNULL) as left:
        while not (project / "began").exists():
            assert left.poll() is None
            time.sleep(0.05)
        try:
            with pytest.raises(Unavailable, match="another DVC process"):
                stages.run(DvcData(project), ["one"], {})
        finally:
            (project / "go").touch()
    assert left.returncode == 0
    stages.run(DvcData(project), ["one"], {})
