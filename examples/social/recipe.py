"""How the abuse filter is made: posts as the numbers of an encoder → a moderator's verdict, by a small head on top."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn, optim

from unlearning.learners.torch import TorchRecipe


def head(features: int, labels: int) -> nn.Module:
    """(n, 384) numbers to (n, labels) logits."""
    return nn.Sequential(nn.Linear(features, 16), nn.ReLU(), nn.Linear(16, labels))


def optimizer(parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
    """A fresh optimiser for a head's parameters."""
    return optim.AdamW(parameters, lr=0.005, weight_decay=0.01)


recipe = TorchRecipe(
    network=head,
    features=["post"],
    embeddings={"post": 384},
    target="verdict",
    person="account",
    labels=("fine", "abuse"),
    optimizer=optimizer,
    epochs=15,
    batch_size=16,
    sources=("embed.py",),  # another encoder is another model
)
