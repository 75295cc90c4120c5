"""How the readmission model is made: visits of patients, several rows a person, with gaps in the measurements."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn, optim

from unlearning.learners.torch import TorchRecipe, standardize


def network(features: int, labels: int) -> nn.Module:
    """A small perceptron: (n, features) to (n, labels) logits."""
    return nn.Sequential(nn.Linear(features, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, labels))


def optimizer(parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
    """A fresh optimiser for a network's parameters."""
    return optim.AdamW(parameters, lr=0.01, weight_decay=0.05)


recipe = TorchRecipe(
    network=network,
    features=["age", "heart_rate", "systolic", "creatinine", "ward"],
    categories={"ward": ("cardiology", "surgery", "oncology")},
    target="readmitted",
    person="patient",
    labels=("no", "yes"),
    optimizer=optimizer,
    epochs=20,
    batch_size=16,
    preprocessing=standardize,  # fitted on each shard's first slice only; a gap counts as the mean
)
