"""Real MLflow on SQLite and behind a real server; ensembles small enough to average by hand."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from unlearning.entities import DataVersion, ModelVersion
from unlearning.stores.models import MlflowModels
from unlearning.stores.packaging import Candidate

SHARDS = 8
DATA = DataVersion(path="data/train.parquet", digest="d" * 64, object="0" * 32 + ".dir", rev="a" * 40, rows=90, people=30)


@pytest.fixture(scope="session")
def template() -> bytes:
    """Two features in, one of them categorical with two values, so three columns; two labels out."""
    network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Softmax(dim=1)).eval()
    rows = torch.export.Dim("rows")
    program = torch.export.export(network, (torch.zeros(2, 3),), dynamic_shapes=({0: rows},))
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    return buffer.getvalue()


def vote(bias: float) -> dict[str, np.ndarray[Any, Any]]:
    """A constituent whose logits are (age + bias, 0), plus (0, 1) for the category `b`."""
    weight = np.array([[1, 0, 0], [0, 0, 1]], dtype=np.float32)
    return {"0.weight": weight, "0.bias": np.array([bias, 0], dtype=np.float32)}


@pytest.fixture
def candidate(template: bytes) -> Candidate:
    return Candidate(
        model="diagnosis",
        idempotency="attempt-1",
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


@pytest.fixture
def models(tmp_path: Path) -> MlflowModels:
    return MlflowModels(None, "unlearning", tmp_path)


def registered(models: MlflowModels, candidate: Candidate) -> ModelVersion:
    logged = models.log_candidate(candidate)
    return models.register(logged, candidate.model, tags={"unlearning.method": "sisa"}, idempotency=candidate.idempotency)


TABLE = pd.DataFrame({"age": [0.5, -1.0, 2.0], "ward": ["a", "b", "?"]})


def by_hand() -> np.ndarray[Any, Any]:
    """P(ill) as the mean over constituents of the logistic function of the logits' difference."""
    gap = np.array(
        [[age + shard / 10 - (ward == "b") for shard in range(SHARDS)] for age, ward in TABLE.itertuples(index=False)]
    )
    return (1 / (1 + np.exp(-gap))).mean(axis=1)


def test_a_registered_ensemble_answers_with_the_mean_softmax_of_its_constituents(
    models: MlflowModels, candidate: Candidate
) -> None:
    version = registered(models, candidate)
    models.move_alias("diagnosis", "champion", expected=None, to=version)
    answer = models.predict(version, TABLE)
    assert list(answer.columns) == ["ill", "well", "prediction"]
    np.testing.assert_allclose(answer["ill"], by_hand(), atol=1e-6)
    assert answer["prediction"].tolist() == ["ill", "well", "ill"]
