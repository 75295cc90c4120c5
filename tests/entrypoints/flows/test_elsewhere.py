"""Jobs on Dask workers that share nothing with the project but a bucket: the bytes that a loop here gives, or a clear error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.buckets import contents, serving
from tests.entrypoints.flows.conftest import ROOT, Server
from tests.small_project import Project, copy
from unlearning.domain.chain import Trained
from unlearning.domain.errors import Refused, SettingsError, Unavailable, UnlearningError
from unlearning.entrypoints.flows import runners, steps, train
from unlearning.project import preflight
from unlearning.project.settings import Run
from unlearning.project.training import stages
from unlearning.stores import sealed
from unlearning.traces.places.folders import SealedSpoolPlace
from unlearning.traces.within_reach import Reach

pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]

GUARD = """
import os, sys
import unlearning.learners.torch.learner as torch_learner

def no_project(event, arguments):
    if event == "open" and str(arguments[0]).startswith(os.environ["NOT_HERE"]):
        raise PermissionError("another machine has no such folder")

sys.addaudithook(no_project)

if os.environ.get("DIES"):
    fit, calls = torch_learner.TorchLearner.fit, []

    def dies(self, *arguments, **named):
        calls.append(1)
        if len(calls) > 1:
            os._exit(9)
        return fit(self, *arguments, **named)

    torch_learner.TorchLearner.fit = dies
"""
"""Loaded by every worker: it cannot open the project's folder, and may die with its first shard half trained."""


class Cluster:
    """A scheduler, workers each in a folder of its own, and a bucket."""

    def __init__(self, folder: Path, client: Any, project: Project) -> None:
        self.folder, self.client, self.project = folder, client, project
        self.bucket = f"elsewhere-{os.urandom(4).hex()}"
        client.create_bucket(Bucket=self.bucket)
        self.processes: list[subprocess.Popen[bytes]] = []
        (folder / "guard.py").write_text(GUARD)
        file = folder / "scheduler.json"
        self.start("scheduler", "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        self.wait(file.exists)
        self.address = json.loads(file.read_text())["address"]

    def start(self, name: str, command: str, *arguments: str, **environment: str) -> None:
        own = self.folder / name
        own.mkdir()
        variables = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(own), "NOT_HERE": str(self.project.root), **environment}
        line = [sys.executable, "-m", f"distributed.cli.{command}", *arguments, "--no-dashboard"]
        with (own / "log").open("wb") as log:
            self.processes.append(subprocess.Popen(line, cwd=own, env=variables, stdout=log, stderr=log))

    def workers(self, *each: Mapping[str, str], resources: str = "") -> None:
        more = ["--resources", resources] if resources else []
        for number, environment in enumerate(each):
            named = ["--name", str(number), "--no-nanny", "--nthreads", "1", "--preload", str(self.folder / "guard.py")]
            folder = ["--local-directory", str(self.folder / f"worker {number}" / "scratch")]
            self.start(f"worker {number}", "dask_worker", self.address, *named, *folder, *more, **environment)
        self.wait(lambda: self.count() == len(each))

    def count(self) -> int:
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            return len(client.scheduler_info(n_workers=-1)["workers"])

    def wait(self, until: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 120
        while not until():
            assert time.monotonic() < deadline, [log.read_text() for log in self.folder.glob("*/log")]
            time.sleep(0.2)

    def configure(self, **run: Any) -> None:
        spool, checkpoints = f"s3://{self.bucket}/spool", f"s3://{self.bucket}/checkpoints"
        self.project.configure(
            {
                "run": {"runner": "dask", "cluster": self.address, "spool": spool, **run},
                "stores": {"checkpoints": checkpoints},
            }
        )

    def spooled(self) -> list[str]:
        return [key for key in contents(self.client, self.bucket) if key.startswith("spool/") and not key.endswith("/spool")]


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with serving() as (address, client), pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", address)
        yield client


@pytest.fixture
def cluster(server: Server, untrained: Project, s3: Any, tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "cluster").mkdir()
    made = Cluster(tmp_path / "cluster", s3, copy(untrained, tmp_path / "project"))
    try:
        yield made
    finally:
        for process in reversed(made.processes):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def here(untrained: Project, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The same training in a loop, with a memory map."""
    return stages.fit(stages.load(copy(untrained, tmp_path_factory.mktemp("here") / "project").workspace))


def parts(trained: Trained) -> list[tuple[int, str, str]]:
    return [(part.shard, part.key, part.digest) for part in trained.parts]


def registered(project: Project) -> Trained:
    [record] = project.workspace.lineage.models()
    return record.trained


def test_two_workers_elsewhere_give_the_bytes_of_a_loop_here(cluster: Cluster, here: Trained) -> None:
    cluster.workers({}, {}, resources="GPU=1")
    cluster.configure(resources={"GPU": 1})

    train.run(cluster.project.workspace)

    assert parts(registered(cluster.project)) == parts(here)
    assert cluster.spooled() == []


def test_a_worker_that_dies_with_its_shard_half_trained_is_replaced_by_another(cluster: Cluster, here: Trained) -> None:
    cluster.workers({"DIES": "yes"}, {})
    cluster.configure()

    train.run(cluster.project.workspace)

    assert parts(registered(cluster.project)) == parts(here)
    assert cluster.count() == 1
    assert cluster.spooled() == []


def test_when_the_last_worker_dies_nothing_is_registered_and_the_next_run_goes_on(
    cluster: Cluster, here: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "_LOOK_SECONDS", 1)
    cluster.workers({"DIES": "yes"})
    cluster.configure()
    with pytest.raises(Unavailable, match=r"worker.*run again"):
        train.run(cluster.project.workspace)
    assert cluster.project.workspace.lineage.models() == []
    assert cluster.spooled() == []

    cluster.project.configure({"run": {"runner": "threads", "cluster": None}})
    train.run(cluster.project.workspace)
    assert parts(registered(cluster.project)) == parts(here)


def test_a_worker_with_another_engine_is_refused_before_it_stores_anything(cluster: Cluster) -> None:
    cluster.workers({"ATEN_CPU_CAPABILITY": "default"})
    cluster.configure()
    with pytest.raises(Refused, match=r"another engine.*instructions DEFAULT where the training began with"):
        train.run(cluster.project.workspace)
    assert [*cluster.project.workspace.checkpoints.keys()] == []
    assert cluster.project.workspace.lineage.models() == []
    assert cluster.spooled() == []


def test_resources_that_no_worker_declares_are_refused_at_the_start(cluster: Cluster) -> None:
    cluster.workers({}, resources="GPU=1")
    with pytest.raises(Unavailable, match="no worker that declares GPU=2, of 1"):
        runners.runner(Run(runner="dask", cluster=cluster.address, resources={"GPU": 2}))


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "tcp://10.255.255.1:8786"])
def test_a_cluster_that_does_not_answer_or_that_prefect_cannot_hear_is_refused(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runners, "_PATIENCE_SECONDS", 1)
    for name in ("PREFECT_API_URL", "PREFECT_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UnlearningError, match=r"does not answer|report to Prefect"):
        runners.runner(Run(runner="dask", cluster=address))


def test_a_spool_that_cannot_be_written_is_refused_and_nothing_changes(untrained: Project, s3: Any, tmp_path: Path) -> None:
    project = copy(untrained, tmp_path / "project")
    for spool, said in (("s3://nobody-made-this/spool", "reachable and writable"), ("nosuch://x/spool", "run.spool")):
        project.configure({"run": {"spool": spool}})
        with pytest.raises(UnlearningError, match=said):
            preflight.require(project.workspace, preflight.TRAINING)
    cluster = {"runner": "dask", "cluster": "tcp://10.0.0.1:8786"}
    project.configure({"run": {**cluster, "spool": f"s3://{_bucket(s3)}/spool"}})
    with pytest.raises(SettingsError, match=r"stores\.checkpoints is '\.unlearning/checkpoints', a folder of this machine"):
        preflight.require(project.workspace, preflight.TRAINING)
    assert project.workspace.lineage.models() == []
    assert sealed.used(project.root) == []


def test_what_a_killed_training_left_is_found_and_purged_also_once_another_address_is_used(
    untrained: Project, s3: Any, tmp_path: Path
) -> None:
    project, url = copy(untrained, tmp_path / "project"), f"s3://{_bucket(s3)}/spool"
    project.configure({"run": {"spool": url}})
    trained = stages.fit(stages.load(project.workspace))
    assert trained.parts
    spool = project.workspace.sealed_spool(url)
    one = stages.load(project.workspace).retain.records
    sealed.write(f"{spool.folder}/3-0123456789abcdef/0", "ab" * 32, one, {})
    project.configure({"run": {"spool": None}})

    reach = Reach(project.workspace)
    [place] = [one for one in reach.places() if isinstance(one, SealedSpoolPlace)]
    found = place.find(reach.wanted([]))
    assert [trace.name for trace in found.traces] == ["3-0123456789abcdef"]
    assert place.erase(found.traces) == ()
    assert place.find(reach.wanted([])).traces == ()


def _bucket(client: Any) -> str:
    name = f"bucket-{os.urandom(4).hex()}"
    client.create_bucket(Bucket=name)
    return name
