"""Jobs on Dask workers that share nothing with the project but a bucket: the bytes that a loop here gives, or a clear error."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests import warm
from tests.buckets import contents, serving
from tests.entrypoints.flows.conftest import NEEDS_RAY, ROOT, Server, beside, unlearn, until
from tests.servers import free_port
from tests.small_project import TABLES, Project, copy
from unlearning.domain.chain import Trained
from unlearning.domain.errors import Refused, SettingsError, Unavailable, UnlearningError
from unlearning.entrypoints.flows import runners, steps, train
from unlearning.project import preflight
from unlearning.project.settings import Run
from unlearning.project.training import stages
from unlearning.stores import sealed
from unlearning.traces import deletion, sweep, within_reach

pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]

APART = """
import os, sys

def no_project(event, arguments):
    if event == "open" and str(arguments[0]).startswith(os.environ["NOT_HERE"]):
        raise PermissionError("another machine has no such folder")

sys.addaudithook(no_project)
"""
GUARD = f"""
{APART}
import unlearning.learners.torch.learner as torch_learner

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
    """A scheduler of this process, workers each a process in a folder of its own, and a bucket."""

    def __init__(self, folder: Path, client: Any, project: Project, server: Server, stack: contextlib.ExitStack) -> None:
        from distributed import LocalCluster

        self.folder, self.client, self.project, self.server, self.stack = folder, client, project, server, stack
        self.bucket = _bucket(client)
        (folder / "guard.py").write_text(GUARD)
        own = {"n_workers": 0, "processes": False, "protocol": "tcp://", "host": "127.0.0.1", "dashboard_address": None}
        more = {"scheduler_kwargs": {"dashboard_address": "127.0.0.1:0"}}
        self.scheduler = stack.enter_context(LocalCluster(**own, **more))  # type: ignore[no-untyped-call]
        self.address = str(self.scheduler.scheduler_address)

    def workers(self, *each: Mapping[str, str], resources: str = "") -> None:
        """resources: of those that say nothing else."""
        before, logs = self.count(), list[Path]()
        for number, environment in enumerate(each, start=before):
            own = self.folder / f"worker {number}"
            own.mkdir()
            # torch asks for its instructions when it is imported
            python = sys.executable if "ATEN_CPU_CAPABILITY" in environment else warm.python()
            command = [python, "-m", "distributed.cli.dask_worker", self.address, "--name", str(number), "--no-nanny"]
            command += ["--nthreads", "1", "--no-dashboard", "--local-directory", str(own / "scratch")]
            command += ["--preload", str(self.folder / "guard.py")]
            if declared := environment.get("RESOURCES", resources):
                command += ["--resources", declared]
            apart = {"HOME": str(own), "NOT_HERE": str(self.project.root), **self.server.environment, **environment}
            logs.append(self.stack.enter_context(beside(command, own / "log", apart, cwd=own)))
        until(lambda: self.count() == before + len(each), log=logs)

    def count(self) -> int:
        return len(self.scheduler.scheduler.workers)

    def configure(self, **run: Any) -> None:
        spool, checkpoints = f"s3://{self.bucket}/spool", f"s3://{self.bucket}/checkpoints"
        self.project.configure(
            {
                "run": {"runner": "dask", "cluster": self.address, "spool": spool, **run},
                "stores": {"checkpoints": checkpoints},
            }
        )

    def spooled(self) -> list[str]:
        return spooled(self.client, self.bucket)


def spooled(client: Any, bucket: str) -> list[str]:
    """What lies at the spool besides the project's mark."""
    return [key for key in contents(client, bucket) if key.startswith("spool/") and not key.endswith("/spool")]


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with serving() as (address, client), pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", address)
        yield client


@pytest.fixture
def cluster(server: Server, untrained: Project, s3: Any, tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "cluster").mkdir()
    with contextlib.ExitStack() as stack:
        yield Cluster(tmp_path / "cluster", s3, copy(untrained, tmp_path / "project"), server, stack)


@pytest.fixture(scope="module")
def here(template: Project) -> Trained:
    """The same training in a loop, with a memory map."""
    return registered(template)


def parts(trained: Trained) -> list[tuple[int, str, str]]:
    return [(part.shard, part.key, part.digest) for part in trained.parts]


def registered(project: Project) -> Trained:
    [record] = project.workspace.lineage.models()
    return record.trained


def test_two_workers_elsewhere_give_the_bytes_of_a_loop_here_and_keep_no_key(
    cluster: Cluster, here: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A third dies with its shard half trained and is replaced; a fourth declares no GPU and gets no job."""
    cluster.workers({"DIES": "yes"}, {}, {}, {"DIES": "yes", "RESOURCES": "MEMORY=1"}, resources="GPU=1")
    cluster.configure(resources={"GPU": 1})
    keys, draw = list[str](), secrets.token_hex
    monkeypatch.setattr(secrets, "token_hex", lambda size=None: keys.append(draw(size)) or keys[-1])

    train.run(cluster.project.workspace)

    assert parts(registered(cluster.project)) == parts(here)
    assert cluster.count() == 3
    assert cluster.spooled() == []
    drawn = [key.encode() for key in keys if len(key) == 64]
    assert len(drawn) >= 2, "one to try the spool with, one for the training"
    files = [file for folder in (cluster.folder, cluster.project.root) for file in folder.rglob("*") if file.is_file()]
    assert not [file for file in files for key in drawn if key in file.read_bytes()]
    assert not [key for key in drawn if key in cluster.server.bytes()]


@pytest.mark.slow
def test_when_the_last_worker_dies_nothing_is_registered(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of workers that declare nothing; where resources are asked for it is tested in every run."""
    monkeypatch.setattr(steps, "_LOOK_SECONDS", 1)
    cluster.workers({"DIES": "yes"})
    cluster.configure()
    with pytest.raises(Unavailable, match=r"worker.*run again"):
        train.run(cluster.project.workspace)
    assert cluster.project.workspace.lineage.models() == []
    assert cluster.spooled() == []


@pytest.mark.slow
def test_what_a_cluster_refuses_or_loses_leaves_nothing_and_the_next_run_goes_on(
    cluster: Cluster, here: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One worker computes with another engine, the other one dies; each is chosen by what it declares."""
    monkeypatch.setattr(steps, "_LOOK_SECONDS", 1)
    cluster.workers({"DIES": "yes", "RESOURCES": "GPU=1"}, {"ATEN_CPU_CAPABILITY": "default", "RESOURCES": "OLD=1"})
    with pytest.raises(Unavailable, match="no worker that declares GPU=2, of 2"):
        runners.runner(Run(runner="dask", cluster=cluster.address, resources={"GPU": 2}))

    cluster.configure(resources={"OLD": 1})
    with pytest.raises(Refused, match=r"another engine.*instructions DEFAULT where the training began with"):
        train.run(cluster.project.workspace)
    assert [*cluster.project.workspace.checkpoints.keys()] == []
    assert cluster.project.workspace.lineage.models() == []
    assert (cluster.count(), cluster.spooled()) == (2, [])

    # Nobody waits for the worker that is left: it does not have what the jobs need.
    cluster.configure(resources={"GPU": 1})
    with pytest.raises(Unavailable, match=r"that declares GPU=1 is gone.*run again"):
        train.run(cluster.project.workspace)
    assert cluster.count() == 1
    assert cluster.project.workspace.lineage.models() == []
    assert cluster.spooled() == []

    cluster.project.configure({"run": {"runner": "threads", "cluster": None, "resources": {}}})
    train.run(cluster.project.workspace)
    assert parts(registered(cluster.project)) == parts(here)


@pytest.mark.slow
@NEEDS_RAY
def test_a_ray_cluster_elsewhere_gives_the_bytes_of_a_loop_here(
    server: Server, untrained: Project, here: Trained, s3: Any, tmp_path: Path
) -> None:
    """By its client server and with its token, from processes of their own: Ray keeps what it once read of its environment."""
    project, own, bucket = copy(untrained, tmp_path / "project"), tmp_path / "ray", _bucket(s3)
    own.mkdir()
    (own / "sitecustomize.py").write_text(APART)
    ports = [f"--{name}={free_port()}" for name in ("port", "ray-client-server-port")]
    address = f"ray://127.0.0.1:{ports[1].partition('=')[2]}"
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", *ports, "--num-cpus=2"]
    command += ["--node-ip-address=127.0.0.1", "--include-dashboard=false", '--resources={"LARGE": 2}']
    known = {**server.environment, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    apart = {"HOME": str(own), "NOT_HERE": str(project.root), "PYTHONPATH": f"{own}:{ROOT}", "GRPC_ENABLE_FORK_SUPPORT": "0"}
    run = {"runner": "ray", "cluster": address, "spool": f"s3://{bucket}/spool", "resources": {"CPU": 1, "LARGE": 3}}
    project.configure({"run": run, "stores": {"checkpoints": f"s3://{bucket}/checkpoints"}})
    with beside(command, own / "log", {**known, **apart}, cwd=own):
        until(lambda: "Ray runtime started" in (own / "log").read_text(), log=[own / "log"])
        logs = Path("/tmp/ray/session_latest/logs").resolve()
        refused = unlearn(project.root, "train", environment=known)
        project.configure({"run": {"resources": {"CPU": 1, "LARGE": 1}}})
        trained = unlearn(project.root, "train", environment=known)
    assert refused.returncode != 0
    assert "no worker that declares CPU=1, LARGE=3, of 1" in refused.stderr
    assert trained.returncode == 0, trained.stderr
    assert parts(registered(project)) == parts(here)
    assert spooled(s3, bucket) == []
    written = b"".join(file.read_bytes() for file in logs.rglob("*") if file.is_file())
    assert all(f"shard-{part.shard}".encode() in written for part in here.parts), "the search finds what is there"
    people = project.people(TABLES[0])
    assert not [one for one in (*people, *map(project.token, people)) if one.encode() in written]


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


def test_an_erasure_with_a_spool_in_a_bucket_leaves_it_empty_and_the_search_says_what_it_saw(project: Project, s3: Any) -> None:
    bucket = _bucket(s3)
    url = f"s3://{bucket}/spool"
    project.configure({"run": {"spool": url}})
    (asked,) = project.request(project.cells()[1, 0][0])
    [report] = project.erase(asked.request_id)
    assert report["models"][0]["replay_equal"] in (None, True)
    assert project.champion == 2
    assert spooled(s3, bucket) == []
    assert _said(project) == ("verified", 0)

    spool = project.workspace.sealed_spool(url)
    sealed.write(f"{spool.folder}/3-0123456789abcdef/0", "ab" * 32, stages.load(project.workspace).retain.records, {})
    project.configure({"run": {"spool": None}})
    assert _said(project) == ("residual", 1)
    deletion.again(project.workspace, [project.token("nobody")])
    assert spooled(s3, bucket) == []
    assert _said(project) == ("verified", 0)

    with spool.opened() as (address, key):
        sealed.write(f"{address}/0", key, stages.load(project.workspace).retain.records, {})
        assert _said(project) == ("unverified", 1)
    s3.delete_object(Bucket=bucket, Key=f"{spool.folder.removeprefix(f's3://{bucket}/')}/spool")
    assert _said(project) == ("unverified", None)


def _said(project: Project) -> tuple[str, int | None]:
    """Outcome and count of the one sealed spool that this project used."""
    found = sweep.sweep(project.workspace, within_reach.erased(project.workspace))
    [place] = [one for one in found.places if "sealed records" in one.place]
    assert place.place.endswith("/spool")
    return place.outcome, place.count


def _bucket(client: Any) -> str:
    name = f"bucket-{os.urandom(4).hex()}"
    client.create_bucket(Bucket=name)
    return name
