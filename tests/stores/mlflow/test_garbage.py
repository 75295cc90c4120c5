"""What is left of versions and runs, and deleting it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.store.artifact import http_artifact_repo
from mlflow.utils import rest_utils

from tests.registry import Elsewhere
from tests.stores.mlflow.logged import with_files
from unlearning.domain.traces import Trace
from unlearning.domain.versions import Tracked
from unlearning.stores.mlflow.garbage import DATASET, KINDS, MODEL, RUN, VERSION, MlflowGarbage, ask
from unlearning.stores.mlflow.models import MlflowModels

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own, where a test calls it itself


@pytest.mark.services
def test_what_was_deleted_costs_no_request_each_and_leaves_no_empty_folder(
    served: MlflowGarbage, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [with_files(served, 1) for _ in range(6)]
    traces = [Trace(run, RUN, location) for _, run, location in made]
    assert served.still(traces) == traces
    client, _, location = made[0]
    for trace in traces:
        served.files.delete(trace.location)
    with served.files.repository(location.rpartition("/")[0].rpartition("/")[0]) as artifacts:
        assert {one.path for one in artifacts.list_artifacts()}.isdisjoint(trace.name for trace in traces)
    assert client.get_run(traces[0].name).info.lifecycle_stage == "active"

    def asked(traces: list[Trace]) -> int:
        calls: list[str] = []
        with monkeypatch.context() as patch:
            for module in (rest_utils, http_artifact_repo):
                patch.setattr(module, "http_request", counting(module.http_request, calls))
            assert served.still(traces) == []
        return len(calls)

    gone = [Trace(f"{number:032}", RUN, location.replace(made[0][1], f"{number:032}")) for number in range(6)]
    assert asked(gone) == asked(gone[:1]) > 0


def counting(call: Any, calls: list[str]) -> Any:
    def counted(*arguments: Any, **named: Any) -> Any:
        calls.append("")
        return call(*arguments, **named)

    return counted


def test_a_version_goes_with_its_run_its_model_and_its_own_data_and_its_alias_goes_on(
    local: MlflowModels, tmp_path: Path
) -> None:
    elsewhere, garbage = Elsewhere.at(local.uri, tmp_path), MlflowGarbage(local)
    versions = [elsewhere.train("fraud", data=[Tracked(f"data/{number}.csv", f"{number}" * 32)]) for number in (1, 2)]
    runs = {version: local.version(version.name, version.version).run_id for version in versions}
    for alias, version in (("live", versions[0]), ("next", versions[1])):
        elsewhere.client.set_registered_model_alias("fraud", alias, str(version.version))
    traces = garbage.of([(versions[0], runs[versions[0]])])
    assert sorted(trace.kind for trace in traces) == sorted(KINDS)
    assert garbage.still(traces) == traces

    for _ in range(2):  # a purge that was killed is run again
        garbage.forget(traces, aliases_to=[versions[1]])
        assert garbage.still(traces) == []

    assert local.every_alias()["fraud"] == {"live": 2, "next": 2}
    other = garbage.of([(versions[1], runs[versions[1]])])
    assert garbage.still(other) == other


def test_what_is_not_there_is_no_trace_and_an_answer_that_is_no_absence_stays_an_error(local: MlflowModels) -> None:
    garbage = MlflowGarbage(local)
    assert garbage.still([Trace("fraud/1", VERSION), Trace("0" * 32, RUN), Trace("m-0", MODEL), Trace("d", DATASET)]) == []
    with local.client() as client:
        assert ask(client.get_run, "0" * 32) is None
        with pytest.raises(MlflowException):
            ask(client.get_model_version, "fraud", "no number")
