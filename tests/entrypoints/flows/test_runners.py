"""Training and erasure as Prefect flows over every task runner: the bytes that a plain loop gives, and nobody's name."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prefect import flow

from tests.entrypoints.flows.conftest import NEEDS_RAY, Server, using
from tests.small_project import HOLDOUT, TABLES, Project, copy
from unlearning.domain import hashing
from unlearning.domain.chain import Trained
from unlearning.domain.codec import write
from unlearning.domain.errors import SettingsError
from unlearning.entrypoints.flows import erase, runners, train
from unlearning.entrypoints.flows.steps import mapped, step
from unlearning.project.settings import Run
from unlearning.project.training import stages
from unlearning.project.workspace import open_workspace

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]

STEPS = ["2 assess", "3 plan", "4 redact", "5 unlearn (sisa)", "  replay from scratch", "6 validate", "7 promote"]
STEPS += ["  settle", "8 purge", "9 certify"]
JOBS, TOUCHED = [f"shard-{number}" for number in range(4)], ["shard-0", "shard-2"]
"""Of a training; and of an erasure, which trains these and replays them: whatever is stored already is no job."""


@dataclass(frozen=True)
class Ended:
    """A project after a training flow and an erasure flow."""

    project: Project
    who: list[str]
    trained: dict[str, Any]
    report: dict[str, Any]
    registered: dict[str, str]
    """What is registered of the new version: file → digest."""


def leavers(project: Project) -> list[str]:
    """Somebody from a first slice, somebody from a last one elsewhere, and one who was never trained on."""
    cells = project.cells()
    return [cells[0, 0][0], cells[2, 1][0], project.people(HOLDOUT)[0]]


def registered(project: Project) -> dict[str, str]:
    """The files of the newest model that say what it computes; the others name the run and the time."""
    folder = max((project.root / "mlruns").rglob("artifacts/ensemble"), key=lambda one: one.stat().st_mtime)
    return {name: hashing.file_digest(folder / name) for name in ("constituents.safetensors", "chain.json")}


@pytest.fixture(scope="module")
def plain(template: Project, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """The same job in a loop, without Prefect; the template was trained so."""
    project = copy(template, tmp_path_factory.mktemp("plain") / "project")
    who = leavers(project)
    project.request(*who)
    (report,) = project.erase(replay=True)
    return Ended(project, who, {}, report, registered(project))


def slow(name: str) -> Any:
    """Part of the campaign; that jobs in other processes give the same bytes is tested with Dask's in `test_elsewhere.py`."""
    return pytest.param(name, marks=[pytest.mark.slow, *([NEEDS_RAY] if name == "ray" else [])])


@pytest.fixture(scope="module", params=["threads", slow("processes"), slow("dask"), slow("ray")])
def ended(
    request: pytest.FixtureRequest, started_server: Server, untrained: Project, tmp_path_factory: pytest.TempPathFactory
) -> Ended:
    """Both flows on one task runner."""
    project = copy(untrained, tmp_path_factory.mktemp(request.param) / "project")
    project.configure({"run": {"runner": request.param, "workers": 2}})
    with using(started_server):
        trained, who = write(train.run(project.workspace)), leavers(project)
        project.request(*who)
        (report,) = write(erase.run(project.workspace, [], replay=True))
    return Ended(project, who, trained, report, registered(project))


def made(project: Project) -> dict[str, Any]:
    """Everything but what DVC says: the loop's project also ran the stages that only `dvc repro` runs."""
    return {name: value for name, value in project.outcome().items() if name != "dvc"}


def test_every_task_runner_gives_the_bytes_of_a_plain_loop(ended: Ended, plain: Ended) -> None:
    assert ended.trained["version"] == 1
    assert made(ended.project) == made(plain.project)
    assert ended.registered == plain.registered
    assert [model["replay_equal"] for model in ended.report["models"]] == [True]
    assert ended.project.champion == 2


@pytest.mark.parametrize("name", [slow("processes"), slow("dask"), slow("ray")])
def test_jobs_of_a_step_give_the_same_bytes_in_other_processes(
    name: str, server: Server, template: Project, untrained: Project, tmp_path: Path
) -> None:
    elsewhere = copy(untrained, tmp_path / name)
    [expected] = [record.trained for record in template.workspace.lineage.models()]

    @flow(name=f"fit on {name}", task_runner=runners.runner(Run(runner=name, workers=2)), persist_result=False)
    def fit(root: str) -> Trained:
        work = stages.load(open_workspace(Path(root)))
        return step("fit", lambda: stages.fit(work, map=mapped))

    trained = fit(str(elsewhere.root))

    assert [(part.shard, part.key, part.digest) for part in trained.parts] == [
        (part.shard, part.key, part.digest) for part in expected.parts
    ]
    assert len(trained.parts) == 4
    jobs = [task for task in server.task_runs(server.flow_runs(f"fit on {name}")[-1].id) if task.name != "fit"]
    assert sorted(job.name for job in jobs) == JOBS
    assert {job.state_name for job in jobs} == {"Completed"}


def test_a_run_shows_one_task_a_step_and_one_a_job(ended: Ended, server: Server) -> None:
    training, erasing = server.flow_runs("train")[-1], server.flow_runs("erase")[-1]

    assert (training.name, erasing.name) == ("train", "erase")
    assert {training.state_name, erasing.state_name} == {"Completed"}
    names = [task.name for task in server.task_runs(erasing.id)]
    assert [name for name in names if not name.startswith("shard-")] == STEPS
    assert sorted(name for name in names if name.startswith("shard-")) == sorted([*TOUCHED, *TOUCHED])
    assert [task.name for task in server.task_runs(training.id)][:2] == ["load", "fit"]
    assert {task.state_name for task in server.task_runs(erasing.id)} == {"Completed"}


def test_a_run_leaves_a_summary_of_tables_as_an_artifact(ended: Ended, server: Server) -> None:
    (summary,) = [text for text in server.artifacts("erasure") if ended.report["erasure_id"] in text]

    assert "| check | value | threshold | verdict |" in summary
    assert "| alias champion | outcome/1 → outcome/2 |" in summary
    assert any("| utility | " in text for text in server.artifacts("training"))


def test_prefect_keeps_nothing_of_a_person(ended: Ended, server: Server) -> None:
    kept = server.bytes()
    tokens = [ended.project.token(one) for one in ended.who]
    assert ended.report["erasure_id"].encode() in kept, "the search finds what is there"
    assert not [one for one in (*ended.who, *tokens) if one.encode() in kept]
    assert not [path for path in TABLES if set(ended.who) & set(ended.project.people(path))]


@pytest.mark.parametrize("name", ["dask", "ray"])
def test_a_cluster_that_is_not_installed_says_how_to_install_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, f"prefect_{name}", None)

    with pytest.raises(SettingsError, match=rf"'mlflow-unlearning\[{name}\]'"):
        runners.runner(Run(runner=name))


@pytest.mark.parametrize(
    "given",
    [
        {"runner": "threads", "cluster": "tcp://scheduler:8786"},
        {"runner": "processes", "resources": {"GPU": 1}},
        {"runner": "ray", "cluster": "tcp://head:10001"},
        {"runner": "dask", "cluster": "scheduler"},
        {"runner": "dask", "resources": {"GPU": 0}},
        {"spool": "relative/folder"},
    ],
)
def test_a_cluster_that_cannot_be_one_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected|should"):
        Run(**given)
