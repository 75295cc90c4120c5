"""Two Dask workers against one: the same training, its sealed records and its checkpoints in a bucket on loopback.

    python -m benchmarks elsewhere

Each run is a process with a cluster of its own, whose workers are processes of one thread that have imported what they need; a
Prefect server and the bucket answer from other processes, as they would in a team.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from benchmarks import growth
from benchmarks.overhead import QUIET, ROOT
from benchmarks.report import Section, say
from tests.buckets import serving
from tests.servers import prefect_server
from tests.small_project import Project

ROWS, EPOCHS, WIDTH = 100_000, 40, 256
AIM = 1.7


def section() -> Section:
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        spent = measure(Path(scratch))
    rows = [
        (f"{workers} {'worker' if workers == 1 else 'workers'}", f"{seconds:.1f}", f"{spent[1] / seconds:.2f}", aim)
        for (workers, seconds), aim in zip(spent.items(), ("", f"≥ {AIM}"), strict=True)
    ]
    return Section(
        "Workers elsewhere",
        f"{ROWS:,} rows in {growth.SHARDS} shards of {growth.SLICES} slices, {EPOCHS} epochs of a perceptron of twice {WIDTH} "
        "units: from sealing the records until the last checkpoint is read again.",
        ("", "seconds", "× as fast", "aim"),
        rows,
    )


def measure(folder: Path) -> dict[int, float]:
    """Number of workers → seconds of one training by them."""
    project = folder / "project"
    growth.make(project, ROWS)
    small = "nn.Linear(features, 16), nn.ReLU(), nn.Linear(16, labels)"
    large = f"nn.Linear(features, {WIDTH}), nn.ReLU(), nn.Linear({WIDTH}, {WIDTH}), nn.ReLU(), nn.Linear({WIDTH}, labels)"
    text = growth.RECIPE.replace(small, large).replace(f"epochs={growth.EPOCHS}", f"epochs={EPOCHS}")
    (project / "recipes/growth.py").write_text(text, "utf-8")
    found = {}
    with serving() as (bucket, client), prefect_server(folder / "prefect") as prefect:
        client.create_bucket(Bucket="elsewhere")
        services = {"AWS_ENDPOINT_URL": bucket, "PREFECT_API_URL": prefect, "PREFECT_HOME": str(folder / "home")}
        for workers in (1, 2):
            command = [sys.executable, "-m", "benchmarks.elsewhere", str(project), str(workers)]
            environment = {**os.environ, **QUIET, **services, "PYTHONPATH": str(ROOT)}
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
            found[workers] = float(done.stdout.splitlines()[-1])
            say(f"    {workers} at work: {found[workers]:.1f} s")
    return found


def train(root: Path, workers: int) -> float:
    """Seconds of one training by so many workers, from nothing."""
    import dask
    from distributed import Client, LocalCluster
    from prefect import flow

    from unlearning.domain.environ import ONE_THREAD
    from unlearning.entrypoints.flows import runners
    from unlearning.entrypoints.flows.steps import mapped, step
    from unlearning.project.training import stages

    dask.config.set({"distributed.nanny.pre-spawn-environ": dict(ONE_THREAD)})
    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster:
        with Client(cluster, set_as_default=False) as client:
            client.run(import_module, "unlearning.learners.torch")
        address = cluster.scheduler_address
        stores = {"checkpoints": f"s3://elsewhere/checkpoints-{workers}"}
        Project(root).configure(
            {"run": {"runner": "dask", "cluster": address, "spool": "s3://elsewhere/spool"}, "stores": stores}
        )
        workspace = Project(root).workspace

        @flow(name="fit", task_runner=runners.runner(workspace.settings.run), persist_result=False)
        def fit() -> float:
            work = stages.load(workspace)
            began = time.perf_counter()
            trained = step("fit", lambda: stages.fit(work, map=mapped))
            if trained.shards_trained != growth.SHARDS:
                raise RuntimeError(f"{trained.shards_trained} shards were trained; expected {growth.SHARDS}")
            return time.perf_counter() - began

        return fit()


if __name__ == "__main__":
    print(train(Path(sys.argv[1]), int(sys.argv[2])))
