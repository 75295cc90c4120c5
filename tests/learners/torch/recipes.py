"""Recipes small enough to train in milliseconds, and records for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import nn

from unlearning.domain.draws import mixed
from unlearning.domain.protocols import Records
from unlearning.learners.torch import TorchLearner, TorchRecipe, standardize

FEATURES = ("a", "b", "c")


def plain_network(width: int, labels: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, 8), nn.ReLU(), nn.Linear(8, labels))


def busy_network(width: int, labels: int) -> nn.Module:
    """Everything that has tripped exact retraining: dropout, batch normalisation, a tied weight."""
    first = nn.Linear(width, 8)
    tied = nn.Linear(8, 8)
    return nn.Sequential(first, nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.4), tied, nn.ReLU(), tied, nn.Linear(8, labels))


def adam(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=0.01, weight_decay=1e-3)


def sgd(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9)


def recipe(
    network: Callable[[int, int], nn.Module] = plain_network,
    optimizer: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer] = sgd,
    batch_size: int = 16,
    **others: object,
) -> TorchRecipe:
    return TorchRecipe(
        network=network,
        features=FEATURES,
        target="label",
        person="person",
        labels=("no", "yes"),
        optimizer=optimizer,
        epochs=4,
        batch_size=batch_size,
        preprocessing=standardize,
        **others,  # type: ignore[arg-type]
    )


def busy(batch_size: int = 16) -> TorchRecipe:
    return recipe(busy_network, adam, batch_size)


def some_records(count: int, seed: int = 0) -> Records:
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(count, 3)).astype(np.float32)
    features[draw.random(features.shape) < 0.05] = np.nan
    keys = mixed(np.arange(1, len(features) + 1, dtype=np.uint64))
    return Records(features, (np.nan_to_num(features).sum(1) > 0).astype(np.int64), keys)


def trained(learner: TorchLearner, count: int = 75) -> bytes:
    """Two stages, with a checkpoint between them that is not used."""
    data = some_records(count)
    state = learner.fresh(7, data[: count // 2])
    state = learner.fit(state, data[: count // 2], epochs=2, seed=11)
    return learner.dumps(learner.fit(state, data, epochs=2, seed=12))
