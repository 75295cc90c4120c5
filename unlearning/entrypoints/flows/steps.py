"""A step as a Prefect task: readable name, retries where it talks to a service, progress in the log, nothing stored.

What a step does reaches its task through a context variable: Prefect sees no parameters and keeps no result, so nothing about
people reaches its database; and a job in another process, which is told of the task around it, is not handed open stores.
"""

from __future__ import annotations

import gc
import logging
import signal
import threading
import time
from asyncio import CancelledError
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture

from unlearning.domain.chain import Job, Part
from unlearning.domain.errors import Unavailable
from unlearning.entrypoints.flows import embedded
from unlearning.entrypoints.flows.runners import lost, require_workers
from unlearning.project.holdings import Holdings
from unlearning.project.training.jobs import run_job
from unlearning.stores import foreign_code, scratch
from unlearning.stores.tables import loading

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace

T = TypeVar("T")

progress = logging.getLogger("unlearning.progress")

_NOTHING_STORED: dict[str, Any] = {"persist_result": False, "cache_policy": NO_CACHE, "log_prints": False}

_LOOK_SECONDS = 15

_doing: ContextVar[Callable[[], Any]] = ContextVar("doing")
_told_to_end = threading.Event()


def step(name: str, do: Callable[[], T], *, say: Callable[[T], str] = lambda _: "") -> T:
    """Run one step as a task; a service that does not answer is asked again, every other error ends the flow.

    Raises KeyboardInterrupt when this process was told to end, and the one that said so was lost.
    """
    if _told_to_end.is_set():
        raise KeyboardInterrupt
    progress.info("%s …", name)
    began = time.perf_counter()
    run = task(
        name=name,
        task_run_name=name,
        retries=2,
        retry_delay_seconds=[1, 5],
        retry_condition_fn=_service_is_away,
        **_NOTHING_STORED,
    )(_do)
    token = _doing.set(do)
    try:
        result: T = run()  # type: ignore[assignment]  # Prefect types it as if it could be a coroutine
    finally:
        _doing.reset(token)
    loading.give_back()
    said = say(result)
    progress.info("%s  %s%.1f s", name, f"{said}, " if said else "", time.perf_counter() - began)
    return result


@cache
def _set_imports_aside() -> None:
    """What a process has imported stays, and is not sought through after every step."""
    gc.freeze()


def _do() -> Any:
    """The body of every step's task: Prefect hears of no error's words."""
    return foreign_code.apart(_doing.get())


def at_home(root: str, do: Callable[[], T]) -> T:
    """The body of every flow: temporary files lie in the project, and what code of others says does not reach Prefect."""
    from httpx import TransportError

    with _interruptible(), scratch.at_home(Path(root).resolve()):
        return foreign_code.apart(do, Path(root), through=(TransportError,))


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C ends what is in here, before its next step at the latest.

    What the signal raises is lost where it meets code whose errors Python only prints, such as a finalizer.
    """

    def end(*_: object) -> None:
        _told_to_end.set()
        raise KeyboardInterrupt

    heard = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
    if not heard:  # no other thread hears signals, and what a shell began in the background is none of Ctrl-C's business
        yield
        return
    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        _told_to_end.clear()


def warm(workspace: Workspace) -> None:
    """Import what the steps need, which takes as long as the embedded server takes to start; then wait for that.

    Raises Unavailable when Prefect's server or MLflow's does not answer.
    """
    from unlearning.checks import data

    _ = (
        [one.recipe for one in workspace.each],
        workspace.data,
        [*map(workspace.models.aliases, Holdings.of(workspace).models)],
    )
    data.warm()
    embedded.ready()
    _set_imports_aside()


def _service_is_away(_task: object, _run: object, state: object) -> bool:
    """Only an outage is worth another try: a refused check stays refused."""
    return isinstance(getattr(state, "data", None), Unavailable)


_job = task(name="job", task_run_name="shard-{job.shard}", **_NOTHING_STORED)(run_job)


def mapped(_run: Callable[[Job], Part], jobs: Iterable[Job]) -> list[Part]:
    """`map` over the flow's task runner, in the order of the jobs."""
    futures = {_job.submit(job): job.shard for job in jobs}
    parts: dict[int, Part] = {}
    for future in _as_completed([*futures]):
        shard = futures[future]
        try:
            part = parts[shard] = future.result()
        except (Exception, CancelledError) as error:
            raise lost(error, shard) from None
        if part.slices_trained:
            progress.info("    shard %d trained, %d of %d jobs done", part.shard, len(parts), len(futures))
    return [parts[shard] for shard in futures.values()]


def _as_completed(futures: Sequence[PrefectFuture[Part]]) -> Iterator[PrefectFuture[Part]]:
    """One after the other as they end; now and then asks whether anybody is left to end them.

    Prefect's own `as_completed` ends its patience with a signal, which stops whatever this thread is at.
    """
    ended: SimpleQueue[PrefectFuture[Part]] = SimpleQueue()
    for future in futures:
        future.add_done_callback(ended.put)
    left = len(futures)
    while left:
        try:
            future = ended.get(timeout=_LOOK_SECONDS)
        except Empty:
            flow = FlowRunContext.get()
            require_workers(flow.task_runner if flow else None)
        else:
            left -= 1
            yield future
