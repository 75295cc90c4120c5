"""How the next-purchase model is made: what a customer looked at → the department of the next purchase."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn, optim

from unlearning.learners.torch import TorchRecipe, standardize

DEPARTMENTS = ("books", "garden", "kitchen", "music", "sports", "toys")
"""The catalogue is declared, never read off the customers' data: a department stays when its last buyer has left."""


def network(features: int, labels: int) -> nn.Module:
    """(n, features) to (n, labels) logits; no weight belongs to one customer, as it would in a table of embeddings."""
    return nn.Sequential(nn.Linear(features, 24), nn.ReLU(), nn.Linear(24, labels))


def optimizer(parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
    """A fresh optimiser for a network's parameters."""
    return optim.SGD(parameters, lr=0.05, momentum=0.9)


recipe = TorchRecipe(
    network=network,
    features=["viewed_first", "viewed_second", "viewed_last", "device", "basket"],
    categories={
        "viewed_first": DEPARTMENTS,
        "viewed_second": DEPARTMENTS,
        "viewed_last": DEPARTMENTS,
        "device": ("phone", "desktop"),
    },
    target="bought",
    person="customer",
    labels=DEPARTMENTS,
    optimizer=optimizer,
    epochs=12,
    batch_size=32,
    preprocessing=standardize,
)
