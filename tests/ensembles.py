"""Ensembles small enough to average by hand, how a test registers one, and the registries that it is registered in."""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch

from unlearning.domain.protocols import Served
from unlearning.domain.versions import DataVersion, ModelVersion
from unlearning.learners.torch import TorchRecipe
from unlearning.learners.torch.export import package
from unlearning.stores.mlflow.models import MlflowModels
from unlearning.stores.mlflow.packaging import Candidate

SHARDS = 8

DATA = DataVersion(path="data/train.parquet", digest="d" * 64, object="0" * 32 + ".dir", rev="a" * 40, rows=90, people=30)

TABLE = pd.DataFrame({"age": [0.5, -1.0, 2.0], "ward": ["a", "b", "?"]})


def exported(network: torch.nn.Module, width: int) -> bytes:
    program = torch.export.export(network.eval(), (torch.zeros(2, width),), dynamic_shapes=({0: torch.export.Dim("rows")},))
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    return buffer.getvalue()


@functools.cache
def template() -> bytes:
    """One number and one feature of two categories in, so three columns; two probabilities out."""
    return exported(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Softmax(dim=1)), 3)


def vote(bias: float) -> dict[str, np.ndarray[Any, Any]]:
    """A constituent whose logits are (age + bias, 1 if the category is `b`)."""
    weight = np.array([[1, 0, 0], [0, 0, 1]], dtype=np.float32)
    return {"0.weight": weight, "0.bias": np.array([bias, 0], dtype=np.float32)}


VOTES = {shard: vote(shard / 10) for shard in range(SHARDS)}


def packaged(program: bytes, votes: Mapping[int, Any] = VOTES, wards: Sequence[str] = ("a", "b")) -> Served:
    return package(recipe(wards), program, votes)


def recipe(wards: Sequence[str] = ("a", "b")) -> TorchRecipe:
    return TorchRecipe(
        network=torch.nn.Linear,
        features=("age", "ward"),
        target="label",
        person="who",
        labels=("ill", "well"),
        optimizer=torch.optim.SGD,
        epochs=1,
        batch_size=1,
        categories={"ward": wards},
    )


def by_hand(table: pd.DataFrame) -> np.ndarray[Any, Any]:
    """P(ill): the mean over constituents of the logistic function of the difference between the two logits."""
    gap = np.array(
        [[age + shard / 10 - (ward == "b") for shard in range(SHARDS)] for age, ward in table.itertuples(index=False)]
    )
    return (1 / (1 + np.exp(-gap))).mean(axis=1)


def registered(models: MlflowModels, candidate: Candidate) -> ModelVersion:
    logged = models.log_candidate(candidate)
    return models.register(logged, candidate.model, tags={"unlearning.method": "sisa"}, idempotency=candidate.idempotency)


def client(models: MlflowModels) -> mlflow.MlflowClient:
    return mlflow.MlflowClient(models.uri, models.uri)


# --- fixtures, for the conftest of whoever registers ----------------------------------------------------------------


@pytest.fixture
def local(tmp_path: Path, blank_registry: Path) -> MlflowModels:
    (tmp_path / "mlflow.db").write_bytes(blank_registry.read_bytes())
    return MlflowModels(None, "unlearning", tmp_path)


@pytest.fixture(params=["sqlite", pytest.param("server", marks=pytest.mark.services)])
def models(request: pytest.FixtureRequest, tmp_path: Path) -> MlflowModels:
    """The registry at each kind of address, with an experiment of its own."""
    if request.param == "sqlite":
        found: MlflowModels = request.getfixturevalue("local")
        return found
    return MlflowModels(request.getfixturevalue("registry_server")[0], tmp_path.name, tmp_path)


@pytest.fixture
def candidate(tmp_path: Path) -> Candidate:
    return Candidate(
        model=f"diagnosis-{tmp_path.name}",
        idempotency=f"attempt-1-{tmp_path.name}",
        served=packaged(template()),
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
