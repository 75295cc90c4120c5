"""Name → Prefect task runner: where jobs run. The bytes that come out are the same from each."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from types import MappingProxyType
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
_DIED = frozenset(
    {
        *("BrokenProcessPool", "FutureCancelledError", "KilledWorker", "NoValidWorkerError"),
        *("LocalRayletDiedError", "NodeDiedError", "OutOfMemoryError", "WorkerCrashedError"),
    }
)
"""How a pool, Dask and Ray call it."""
_RAY_OPTIONS = {"CPU": "num_cpus", "GPU": "num_gpus", "memory": "memory"}
"""What Ray counts itself; everything else is a resource of the user's own."""
_GO_ON = "nothing is registered, and what they stored is used. Start the workers again, and run again: it goes on there"

_asked: ContextVar[Mapping[str, float]] = ContextVar("asked", default=MappingProxyType({}))


def runner(run: Run) -> TaskRunner[Any]:
    """The task runner of `run` in params.yaml; threads by default, since torch releases the interpreter's lock.

    Raises Unavailable for a cluster that does not answer, or has no worker with the resources that a job asks for: such a job
    would wait for ever.
    """
    if run.runner == "threads":
        return ThreadPoolTaskRunner(max_workers=run.workers)
    if run.runner == "processes":
        return ProcessPoolTaskRunner(max_workers=run.workers)
    made = {"dask": _dask, "ray": _ray}[run.runner]
    try:
        return made(run)
    except ImportError as error:
        raise SettingsError(
            f"run.runner is {run.runner}, which is not installed; run `pip install 'mlflow-unlearning[{run.runner}]'`"
        ) from error


@contextmanager
def asking(run: Run) -> Iterator[None]:
    """Within: every job asks for the resources that params.yaml names."""
    token = _asked.set(run.resources)
    try:
        with _options(run) if run.resources else nullcontext():
            yield
    finally:
        _asked.reset(token)


def lost(error: BaseException, shard: int) -> BaseException:
    """What ended a job, for the user: workers that died say nothing themselves."""
    kind = type(error).__name__
    if kind not in _DIED:
        return error
    return Unavailable(
        f"shard {shard}: the workers that trained it died ({kind}), with too little memory for example; {_GO_ON}"
    )


def require_workers(at_work: TaskRunner[Any] | None) -> None:
    """Raises Unavailable when a cluster has lost the last worker that can do a job: it would wait for ever for another one."""
    offers = _offers(at_work)
    if offers is not None and not _able(offers, _asked.get()):
        raise Unavailable(
            f"every worker of the cluster that could do the jobs{_said(_asked.get())} is gone, and jobs are not done; {_GO_ON}"
        )


def _dask(run: Run) -> TaskRunner[Any]:
    import dask
    from distributed import Client
    from prefect_dask import DaskTaskRunner

    if run.cluster:
        _require_prefect(run.cluster)
        with _answering(run.cluster), Client(run.cluster, timeout=_PATIENCE_SECONDS, set_as_default=False) as client:
            offers = _of_dask(client)
        _require_able(run, offers)
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


def _ray(run: Run) -> TaskRunner[Any]:
    import ray
    from prefect_ray import RayTaskRunner

    quiet = {"log_to_driver": False, "logging_level": "critical"}
    if run.cluster:
        _require_prefect(run.cluster)
        with _answering(run.cluster), ray.init(run.cluster, **quiet):
            offers = _of_ray(ray)
        _require_able(run, offers)
        there: TaskRunner[Any] = RayTaskRunner(address=run.cluster, init_kwargs=quiet)
        return there
    # On one machine `workers` says how many jobs run at a time, each with as much as it asks for.
    own = {name: run.workers * much for name, much in run.resources.items() if name not in _RAY_OPTIONS}
    made: TaskRunner[Any] = RayTaskRunner(
        init_kwargs={**quiet, "num_cpus": run.workers, "include_dashboard": False, "resources": own}
    )
    return made


@contextmanager
def _options(run: Run) -> Iterator[None]:
    """What the cluster's own way of asking for resources is told."""
    if run.runner == "dask":
        import dask

        with dask.annotate(resources=dict(run.resources)):  # type: ignore[attr-defined]
            yield
        return
    from prefect_ray.context import remote_options

    own = {name: much for name, much in run.resources.items() if name not in _RAY_OPTIONS}
    known = {_RAY_OPTIONS[name]: much for name, much in run.resources.items() if name in _RAY_OPTIONS}
    with remote_options(**known, resources=own):
        yield


Offers = Sequence[Mapping[str, float]]
"""What each worker, or node, that lives declares."""


def _of_dask(client: Any) -> Offers:
    return [one["resources"] for one in client.scheduler_info(n_workers=-1)["workers"].values()]


def _of_ray(ray: Any) -> Offers:
    return [node["Resources"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]


def _offers(at_work: TaskRunner[Any] | None) -> Offers | None:
    """Of the cluster at work; None for threads and processes, of which none goes missing in silence."""
    kind = type(at_work).__name__
    if kind == "DaskTaskRunner":
        return _of_dask(at_work.client)  # type: ignore[union-attr]
    return _of_ray(sys.modules["ray"]) if kind == "RayTaskRunner" else None


def _able(offers: Offers, resources: Mapping[str, float]) -> bool:
    """Somebody can do a job."""
    return any(all(one.get(name, 0) >= much for name, much in resources.items()) for one in offers)


def _said(resources: Mapping[str, float]) -> str:
    return f" that declares {', '.join(f'{name}={much:g}' for name, much in resources.items())}" if resources else ""


def _require_able(run: Run, offers: Offers) -> None:
    if not _able(offers, run.resources):
        raise Unavailable(
            f"{run.cluster} has no worker{_said(run.resources)}, of {len(offers)}; start one, or correct run.resources"
        )


def _require_prefect(address: str) -> None:
    """Raises SettingsError where the workers of a cluster could not report."""
    if urlsplit(address).hostname not in _HERE and prefect_rows.named(os.environ) is None:
        raise SettingsError(
            f"workers of {address} report to Prefect, and the embedded server of a command answers this machine only; start "
            f"one that they reach, and name it in {PREFECT_API_URL}"
        )


@contextmanager
def _answering(address: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        raise Unavailable(
            f"the cluster at {address} does not answer ({type(error).__name__}); start it, or correct run.cluster"
        ) from error
