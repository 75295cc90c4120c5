"""Commands about an erasure: what is said of its price, and a run with nothing to do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.entrypoints.cli.commands import unlearn
from tests.small_project import TRAIN, Project
from unlearning.domain.entities import Impact, ShapedVersion, ShardImpact
from unlearning.domain.versions import DataVersion
from unlearning.entrypoints.cli.erasure import _impact_lines

IMPACT = Impact(
    records=1,
    tokens=("ab" * 32, "cd" * 32),
    not_found=("ef" * 32,),
    data_versions=(DataVersion("data/a.csv", "1" * 64, "2" * 32, None, 4, 3),),
    model_versions=(ShapedVersion("fraud", 3, ("live", "next"), "1" * 64),),
    shards=(ShardImpact(shard=1, first_slice=2, slices=4, records=1),),
    shards_total=8,
    slices_total=4,
    checkpoints_stale=("a", "b", "c"),
    estimated_seconds=1.26,
    method="sisa",
)


def test_the_price_is_told_in_numbers_with_their_nouns() -> None:
    lines = _impact_lines(IMPACT)
    assert lines[0] == "1 record of 2 people; 1 person not found"
    assert "  data    data/a.csv@222222222222" in lines
    assert "  model   fraud/3  @live @next" in lines
    assert lines[-1] == "  method sisa, about 1.3 s of training"
    assert not [line for line in lines if "ab" * 6 in line]


def test_a_project_that_trains_nothing_has_no_price_of_training() -> None:
    lines = _impact_lines(replace(IMPACT, method=None))
    assert not [line for line in lines if "shards" in line or "checkpoints" in line or "method" in line]


def test_an_erasure_of_nobody_starts_no_prefect(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    request_id = project.request(project.people(TRAIN)[0])[0].request_id
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")  # nobody answers there
    unlearn(project.root, "cancel", request_id, "--reason", "a mistake")
    assert unlearn(project.root, "erase").out == "no open request; nothing to do\n"
    assert unlearn(project.root, "erase", "--request", request_id, "--json").document["models"] == []


def test_ctrl_c_says_where_it_stopped_and_how_to_go_on(project: Project) -> None:
    [request] = project.request(project.people(TRAIN)[0])
    kept = {name: value for name, value in os.environ.items() if name != "PREFECT_HOME"}
    script = "from unlearning.entrypoints.cli import main; main(prog_name='unlearn')"
    command, pipe = [sys.executable, "-c", script, "erase"], subprocess.PIPE
    running = subprocess.Popen(command, cwd=project.root, env=kept, text=True, stderr=pipe, stdout=pipe)
    assert running.stderr is not None
    said = ""
    while not said.endswith("5 unlearn (sisa) …\n") and (line := running.stderr.readline()):
        said += line
    running.send_signal(signal.SIGINT)
    out, rest = running.communicate(timeout=120)
    assert (running.returncode, out) == (130, ""), said + rest
    assert "from plan to certificate" in said
    [last] = [line for line in rest.splitlines() if line.startswith("unlearn: ")]  # Prefect may say its own after it
    assert last.startswith(("unlearn: stopped after the step `redact`", "unlearn: stopped after the step `unlearn`"))
    assert last.endswith("The requests stay open: `unlearn erase` goes on from there")
    assert "Traceback" not in rest
    assert project.states()[request.request_id] not in ("completed", "completed_with_residuals")
