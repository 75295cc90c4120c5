"""Every kind of served model in an environment of its own: what it requires is installed from the registry of packages, and
`mlflow models serve` answers over HTTP as the learner does, without this package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.ensembles import DATA, local, registered
from tests.servers import free_port, running
from tests.small_statistics import ranking
from tests.small_torch import torch_ranking
from unlearning.domain.item_lists import unpacked
from unlearning.domain.protocols import Learner, Records
from unlearning.domain.tasks import RANKING
from unlearning.learners.boosting import BoostingLearner, BoostingRecipe
from unlearning.learners.statistics import StatisticsLearner, StatisticsRecipe
from unlearning.stores.mlflow.models import MlflowModels
from unlearning.stores.mlflow.packaging import Candidate
from unlearning.testing import ITEMS, population

__all__ = ["local"]

WARDS = ("a", "b", "c")
COMMON: dict[str, Any] = {
    "features": ("age", "dose", "ward"),
    "categories": {"ward": WARDS},
    "target": "outcome",
    "person": "patient",
    "labels": ("ill", "well"),
}


def visits(rows: int = 240) -> pd.DataFrame:
    """Numbers with gaps, a category with gaps, and a label that can be learned."""
    random = np.random.default_rng(1)
    ill = random.random(rows) < 0.5
    age = np.where(random.random(rows) < 0.1, np.nan, 50.0 + 20 * ill + random.normal(0, 5, rows))
    ward = [None if one == len(WARDS) else WARDS[one] for one in random.integers(0, len(WARDS) + 1, rows)]
    outcome = np.where(ill, "ill", "well")
    return pd.DataFrame({"age": age, "dose": random.normal(0, 1, rows), "ward": ward, "outcome": outcome, "patient": "one"})


def torch() -> Learner[Any]:
    from torch import nn, optim

    from unlearning.learners.torch import TorchLearner, TorchRecipe, standardize

    return TorchLearner(
        TorchRecipe(
            network=lambda width, labels: nn.Sequential(nn.Linear(width, 4), nn.ReLU(), nn.Linear(4, labels)),
            optimizer=lambda parameters: optim.Adam(parameters, lr=0.01),
            epochs=2,
            batch_size=8,
            preprocessing=standardize,
            **COMMON,
        )
    )


def sklearn() -> Learner[Any]:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    from unlearning.learners.sklearn import SklearnLearner, SklearnRecipe

    words = OneHotEncoder(categories=[list(WARDS)], handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer((words, ["ward"]), remainder=SimpleImputer())
    return SklearnLearner(SklearnRecipe(estimator=make_pipeline(columns, LogisticRegression()), **COMMON))


def boosting(library: str) -> Callable[[], Learner[Any]]:
    return lambda: BoostingLearner(BoostingRecipe(library=library, rounds=6, **COMMON))


def statistics() -> Learner[Any]:
    return StatisticsLearner(StatisticsRecipe(model="gaussian_nb", ranges=(-1000.0, 1000.0), **COMMON))


TABULAR: dict[str, Callable[[], Learner[Any]]] = {
    "torch": torch,
    "sklearn": sklearn,
    **{library: boosting(library) for library in ("xgboost", "lightgbm", "catboost")},
    "statistics": statistics,
}


def trained(learner: Learner[Any], records: Records) -> dict[int, Any]:
    """Two constituents, each of half of them."""
    halves = {0: records[: len(records) // 2], 3: records[len(records) // 2 :]}
    [epochs] = learner.stage_epochs(1)
    return {shard: learner.fit(learner.fresh(shard, part), part, epochs=epochs, seed=shard) for shard, part in halves.items()}


@pytest.fixture(scope="module")
def served_by(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with MLflow and what that needs: half a gigabyte, so it is installed once and lent to the others."""
    folder = tmp_path_factory.mktemp("mlflow")
    install(environment(folder), f"mlflow=={mlflow.__version__}")
    return folder


def environment(folder: Path) -> Path:
    """The programs of a new, empty one."""
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    return folder / "venv/bin"


def install(programs: Path, *what: str) -> None:
    command = [str(programs / "python"), "-m", "pip", "install", "-q", "--no-compile", *what]
    subprocess.run(command, check=True, env=alone(programs), cwd=programs)


def fresh(models: MlflowModels, name: str, learner: Any, states: dict[int, Any], folder: Path, lent: Path) -> tuple[Path, Path]:
    """(the model's folder, the programs of a new environment: MLflow lent, and in front of it what the model requires)."""
    recipe = learner.recipe
    candidate = Candidate(
        model=name,
        idempotency=name,
        served=learner.package(states),
        features=recipe.features,
        categories=recipe.categories,
        labels=recipe.labels,
        data=DATA,
    )
    version = registered(models, candidate)
    found = folder / "model"  # alone there: whoever serves it copies the folder
    found.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", models.uri)
        mlflow.artifacts.download_artifacts(f"models:/{version.name}/{version.version}", dst_path=str(found))
    programs = environment(folder)
    [packages], [others] = (list(one.glob("venv/lib/python*/site-packages")) for one in (folder, lent))
    (packages / "lent.pth").write_text(f"{others}\n")
    install(programs, "-r", str(found / "requirements.txt"))
    install(programs, "--force-reinstall", "--no-deps", f"uvicorn=={metadata.version('uvicorn')}")  # MLflow starts its program
    return found, programs


def alone(programs: Path) -> dict[str, str]:
    """Variables that lead to those programs, and to nothing of ours."""
    ours = ("PYTHONPATH", "VIRTUAL_ENV", "MLFLOW_TRACKING_URI")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return {**kept, "PATH": os.pathsep.join((str(programs), os.defpath)), "PYTHONPATH": ""}


def answered(model: Path, programs: Path, body: dict[str, Any]) -> Any:
    """What `mlflow models serve` says over HTTP."""
    tried = [str(programs / "python"), "-c", "import unlearning"]
    ours = subprocess.run(tried, env=alone(programs), cwd=model.parent, capture_output=True, check=False)
    assert b"No module named 'unlearning'" in ours.stderr
    port = free_port()
    command = [str(programs / "python"), "-m", "mlflow", "models", "serve", "--env-manager", "local", "--host", "127.0.0.1"]
    command += ["--port", str(port), "-m", str(model)]
    at = f"http://127.0.0.1:{port}"
    with running(command, model.parent / "serve.log", alone(programs), f"{at}/health", 180):
        ask = urllib.request.Request(f"{at}/invocations", json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(ask, timeout=60) as answer:
            return json.load(answer)["predictions"]


@pytest.mark.slow
@pytest.mark.services
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", TABULAR)
def test_a_model_of_a_table_answers_there_as_its_learner_does(
    kind: str, local: MlflowModels, served_by: Path, tmp_path: Path
) -> None:
    learner: Any = TABULAR[kind]()
    table = visits()
    records = learner.recipe.encode(pa.Table.from_pandas(table, preserve_index=False)).records
    states = trained(learner, records)
    model, programs = fresh(local, kind, learner, states, tmp_path, served_by)
    raw = table[list(learner.recipe.features)].astype(object)
    body = raw.where(raw.notna(), None).to_dict(orient="split")
    said = answered(model, programs, {"dataframe_split": {name: body[name] for name in ("columns", "data")}})
    expected = np.mean([learner.predict(state, records.features) for state in states.values()], axis=0)
    np.testing.assert_allclose([[row["ill"], row["well"]] for row in said], expected, rtol=1e-5, atol=1e-7)
    assert {row["prediction"] for row in said} == {"ill", "well"}


@pytest.mark.slow
@pytest.mark.services
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["ease", "towers"])
def test_a_recommender_answers_there_with_the_best_others(
    local: MlflowModels, served_by: Path, tmp_path: Path, kind: str
) -> None:
    learner: Any = torch_ranking() if kind == "towers" else StatisticsLearner(ranking("ease"))
    records = population(people=41, task=RANKING).records
    states = trained(learner, records)
    model, programs = fresh(local, f"ranking-{kind}", learner, states, tmp_path, served_by)
    shown = unpacked(records.features, ITEMS)[:5]
    lists = [[f"item {at}" for at in np.flatnonzero(row)] for row in shown]
    body = {"dataframe_split": {"columns": ["items"], "data": [[one] for one in lists]}, "params": {"k": 5}}
    said = answered(model, programs, body)
    expected = np.mean([learner.predict(state, records.features) for state in states.values()], axis=0)
    for row, scores, mine in zip(said, expected, lists, strict=False):
        assert len(row["items"]) == 5
        assert not set(row["items"]) & set(mine)
        np.testing.assert_allclose(row["scores"], [scores[int(name.removeprefix("item "))] for name in row["items"]], rtol=1e-5)
