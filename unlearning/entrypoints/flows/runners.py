"""Name → Prefect task runner: where jobs run. The bytes that come out are the same from each."""

from __future__ import annotations

from typing import Any

from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

from unlearning.domain.environ import ONE_THREAD
from unlearning.domain.errors import SettingsError


def runner(name: str, workers: int) -> TaskRunner[Any]:
    """The task runner of `run.runner` in params.yaml; threads by default, since torch releases the interpreter's lock."""
    if name == "threads":
        return ThreadPoolTaskRunner(max_workers=workers)
    if name == "processes":
        return ProcessPoolTaskRunner(max_workers=workers)
    if name == "dask":
        return _dask(workers)
    raise SettingsError(f"run.runner is {name!r}; expected threads, processes or dask")


def _dask(workers: int) -> TaskRunner[Any]:
    try:
        import dask
        from prefect_dask import DaskTaskRunner
    except ImportError as error:
        raise SettingsError(
            "run.runner is dask, which is not installed; run `pip install 'mlflow-unlearning[dask]'`"
        ) from error
    # Dask's nanny makes every worker give memory back after each operation, which slows torch to half its speed.
    dask.config.set({"distributed.nanny.pre-spawn-environ": dict(ONE_THREAD)})
    made: TaskRunner[Any] = DaskTaskRunner(
        cluster_kwargs={
            "n_workers": workers,
            "threads_per_worker": 1,
            "dashboard_address": None,
            # Without a dashboard there still is a page, on a port that the next cluster would fight for.
            "scheduler_kwargs": {"dashboard_address": "127.0.0.1:0"},
        }
    )
    return made
