"""Real MLflow on SQLite and behind a real server; ensembles small enough to average by hand."""

from __future__ import annotations

import ast
import io
import json
import logging
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch

from tests.servers import free_port, mlflow_server
from unlearning.domain.errors import NotFound, ParentMoved, ProjectError, Unavailable, WrongUse
from unlearning.domain.versions import DataVersion, ModelVersion
from unlearning.entrypoints.mlflow_hooks.dataset_source import DVCDatasetSource
from unlearning.stores.mlflow.connection import address, silence
from unlearning.stores.mlflow.models import CANDIDATE_TAG, MlflowModels
from unlearning.stores.mlflow.packaging import Candidate

with silence():  # MLflow warns about its own type hints while it is imported
    from unlearning.stores.mlflow import serving

# MLflow 3.17 uses a loader strategy that SQLAlchemy 2.1 deprecates; it shows where a test calls MLflow itself.
pytestmark = pytest.mark.filterwarnings("ignore:The ..noload.. loader strategy:DeprecationWarning")

SHARDS = 8
DATA = DataVersion(path="data/train.parquet", digest="d" * 64, object="0" * 32 + ".dir", rev="a" * 40, rows=90, people=30)
TABLE = pd.DataFrame({"age": [0.5, -1.0, 2.0], "ward": ["a", "b", "?"]})


def exported(network: torch.nn.Module, width: int) -> bytes:
    program = torch.export.export(network.eval(), (torch.zeros(2, width),), dynamic_shapes=({0: torch.export.Dim("rows")},))
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def template() -> bytes:
    """One number and one feature of two categories in, so three columns; two probabilities out."""
    return exported(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Softmax(dim=1)), 3)


def vote(bias: float) -> dict[str, np.ndarray[Any, Any]]:
    """A constituent whose logits are (age + bias, 1 if the category is `b`)."""
    weight = np.array([[1, 0, 0], [0, 0, 1]], dtype=np.float32)
    return {"0.weight": weight, "0.bias": np.array([bias, 0], dtype=np.float32)}


def by_hand(table: pd.DataFrame) -> np.ndarray[Any, Any]:
    """P(ill): the mean over constituents of the logistic function of the difference between the two logits."""
    gap = np.array(
        [[age + shard / 10 - (ward == "b") for shard in range(SHARDS)] for age, ward in table.itertuples(index=False)]
    )
    return (1 / (1 + np.exp(-gap))).mean(axis=1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow-server")) as uri:
        yield uri


@pytest.fixture(scope="session")
def blank_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new SQLite store, made once; a test gets a copy."""
    root = tmp_path_factory.mktemp("blank")
    MlflowModels(None, "unlearning", root).names()
    return root / "mlflow.db"


@pytest.fixture
def local(tmp_path: Path, blank_store: Path) -> MlflowModels:
    (tmp_path / "mlflow.db").write_bytes(blank_store.read_bytes())
    return MlflowModels(None, "unlearning", tmp_path)


@pytest.fixture(params=["sqlite", pytest.param("server", marks=pytest.mark.services)])
def models(request: pytest.FixtureRequest, tmp_path: Path) -> MlflowModels:
    """The registry at each kind of address, with an experiment of its own."""
    if request.param == "sqlite":
        found: MlflowModels = request.getfixturevalue("local")
        return found
    return MlflowModels(request.getfixturevalue("server"), tmp_path.name, tmp_path)


@pytest.fixture
def candidate(template: bytes, tmp_path: Path) -> Candidate:
    return Candidate(
        model=f"diagnosis-{tmp_path.name}",
        idempotency=f"attempt-1-{tmp_path.name}",
        template=template,
        constituents={shard: vote(shard / 10) for shard in range(SHARDS)},
        features=("age", "ward"),
        categories={"ward": ("a", "b")},
        labels=("ill", "well"),
        data=DATA,
        params={"shards": SHARDS, "epochs": 3},
        metrics={"accuracy": 0.9},
        shard_metrics={shard: {"accuracy": 0.8} for shard in range(SHARDS)},
        tags={"unlearning.recipe": "r" * 64},
        extra_artifacts={"chain.json": b'{"seed":0}'},
    )


def registered(models: MlflowModels, candidate: Candidate) -> ModelVersion:
    logged = models.log_candidate(candidate)
    return models.register(logged, candidate.model, tags={"unlearning.method": "sisa"}, idempotency=candidate.idempotency)


def client(models: MlflowModels) -> mlflow.MlflowClient:
    return mlflow.MlflowClient(models.uri, models.uri)


# --- answering ------------------------------------------------------------------------------------------------------


def test_a_registered_ensemble_answers_with_the_mean_of_its_constituents(models: MlflowModels, candidate: Candidate) -> None:
    version = registered(models, candidate)
    answer = models.predict(version, TABLE)
    assert list(answer.columns) == ["ill", "well", "prediction"]
    np.testing.assert_allclose(answer["ill"], by_hand(TABLE), atol=1e-6)
    np.testing.assert_allclose(answer["ill"] + answer["well"], 1)
    assert answer["prediction"].tolist() == ["ill", "well", "ill"]
    through_mlflow = models.load(version).predict(TABLE)
    pd.testing.assert_frame_equal(through_mlflow, answer)


@pytest.mark.parametrize("rows", [0, 1, 2, 100])
def test_any_number_of_rows_is_answered_with_their_own_index(local: MlflowModels, candidate: Candidate, rows: int) -> None:
    table = pd.DataFrame({"age": np.linspace(-2, 2, rows), "ward": ["b"] * rows}, index=np.arange(rows) + 7)
    answer = local.predict(registered(local, candidate), table)
    assert answer.index.tolist() == table.index.tolist()
    np.testing.assert_allclose(answer["ill"], by_hand(table) if rows else [], atol=1e-6)


def test_the_served_encoding_is_the_one_the_recipe_trains_on() -> None:
    """Integers with gaps, booleans, missing values, undeclared categories, and a categorical feature between two numbers."""
    import pyarrow as pa

    from unlearning.learners.torch.recipe import TorchRecipe

    recipe = TorchRecipe(
        network=torch.nn.Linear,
        features=("age", "ward", "smoker", "grade", "weight"),
        target="label",
        person="who",
        labels=("x", "y"),
        optimizer=torch.optim.SGD,
        epochs=1,
        batch_size=1,
        categories={"ward": ("a", "b"), "grade": ("1", "2", "10")},
    )
    table = pd.DataFrame(
        {
            "age": [1, 2, 3, 4],
            "ward": ["b", None, "elsewhere", "a"],
            "smoker": [True, False, True, False],
            "grade": [1.0, np.nan, 10.0, 2.5],
            "weight": [0.1, np.nan, 1e9, -0.0],
            "label": ["x", "y", "x", "y"],
            "who": ["p", "q", "r", "s"],
        }
    )
    trained = recipe.encode(pa.Table.from_pandas(table, preserve_index=False)).records.features
    served = serving.encode(table, recipe.features, recipe.categories)
    assert served.dtype == trained.dtype
    np.testing.assert_array_equal(served, trained)
    assert served[0].tolist()[:3] == [1, 0, 1]


def test_a_trained_ensemble_answers_as_its_learner_does(local: MlflowModels, candidate: Candidate) -> None:
    from unlearning.domain.protocols import Records
    from unlearning.learners.torch import TorchLearner, TorchRecipe
    from unlearning.learners.torch.recipe import standardize

    recipe = TorchRecipe(
        network=lambda width, labels: torch.nn.Sequential(
            torch.nn.Linear(width, 4),
            torch.nn.BatchNorm1d(4),
            torch.nn.ReLU(),
            torch.nn.Dropout(0.5),
            torch.nn.Linear(4, labels),
        ),
        features=candidate.features,
        target="label",
        person="who",
        labels=candidate.labels,
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=0.01),
        epochs=2,
        batch_size=4,
        categories=candidate.categories,
        preprocessing=standardize,
    )
    learner = TorchLearner(recipe)
    features = serving.encode(TABLE, recipe.features, recipe.categories)
    records = Records(features, np.array([0, 1, 0]))
    states = {shard: learner.fit(learner.fresh(shard, records), records, epochs=2, seed=shard) for shard in range(3)}
    constituents = {shard: learner.served(state) for shard, state in states.items()}
    version = registered(local, replace(candidate, template=learner.template(), constituents=constituents))
    expected = np.mean([learner.predict(state, features) for state in states.values()], axis=0)
    np.testing.assert_allclose(local.predict(version, TABLE)[list(recipe.labels)], expected, atol=1e-6)


def test_a_constituent_that_lacks_a_tensor_does_not_fall_back_to_the_template(
    local: MlflowModels, candidate: Candidate
) -> None:
    lacking = {shard: {"0.weight": tensors["0.weight"]} for shard, tensors in candidate.constituents.items()}
    version = registered(local, replace(candidate, constituents=lacking))
    with pytest.raises(ValueError, match=r"0\.bias"):
        local.predict(version, TABLE)


class Shifted(torch.nn.Module):
    """A network with a constant that no state dict holds."""

    def __init__(self) -> None:
        super().__init__()
        self.add_module("0", torch.nn.Linear(3, 2))
        self.register_buffer("shift", torch.tensor([1.0, 1.0]), persistent=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.get_submodule("0")(features) + self.shift, dim=1)


def test_constants_of_the_network_come_with_the_template(local: MlflowModels, candidate: Candidate) -> None:
    version = registered(local, replace(candidate, template=exported(Shifted(), 3)))
    np.testing.assert_allclose(local.predict(version, TABLE)["ill"], by_hand(TABLE), atol=1e-6)


# --- served without this package ------------------------------------------------------------------------------------


def test_the_served_file_imports_nothing_but_what_the_model_requires() -> None:
    tree = ast.parse(Path(serving.__file__).read_text("utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    allowed = {"__future__", "collections", "json", "mlflow", "numpy", "pandas", "pathlib", "safetensors", "torch", "typing"}
    assert {name.partition(".")[0] for name in names} <= allowed


ELSEWHERE = """
import sys, warnings
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("unlearning", "flows"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
warnings.simplefilter("ignore")
import mlflow, pandas
answer = mlflow.pyfunc.load_model(sys.argv[1]).predict(pandas.read_json(sys.stdin, orient="split", dtype={"age": float}))
assert not any(name.partition(".")[0] in ("unlearning", "flows") for name in sys.modules)
print(answer.to_json(orient="split"))
"""


def test_the_model_is_loaded_and_answers_where_this_package_is_not_installed(
    models: MlflowModels, candidate: Candidate, tmp_path: Path
) -> None:
    version = registered(models, candidate)
    models.move_alias(version.name, "champion", expected=None, to=version)
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, f"models:/{version.name}@champion"],
        input=TABLE.to_json(orient="split"),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "MLFLOW_TRACKING_URI": models.uri, "MLFLOW_DISABLE_TELEMETRY": "true"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["columns"] == ["ill", "well", "prediction"]
    np.testing.assert_allclose([row[0] for row in answer["data"]], by_hand(TABLE), atol=1e-6)


@pytest.mark.services
def test_mlflow_serves_the_model_over_http(local: MlflowModels, candidate: Candidate, tmp_path: Path) -> None:
    from tests.servers import running

    version, port = registered(local, candidate), free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local", "--host", "127.0.0.1"]
    command += ["--port", str(port), "-m", f"models:/{version.name}/{version.version}"]
    at = f"http://127.0.0.1:{port}"
    with running(command, tmp_path / "serve.log", {"MLFLOW_TRACKING_URI": local.uri}, f"{at}/health", 90):
        body = json.dumps({"dataframe_split": {"columns": ["age", "ward"], "data": TABLE.to_numpy().tolist()}}).encode()
        ask = urllib.request.Request(f"{at}/invocations", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(ask, timeout=30) as answer:
            predictions = json.load(answer)["predictions"]
    np.testing.assert_allclose([each["ill"] for each in predictions], by_hand(TABLE), atol=1e-6)
    assert [each["prediction"] for each in predictions] == ["ill", "well", "ill"]


# --- what is kept ---------------------------------------------------------------------------------------------------


def test_the_model_holds_a_signature_and_synthetic_rows_and_no_path_of_this_machine(
    local: MlflowModels, candidate: Candidate, tmp_path: Path
) -> None:
    version = registered(local, candidate)
    signature = local.load(version).metadata.signature
    assert [(each["name"], each["type"]) for each in signature.inputs.to_dict()] == [("age", "any"), ("ward", "string")]
    assert [each.name for each in signature.outputs] == ["ill", "well", "prediction"]
    with local._files(version) as folder:
        example = json.loads((folder / "input_example.json").read_text())
        requirements = (folder / "requirements.txt").read_text()
        texts = {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert example == {"columns": ["age", "ward"], "data": [[0.0, "a"], [0.0, "a"]]}
    assert f"torch=={torch.__version__.partition('+')[0]}" in requirements
    assert not any(name.endswith((".pkl", ".pickle")) for name in texts)
    for place in (str(tmp_path), str(Path(serving.__file__).parent), "/unlearning-"):
        assert not [name for name, content in texts.items() if place.encode() in content]


@pytest.mark.parametrize(
    "ages", [[1, 3], [1.0, 3.0], [True, False], np.array([1, 3], dtype="uint8"), pd.array([1, 3], dtype="Int64")]
)
def test_numbers_of_any_type_are_answered_through_mlflow(local: MlflowModels, candidate: Candidate, ages: Any) -> None:
    whole = pd.DataFrame({"age": ages, "ward": ["a", "b"]})
    expected = by_hand(whole.astype({"age": float}))
    np.testing.assert_allclose(local.load(registered(local, candidate)).predict(whole)["ill"], expected, atol=1e-6)


def test_categories_coded_as_numbers_are_answered_through_mlflow(local: MlflowModels, candidate: Candidate) -> None:
    version = registered(local, replace(candidate, categories={"ward": ("0", "1")}))
    coded = pd.DataFrame({"age": [0.5, -1.0], "ward": [0, 1]})
    spelled = coded.assign(ward=["a", "b"])
    np.testing.assert_allclose(local.load(version).predict(coded)["ill"], by_hand(spelled), atol=1e-6)


def test_a_stricter_type_is_kept_in_the_signature(local: MlflowModels, candidate: Candidate) -> None:
    version = registered(local, replace(candidate, types={"age": "long"}))
    assert local.load(version).metadata.signature.inputs.to_dict()[0]["type"] == "long"


def test_run_model_and_version_are_found_from_the_data_version(models: MlflowModels, candidate: Candidate) -> None:
    logged = models.log_candidate(candidate)
    version = models.register(logged, candidate.model, tags={"unlearning.method": "sisa"}, idempotency=candidate.idempotency)
    api = client(models)
    experiment = api.get_experiment_by_name(models.experiment).experiment_id
    [run] = api.search_runs([experiment], f"dataset.digest = '{DATA.object}'")
    [model] = api.search_logged_models([experiment], datasets=[{"dataset_name": DATA.path, "dataset_digest": DATA.object}])
    [found] = api.search_model_versions(f"name = '{version.name}' and tags.`unlearning.data_digest` = '{DATA.digest}'")
    assert (run.info.run_id, model.model_id, int(found.version)) == (logged.run_id, logged.model_id, version.version)
    assert run.info.status == "FINISHED"
    source = mlflow.data.get_source(run.inputs.dataset_inputs[0])
    assert isinstance(source, DVCDatasetSource)
    assert (source.pin.path, source.pin.rev, source.pin.digest) == (DATA.path, DATA.rev, DATA.digest)
    assert run.data.params == model.params == {"shards": "8", "epochs": "3"}
    assert run.data.metrics["accuracy"] == 0.9
    assert run.data.metrics["shard-007/accuracy"] == 0.8
    assert [each.model_id for each in run.outputs.model_outputs] == [logged.model_id]
    tags = models.version(version.name, version.version).tags
    assert tags["unlearning.recipe"] == "r" * 64
    assert tags["unlearning.method"] == "sisa"


def test_the_files_are_digested_and_the_chain_comes_back(models: MlflowModels, candidate: Candidate) -> None:
    logged = models.log_candidate(candidate)
    version = models.register(logged, candidate.model, tags={}, idempotency=candidate.idempotency)
    assert models.files_digest(version) == logged.files_digest
    assert models.chain_artifact(version) == b'{"seed":0}'
    assert "artifacts/ensemble/constituents.safetensors" in models.manifest(version)


def test_a_version_without_a_chain_says_so(models: MlflowModels, candidate: Candidate) -> None:
    version = registered(models, replace(candidate, extra_artifacts={}))
    with pytest.raises(NotFound, match=r"chain\.json"):
        models.chain_artifact(version)


@pytest.mark.services
def test_files_that_a_server_lost_are_not_found(server: str, candidate: Candidate, tmp_path: Path) -> None:
    models = MlflowModels(server, tmp_path.name, tmp_path)
    version = registered(models, candidate)
    model_id = models.version(version.name, version.version).source.removeprefix("models:/")
    client(models)._tracking_client._get_artifact_repo(model_id, resource="logged_model").delete_artifacts()
    for reading in (models.manifest, models.load, models.chain_artifact):
        with pytest.raises(NotFound, match="model version"):
            reading(version)


def test_a_changed_file_changes_the_digest_and_a_lost_folder_is_not_found(local: MlflowModels, candidate: Candidate) -> None:
    import shutil

    logged = local.log_candidate(candidate)
    version = local.register(logged, candidate.model, tags={}, idempotency=candidate.idempotency)
    with local._files(version) as folder:
        (folder / "serving.py").write_text("")
        assert local.files_digest(version) != logged.files_digest
        shutil.rmtree(folder)
    with pytest.raises(NotFound, match="model version"):
        local.files_digest(version)


def test_the_files_of_a_copied_version_are_those_of_its_original(models: MlflowModels, candidate: Candidate) -> None:
    version = registered(models, candidate)
    copied = client(models).copy_model_version(f"models:/{version.name}/{version.version}", f"{version.name}-copy")
    copy = ModelVersion(copied.name, int(copied.version))
    assert models.files_digest(copy) == models.files_digest(version)


# --- again is once --------------------------------------------------------------------------------------------------


def test_logging_and_registering_the_same_attempt_again_changes_nothing(models: MlflowModels, candidate: Candidate) -> None:
    first = models.log_candidate(candidate)
    assert models.log_candidate(candidate) == first
    versions = {models.register(first, candidate.model, tags={}, idempotency=candidate.idempotency) for _ in range(2)}
    assert versions == {ModelVersion(candidate.model, 1)}
    other = models.register(
        models.log_candidate(replace(candidate, idempotency="other")), candidate.model, tags={}, idempotency="other"
    )
    assert other == ModelVersion(candidate.model, 2)


def test_what_a_killed_attempt_left_is_removed_and_the_attempt_made_again(models: MlflowModels, candidate: Candidate) -> None:
    api = client(models)
    models.log_candidate(replace(candidate, idempotency="another"))
    experiment = api.get_experiment_by_name(models.experiment).experiment_id
    tags = {CANDIDATE_TAG: candidate.idempotency}
    run = api.create_run(experiment, tags=tags)
    model = api.create_logged_model(experiment, source_run_id=run.info.run_id, tags=tags)
    logged = models.log_candidate(candidate)
    assert logged.run_id != run.info.run_id
    assert api.get_run(run.info.run_id).info.lifecycle_stage == "deleted"
    left = api.search_logged_models([experiment], f"tags.`{CANDIDATE_TAG}` = '{candidate.idempotency}'")
    assert [each.model_id for each in left] == [logged.model_id] != [model.model_id]


# --- aliases --------------------------------------------------------------------------------------------------------


def test_an_alias_moves_only_from_the_version_it_was_expected_at(models: MlflowModels, candidate: Candidate) -> None:
    one = registered(models, candidate)
    two = registered(models, replace(candidate, idempotency="second"))
    name = candidate.model
    assert models.alias(name, "champion") is None
    models.move_alias(name, "champion", expected=None, to=one)
    assert models.alias(name, "champion") == one
    with pytest.raises(ParentMoved, match=str(one)):
        models.move_alias(name, "champion", expected=None, to=two)
    models.move_alias(name, "champion", expected=one, to=two)
    models.move_alias(name, "champion", expected=one, to=two)  # the same step again after a crash
    assert models.aliases(name) == {"champion": 2}
    assert models.behind(name, "champion") == two
    models.withdraw_alias(name, "champion")
    models.withdraw_alias(name, "champion")
    assert models.aliases(name) == {}


def test_what_is_not_there_is_named_with_the_next_step(models: MlflowModels, candidate: Candidate) -> None:
    name = candidate.model
    with pytest.raises(NotFound, match="unlearn train"):
        models.behind(name, "champion")
    assert models.versions(name) == []
    assert models.aliases(name) == {}
    registered(models, candidate)
    with pytest.raises(NotFound, match=r"points nowhere; versions are \[1\]"):
        models.behind(name, "champion")
    with pytest.raises(NotFound, match="version 9"):
        models.version(name, 9)
    with pytest.raises(NotFound, match="9"):
        models.tag(ModelVersion(name, 9), {"a": "b"})
    with pytest.raises(NotFound, match="9"):
        models.load(ModelVersion(name, 9))


def test_versions_are_numbers_in_order_and_take_tags(models: MlflowModels, candidate: Candidate) -> None:
    for attempt in "ab":
        registered(models, replace(candidate, idempotency=attempt))
    models.tag(ModelVersion(candidate.model, 1), {"unlearning.superseded_by": "2", "unlearning.state": "superseded"})
    one, two = models.versions(candidate.model)
    assert (one.model.version, two.model.version) == (1, 2)
    assert one.tags["unlearning.state"] == "superseded"
    assert "unlearning.state" not in two.tags
    assert models.version(candidate.model, 1) == one
    assert candidate.model in models.names()


def test_a_model_may_have_a_quote_in_its_name(local: MlflowModels, candidate: Candidate) -> None:
    version = registered(local, replace(candidate, model="children's ward"))
    assert version == registered(local, replace(candidate, model="children's ward"))
    assert [each.model for each in local.versions("children's ward")] == [version]


# --- bad candidates, bad addresses ----------------------------------------------------------------------------------


def test_a_candidate_that_cannot_answer_is_refused(local: MlflowModels, candidate: Candidate) -> None:
    with pytest.raises(WrongUse, match="one shard"):
        local.log_candidate(replace(candidate, constituents={}))
    with pytest.raises(WrongUse, match="prediction"):
        local.log_candidate(replace(candidate, labels=("ill", "prediction")))


def test_addresses_are_relative_to_the_project(tmp_path: Path) -> None:
    assert address(None, tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    assert address("sqlite:///runs/ml.db", tmp_path) == f"sqlite:///{tmp_path}/runs/ml.db"
    assert address("sqlite:////srv/ml.db", tmp_path) == "sqlite:////srv/ml.db"
    assert address("http://host:5000/", tmp_path) == "http://host:5000"
    assert address("postgresql+psycopg2://u:p@host/db", tmp_path) == "postgresql+psycopg2://u:p@host/db"
    for unusable in ("mlruns", "file:///srv/mlruns", "databricks"):
        with pytest.raises(WrongUse, match="sqlite:///"):
            address(unusable, tmp_path)


def test_a_server_that_is_down_is_named_within_seconds(tmp_path: Path) -> None:
    uri = f"http://127.0.0.1:{free_port()}"
    start = time.perf_counter()
    with pytest.raises(Unavailable, match=uri):
        MlflowModels(uri, "unlearning", tmp_path).versions("diagnosis")
    assert time.perf_counter() - start < 15


def test_a_database_that_is_down_is_named_without_its_password(tmp_path: Path) -> None:
    port = free_port()
    models = MlflowModels(f"postgresql://mlflow:secret@127.0.0.1:{port}/mlflow", "unlearning", tmp_path)
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port}") as raised:
        models.names()
    assert "secret" not in str(raised.value)


def test_a_store_of_another_mlflow_says_how_to_upgrade(local: MlflowModels) -> None:
    import sqlite3

    with sqlite3.connect(local.root / "mlflow.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'bd07f7e963c5'")
    database.close()
    with pytest.raises(ProjectError, match="mlflow db upgrade"):
        local.names()


# --- a good guest ---------------------------------------------------------------------------------------------------


def test_the_callers_mlflow_is_as_before(local: MlflowModels, candidate: Candidate, tmp_path: Path) -> None:
    theirs = f"sqlite:///{tmp_path}/theirs.db"
    local.names()
    (tmp_path / "theirs.db").write_bytes((tmp_path / "mlflow.db").read_bytes())
    before, level = mlflow.get_tracking_uri(), logging.getLogger("mlflow").level
    mlflow.set_tracking_uri(theirs)
    try:
        with mlflow.start_run() as active:
            environment = dict(os.environ)
            version = registered(local, candidate)
            local.predict(version, TABLE)
            assert mlflow.active_run().info.run_id == active.info.run_id
            assert mlflow.get_tracking_uri() == theirs
            assert dict(os.environ) == environment
            assert logging.getLogger("mlflow").level == level
        run = mlflow.get_run(active.info.run_id)
        assert (run.data.params, run.data.metrics, run.inputs.dataset_inputs) == ({}, {}, [])
        assert [each.name for each in mlflow.search_registered_models()] == []
    finally:
        mlflow.set_tracking_uri(before)


def test_threads_find_the_environment_as_they_left_it(local: MlflowModels) -> None:
    local.names()
    before = dict(os.environ)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: local.names(), range(12))) == [[]] * 12
    assert dict(os.environ) == before


FIRST_USE = """
import sys
from pathlib import Path
from unlearning.stores.mlflow.models import MlflowModels
print(MlflowModels(None, "unlearning", Path(sys.argv[1])).aliases("diagnosis"))
"""


def test_first_use_is_silent_leaves_nothing_in_the_working_folder_and_survives_company(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    command = [sys.executable, "-c", FIRST_USE, str(root)]
    together = [
        subprocess.Popen(command, cwd=elsewhere, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    assert [(*each.communicate(timeout=120), each.returncode) for each in together] == [("{}\n", "", 0)] * 2
    assert sorted(path.name for path in root.iterdir()) == [".unlearning", "mlflow.db"]
    assert list(elsewhere.iterdir()) == []


def test_an_interrupted_first_use_leaves_no_half_made_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.store.db import utils

    models, create = MlflowModels(None, "unlearning", tmp_path), utils._upgrade_db

    def interrupted(engine: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(utils, "_upgrade_db", interrupted)
    with pytest.raises(KeyboardInterrupt):
        models.names()
    assert not (tmp_path / "mlflow.db").exists()
    monkeypatch.setattr(utils, "_upgrade_db", create)
    assert models.names() == []
