"""Name → Prefect task runner: where jobs run. The bytes that come out are the same from each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

from unlearning.domain.environ import ONE_THREAD, PREFECT_API_URL
from unlearning.domain.errors import SettingsError, Unavailable
from unlearning.stores import prefect_rows

if TYPE_CHECKING:
    from unlearning.project.settings import Run

_PATIENCE_SECONDS = 10
_HERE = ("127.0.0.1", "localhost", "::1")


def runner(run: Run) -> TaskRunner[Any]:
    """The task runner of `run` in params.yaml; threads by default, since torch releases the interpreter's lock.

    Raises Unavailable for a cluster that does not answer, or has no worker with the resources that a job asks for: such a job
    would wait for ever.
    """
    if run.runner == "threads":
        return ThreadPoolTaskRunner(max_workers=run.workers)
    if run.runner == "processes":
        return ProcessPoolTaskRunner(max_workers=run.workers)
    return _dask(run)


@contextmanager
def asking(run: Run) -> Iterator[None]:
    """Within: every job asks for the resources that params.yaml names."""
    if not run.resources:
        yield
        return
    import dask

    with dask.annotate(resources=dict(run.resources)):  # type: ignore[attr-defined]
        yield


def lost(error: BaseException, shard: int) -> BaseException:
    """What ended a job, for the user: workers that died say nothing themselves."""
    if type(error).__name__ not in ("KilledWorker", "BrokenProcessPool", "NoValidWorkerError", "FutureCancelledError"):
        return error
    return Unavailable(
        f"shard {shard}: the workers that trained it died ({type(error).__name__}), with too little memory for example; "
        "nothing is registered, and what they stored is used. Start the workers again, and run again: it goes on there"
    )


def require_workers(at_work: TaskRunner[Any] | None) -> None:
    """Raises Unavailable when a Dask cluster has lost its last worker: the scheduler would wait for ever for another one."""
    client = getattr(at_work, "client", None)
    if client is not None and not client.scheduler_info(n_workers=-1)["workers"]:
        raise Unavailable(
            "every worker of the Dask cluster is gone, and jobs of theirs are not done; nothing is registered, and what they "
            "stored is used. Start the workers again, and run again: it goes on there"
        )


def _dask(run: Run) -> TaskRunner[Any]:
    try:
        import dask
        from prefect_dask import DaskTaskRunner
    except ImportError as error:
        raise SettingsError(
            "run.runner is dask, which is not installed; run `pip install 'mlflow-unlearning[dask]'`"
        ) from error
    if run.cluster:
        _check_cluster(run.cluster, run.resources)
        there: TaskRunner[Any] = DaskTaskRunner(address=run.cluster)
        return there
    # Dask's nanny makes every worker give memory back after each operation, which slows torch to half its speed.
    dask.config.set({"distributed.nanny.pre-spawn-environ": dict(ONE_THREAD)})
    made: TaskRunner[Any] = DaskTaskRunner(
        cluster_kwargs={
            "n_workers": run.workers,
            "threads_per_worker": 1,
            "dashboard_address": None,
            # Without a dashboard there still is a page, on a port that the next cluster would fight for.
            "scheduler_kwargs": {"dashboard_address": "127.0.0.1:0"},
            # On one machine `workers` says how many jobs run at a time.
            **({"resources": dict(run.resources)} if run.resources else {}),
        }
    )
    return made


def _check_cluster(address: str, resources: Mapping[str, float]) -> None:
    from distributed import Client

    if urlsplit(address).hostname not in _HERE and prefect_rows.named(os.environ) is None:
        raise SettingsError(
            f"workers of {address} report to Prefect, and the embedded server of a command answers this machine only; start "
            f"one that they reach, and name it in {PREFECT_API_URL}"
        )
    try:
        with Client(address, timeout=_PATIENCE_SECONDS, set_as_default=False) as client:
            workers = client.scheduler_info(n_workers=-1)["workers"].values()
    except (OSError, ValueError) as error:
        raise Unavailable(
            f"the Dask scheduler at {address} does not answer ({type(error).__name__}); start it, or correct run.cluster"
        ) from error
    able = [one for one in workers if all(one["resources"].get(name, 0) >= much for name, much in resources.items())]
    if not able:
        asked = f" that declares {', '.join(f'{name}={much:g}' for name, much in resources.items())}" if resources else ""
        raise Unavailable(f"{address} has no worker{asked}, of {len(workers)}; start one, or correct run.resources")
