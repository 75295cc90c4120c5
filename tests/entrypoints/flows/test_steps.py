"""A step as a Prefect task: tried again while a service is away, and for no other reason; named as people name it."""

from __future__ import annotations

import pickle
import signal
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from prefect import flow
from prefect.context import TaskRunContext
from prefect.futures import PrefectConcurrentFuture
from prefect.logging.configuration import setup_logging
from prefect.settings import PREFECT_LOGGING_EXTRA_LOGGERS, PREFECT_LOGGING_LEVEL, temporary_settings

from tests.entrypoints.flows.conftest import Server, _say_the_rest
from unlearning.domain.errors import Refused, Unavailable, UnlearningError
from unlearning.entrypoints.flows import steps
from unlearning.entrypoints.flows.steps import at_home, step
from unlearning.stores.foreign_code import FILE

pytestmark = pytest.mark.services


def fails_once(error: Exception) -> tuple[Callable[[], int], list[int]]:
    """Something to do that raises at the first try, and the tries."""
    tries: list[int] = []

    def do() -> int:
        tries.append(len(tries) + 1)
        if len(tries) == 1:
            raise error
        return tries[-1]

    return do, tries


def test_to_ask_whether_anybody_is_left_interrupts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the wait for the next job, nor what is done with the one before."""
    monkeypatch.setattr(steps, "_LOOK_SECONDS", 0.01)
    looks, gate = list[Any](), threading.Event()
    monkeypatch.setattr(steps, "require_workers", lambda at_work: (looks.append(at_work), len(looks) > 3 and gate.set()))
    with ThreadPoolExecutor(2) as pool:
        futures = [PrefectConcurrentFuture(uuid.uuid4(), pool.submit(gate.wait, 60)) for _ in range(3)]
        ended = []
        for future in steps._as_completed(futures):
            time.sleep(0.1)
            ended.append(future)
    assert {id(future) for future in ended} == {id(future) for future in futures}
    assert len(looks) >= 3


class _Finalized:
    """Its end is interrupted, and Python goes on as if nothing had been raised."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interruption_that_was_lost_ends_the_flow_before_its_next_step(tmp_path: Path) -> None:
    done = list[str]()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job has none

    def flow_body() -> None:
        _Finalized()
        done.append("until the step")
        step("never", lambda: done.append("the step"))

    try:
        with pytest.raises(KeyboardInterrupt):
            at_home(str(tmp_path), flow_body)
        assert done == ["until the step"]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert not steps._told_to_end.is_set()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        at_home(str(tmp_path), _Finalized)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_step_is_tried_again_while_a_service_is_away(server: Server) -> None:
    do, tries = fails_once(Unavailable("the registry does not answer"))

    @flow(name="retried")
    def retried() -> int:
        return step("6 validate", do)

    assert retried() == 2
    assert tries == [1, 2]
    (task,) = server.task_runs(server.flow_runs("retried")[-1].id)
    assert (task.name, task.run_count, task.state_name) == ("6 validate", 2, "Completed")


@pytest.mark.parametrize("error", [Refused("a check said no: Unavailable"), RuntimeError("Unavailable")])
def test_a_refusal_or_a_bug_is_not_tried_again(server: Server, error: Exception) -> None:
    do, tries = fails_once(error)

    @flow(name="refused")
    def refused() -> int:
        return step("7 promote", do)

    with pytest.raises(type(error)):
        refused()

    assert tries == [1]
    (task,) = server.task_runs(server.flow_runs("refused")[-1].id)
    assert (task.name, task.run_count, task.state_name) == ("7 promote", 1, "Failed")


def test_a_job_elsewhere_is_told_of_its_step_without_what_the_step_holds(server: Server) -> None:
    """Prefect sends the task around a job to the job's process; a step holds open stores, which no process can be sent."""
    store = threading.Lock()

    def do() -> dict[str, Any]:
        with store:
            sent = cloudpickle.dumps(TaskRunContext.get().serialize())
            received: dict[str, Any] = pickle.loads(sent)
            return received

    @flow(name="told")
    def told() -> dict[str, Any]:
        return step("5 unlearn (sisa)", do)

    assert told()["task"].name == "5 unlearn (sisa)"


def test_a_step_in_a_step_does_not_take_its_place(server: Server) -> None:
    @flow(name="nested")
    def nested() -> list[str]:
        return step("outer", lambda: [step("inner", lambda: "first"), step("inner", lambda: "second"), "last"])

    assert nested() == ["first", "second", "last"]


CELL = "Zq0001-cell-of-somebody"

THEIRS = f"""
import logging, sys, warnings
from prefect import get_run_logger

def encode():
    print("{CELL} printed")
    print("{CELL} to standard error", file=sys.stderr)
    get_run_logger().error("{CELL} to Prefect's own logger")
    get_run_logger().getChild("mine").warning("row %s", "{CELL}")
    logging.getLogger("mine").error("{CELL} logged")
    try:
        int("{CELL}")
    except ValueError as error:
        error.add_note("{CELL} noted")
        raise RAISED("{CELL} raised") from error
"""


@pytest.mark.parametrize("kind", [RuntimeError, KeyError, SystemExit, Refused])
def test_prefect_hears_type_and_place_of_what_a_projects_code_says_and_none_of_its_words(
    server: Server, tmp_path: Path, kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".unlearning").mkdir()
    theirs: dict[str, Any] = {"RAISED": kind if kind is not Refused else lambda _: Refused("the data did not pass")}
    exec(compile(THEIRS, str(tmp_path / "recipe.py"), "exec"), theirs)

    @flow(name="overheard", log_prints=True)
    def overheard() -> None:
        at_home(str(tmp_path), lambda: step("fit", theirs["encode"]))

    with temporary_settings({PREFECT_LOGGING_EXTRA_LOGGERS: "mine", PREFECT_LOGGING_LEVEL: "DEBUG"}):
        setup_logging(incremental=True)
        with pytest.raises(UnlearningError) as said:
            overheard()
    _say_the_rest()

    assert CELL not in str(said.value)
    (task,) = server.task_runs(server.flow_runs("overheard")[-1].id)
    if kind is not Refused:
        assert f"{kind.__name__} at recipe.py:15" in task.state.message
    assert b"overheard" in server.bytes()
    assert CELL.encode() not in server.bytes()
    kept = (tmp_path / FILE).read_text()
    assert all(
        f"{CELL} {how}" in kept for how in ("printed", "to standard error", "to Prefect's own logger", "logged", "noted")
    )
