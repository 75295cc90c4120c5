"""What users logged about people to a real MLflow: in SQLite, in PostgreSQL, behind a server with and without its database."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from mlflow.store.artifact import http_artifact_repo
from mlflow.utils import rest_utils

from tests.servers import mlflow_server
from unlearning.domain import hashing
from unlearning.domain.traces import Trace, Wanted
from unlearning.stores.mlflow.files import AT_ONCE
from unlearning.stores.mlflow.garbage import RUN, MlflowGarbage
from unlearning.stores.mlflow.mentions import MlflowMentions
from unlearning.stores.mlflow.models import MlflowModels
from unlearning.stores.scans.words import Watch
from unlearning.traces.places.mlflow_mentions import MentionsPlace

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own, where a test calls it itself

KEY = bytes(32)
PERSON, OTHER = "Zq-0001", "Zq-0002"
TOKEN = hashing.token(KEY, PERSON, "text")


@dataclass
class Here:
    uri: str
    database: str | None
    place: MentionsPlace


def place(uri: str, database: str | None, folder: Path) -> MentionsPlace:
    models = MlflowModels(uri, "unlearning", folder)
    mentions = MlflowMentions(
        MlflowGarbage(models, database),
        runs=list,
        label=lambda text: hashing.keyed(KEY, [text.encode()])[0].hex()[:32],
    )
    return MentionsPlace(mentions, Watch(("patient",), "text", KEY), lambda: frozenset({TOKEN}))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    folder = tmp_path_factory.mktemp("server")
    with mlflow_server(folder) as address:
        yield address, f"sqlite:///{folder / 'server.db'}"


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.services),
        pytest.param("server", marks=pytest.mark.services),
        pytest.param("server and database", marks=pytest.mark.services),
    ]
)
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Here:
    if request.param == "sqlite":
        uri, database = f"sqlite:///{tmp_path / 'mlflow.db'}", None
    elif request.param == "postgresql":
        uri, database = request.getfixturevalue("postgres_url"), None
    else:
        uri, found = request.getfixturevalue("server")
        database = found if "database" in request.param else None
    return Here(uri, database, place(uri, database, tmp_path))


def log(here: Here, folder: Path) -> Any:
    """A run with a tag, a parameter, a table, a note and a data set; a trace; two records of an evaluation data set."""
    mlflow.set_tracking_uri(here.uri)
    client = mlflow.MlflowClient(here.uri)
    if client.get_experiment_by_name("unlearning") is None:
        local = None if here.uri.startswith("http") else f"file://{folder / 'files'}"
        client.create_experiment("unlearning", artifact_location=local)
    experiment = mlflow.set_experiment("unlearning").experiment_id
    table = pd.DataFrame({"patient": [PERSON, OTHER], "loss": [1.0, 2.0]})
    table.to_csv(folder / "losses.csv", index=False)
    with warnings.catch_warnings(), mlflow.start_run() as run:
        warnings.simplefilter("ignore")
        mlflow.set_tags({"who": f"it is {PERSON}", "what": "nothing"})
        mlflow.log_param("worst", PERSON)
        mlflow.log_artifact(str(folder / "losses.csv"), "tables")
        mlflow.log_text(f"see {PERSON}", "notes/worst.txt")
        mlflow.log_text(f"see {OTHER}", "notes/best.txt")
        mlflow.log_input(mlflow.data.from_pandas(table, name=f"cohort {PERSON}"))
    with mlflow.start_span("predict") as span:
        span.set_inputs({"patient": PERSON})
    mlflow.flush_trace_async_logging()
    records = mlflow.genai.datasets.create_dataset(name=f"golden-{run.info.run_id[:6]}", experiment_id=experiment)
    records.merge_records([{"inputs": {"patient": PERSON}}])
    records.merge_records([{"inputs": {"patient": OTHER}}])
    return client, run.info.run_id, experiment, records.dataset_id


def test_what_names_the_person_goes_and_what_names_others_stays(here: Here, tmp_path: Path) -> None:
    client, run_id, experiment, dataset = log(here, tmp_path)
    wanted = Wanted(frozenset({TOKEN}))
    found = here.place.find(wanted)
    assert PERSON not in str(found.traces)
    left = here.place.erase(found.traces)
    run = client.get_run(run_id)
    assert "who" not in run.data.tags
    assert run.data.tags["what"] == "nothing"
    assert [one.path for one in client.list_artifacts(run_id, "notes")] == ["notes/best.txt"]
    kept = client.download_artifacts(run_id, "tables/losses.csv", str(tmp_path))
    assert list(pd.read_csv(kept)["patient"]) == [OTHER]
    assert client.search_traces(locations=[experiment]) == []
    inputs = [row["inputs"] for row in client.get_dataset(dataset).to_df().to_dict("records")]
    assert inputs == [{"patient": OTHER}]
    again = here.place.find(wanted)
    if here.place.mentions.garbage.backend is None:
        (residual,) = left
        assert run_id in residual.remedy
        assert "mlflow gc" in residual.remedy
        assert {trace.kind for trace in again.traces} == {"run parameter", "run data set"}
        assert [one.outcome for one in again.unclear] == ["unverified"]
    else:
        assert (tuple(left), again.traces) == ((), ())
        kept = [one.outcome for one in again.unclear]
        assert kept == (["out_of_reach"] if here.uri.startswith("postgresql") else [])
        assert "worst" not in client.get_run(run_id).data.params
        assert client.get_run(run_id).inputs.dataset_inputs == []


def test_weights_that_hold_an_identifier_are_told_and_left(tmp_path: Path) -> None:
    here = Here(uri := f"sqlite:///{tmp_path / 'mlflow.db'}", None, place(uri, None, tmp_path))
    client, run_id, *_ = log(here, tmp_path)
    (tmp_path / "weights.bin").write_bytes(b"\0\1" + PERSON.encode("utf-32-le"))
    client.log_artifact(run_id, str(tmp_path / "weights.bin"))
    here.place.erase(here.place.find(Wanted(frozenset({TOKEN}))).traces)
    found = here.place.find(Wanted(frozenset({TOKEN}), identifiers=(PERSON,)))
    assert found.traces == ()
    (told,) = found.unclear
    assert (told.outcome, told.count) == ("residual", 1)
    assert run_id in told.remedy


@pytest.fixture
def served(server: tuple[str, str], tmp_path: Path) -> MlflowGarbage:
    return MlflowGarbage(MlflowModels(server[0], "unlearning", tmp_path))


def with_files(garbage: MlflowGarbage, count: int) -> tuple[mlflow.MlflowClient, str, str]:
    """A run with as many small files in folders of three; client, run and address of its files."""
    client = mlflow.MlflowClient(garbage.models.uri)
    found = client.get_experiment_by_name("files")
    run = client.create_run(found.experiment_id if found else client.create_experiment("files"))
    for number in range(count):
        client.log_text(run.info.run_id, f"text {number}", f"part{number // 3}/{number}.txt")
    return client, run.info.run_id, str(run.info.artifact_uri)


@pytest.mark.services
def test_files_of_a_server_are_read_in_order_with_a_bounded_number_on_disk(served: MlflowGarbage) -> None:
    _, _, location = with_files(served, 12)
    paths, most, read = served.files.paths(location), 0, {}
    assert len(paths) == 12
    with served.files.reading(location, paths) as files:
        for path, stream in files:
            most = max(most, sum(one.is_file() and one.name != ".owner" for one in served.files.scratch.glob("spool-*/*")))
            read[path] = stream.read().decode()
    assert read == {f"part{number // 3}/{number}.txt": f"text {number}" for number in range(12)}
    assert 1 <= most <= AT_ONCE
    assert [one.name for one in served.files.scratch.iterdir()] == [".gate"]


@pytest.mark.services
def test_a_file_that_vanishes_from_a_server_while_it_is_searched_is_empty_and_no_error(served: MlflowGarbage) -> None:
    _, _, location = with_files(served, 3)
    paths = served.files.paths(location)
    with served.files.repository(location) as artifacts:
        artifacts.delete_artifacts(paths[1])
    with served.files.reading(location, paths) as files:
        assert [stream.read() for _, stream in files] == [b"text 0", b"", b"text 2"]


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
