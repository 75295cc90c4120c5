"""The served model: the mean answer of its constituents, wherever it is loaded."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tests.ensembles import TABLE, VOTES, by_hand, exported, packaged, registered, template
from tests.servers import free_port
from unlearning.stores.mlflow.connection import silence
from unlearning.stores.mlflow.models import MlflowModels
from unlearning.stores.mlflow.packaging import Candidate

with silence():  # MLflow warns about its own type hints while it is imported
    from unlearning.learners.tabular import serving as tabular


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
    served = tabular.encode(table, recipe.features, recipe.categories)
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
    features = tabular.encode(TABLE, recipe.features, recipe.categories)
    records = Records(features, np.array([0, 1, 0]))
    states = {shard: learner.fit(learner.fresh(shard, records), records, epochs=2, seed=shard) for shard in range(3)}
    version = registered(local, replace(candidate, served=learner.package(states)))
    expected = np.mean([learner.predict(state, features) for state in states.values()], axis=0)
    np.testing.assert_allclose(local.predict(version, TABLE)[list(recipe.labels)], expected, atol=1e-6)


def test_a_constituent_that_lacks_a_tensor_does_not_fall_back_to_the_template(
    local: MlflowModels, candidate: Candidate
) -> None:
    lacking = {shard: {"0.weight": tensors["0.weight"]} for shard, tensors in VOTES.items()}
    version = registered(local, replace(candidate, served=packaged(template(), lacking)))
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
    version = registered(local, replace(candidate, served=packaged(exported(Shifted(), 3))))
    np.testing.assert_allclose(local.predict(version, TABLE)["ill"], by_hand(TABLE), atol=1e-6)


def test_the_served_file_imports_nothing_but_what_the_model_requires() -> None:
    tree = ast.parse(packaged(template()).code)
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    required = {"mlflow", "numpy", "pandas", "safetensors", "torch"}
    assert {name.partition(".")[0] for name in names} - sys.stdlib_module_names <= required


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
    local: MlflowModels, candidate: Candidate, tmp_path: Path
) -> None:
    models, version = local, registered(local, candidate)
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
