"""What users logged about people to a real MLflow: in SQLite, in PostgreSQL, behind a server with and without its database."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest

from unlearning.domain import hashing
from unlearning.domain.traces import Wanted
from unlearning.stores.mlflow.garbage import MlflowGarbage
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
        uri, found = request.getfixturevalue("registry_server")
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


def test_a_file_called_by_a_number_that_may_be_a_person_is_unverified(tmp_path: Path) -> None:
    of_text = place(f"sqlite:///{tmp_path / 'mlflow.db'}", None, tmp_path)
    watch = Watch(("patient",), "integer", KEY)
    here = Here(of_text.mentions.garbage.models.uri, None, replace(of_text, watch=watch))
    client, run_id, *_ = log(here, tmp_path)
    client.log_text(run_id, "nothing", "notes/100042.txt")
    found = here.place.find(Wanted(frozenset({hashing.token(KEY, 100042, "integer")})))
    assert found.traces == ()
    [told] = [one for one in found.unclear if one.place.endswith("what may name them")]
    assert (told.outcome, told.count, told.names) == ("unverified", 1, (run_id,))
