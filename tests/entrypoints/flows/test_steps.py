"""A step as a Prefect task: tried again while a service is away, and for no other reason; named as people name it."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from typing import Any

import cloudpickle
import pytest
from prefect import flow
from prefect.context import TaskRunContext

from tests.entrypoints.flows.conftest import Server
from unlearning.domain.errors import Refused, Unavailable
from unlearning.entrypoints.flows.steps import step

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
