"""Ensembles small enough to average by hand, and how a test registers one."""

from __future__ import annotations

import io
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import torch

from unlearning.domain.versions import DataVersion, ModelVersion
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


def registered(models: MlflowModels, candidate: Candidate) -> ModelVersion:
    logged = models.log_candidate(candidate)
    return models.register(logged, candidate.model, tags={"unlearning.method": "sisa"}, idempotency=candidate.idempotency)


def client(models: MlflowModels) -> mlflow.MlflowClient:
    return mlflow.MlflowClient(models.uri, models.uri)
