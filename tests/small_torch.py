"""A PyTorch learner for the small world of `unlearning.testing`, with everything in it that keeps state or draws numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tests.small_statistics import catalogue
from unlearning.domain.chain import Job, Part
from unlearning.learners.torch import TorchLearner, TorchRankingRecipe, TorchRecipe, Towers, standardize
from unlearning.methods.sisa import Sisa
from unlearning.stores import spool
from unlearning.stores.checkpoints import CheckpointStore
from unlearning.testing import FEATURES, ITEMS, LABELS, LearnerFactory


def network(features: int, labels: int) -> nn.Module:
    return nn.Sequential(nn.Linear(features, 8), nn.BatchNorm1d(8), nn.GELU(), nn.Dropout(0.1), nn.Linear(8, labels))


def adam(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=0.02)


RECIPE = TorchRecipe(
    network=network,
    features=[f"x{number}" for number in range(FEATURES)],
    target="label",
    person="person",
    labels=[f"label {number}" for number in range(LABELS)],
    optimizer=adam,
    epochs=3,
    batch_size=8,
    preprocessing=standardize,
)


def torch_learner() -> TorchLearner:
    return TorchLearner(RECIPE)


def torch_regression() -> TorchLearner:
    return TorchLearner(replace(RECIPE, labels=()))


def towers(items: int) -> nn.Module:
    """Two towers, of which one is a network that keeps state and draws numbers."""
    return Towers(items, 6, nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Dropout(0.1), nn.GELU(), nn.Linear(6, 6)))


def factors(items: int) -> nn.Module:
    """Factored similarity."""
    return Towers(items, 6)


def torch_ranking(network: Callable[[int], nn.Module] = towers, **parts: Any) -> TorchLearner:
    """A recommender for the lists of `unlearning.testing`."""
    given: dict[str, Any] = {"item": "item", "person": "person", "items": catalogue(ITEMS), "epochs": 3, "batch_size": 8}
    asked = {"positives": 3, "negatives": 4}
    return TorchLearner(TorchRankingRecipe(network=network, optimizer=adam, **(given | asked | parts)))


def run_job_with(make_learner: LearnerFactory, job: Job) -> Part:
    """What a worker process does: open what the job names, and run it."""
    return Sisa().run(job, make_learner(), spool.read(Path(job.records)), CheckpointStore(job.checkpoints))
