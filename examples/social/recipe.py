"""How the abuse filter is made: one network for all posts, since it is too costly to train it many times over."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn, optim
from words import COLUMNS

from unlearning.learners.torch import TorchRecipe


class Damped(nn.Module):
    """log(1 + count): stateless, so it needs no fitting."""

    def forward(self, features: Tensor) -> Tensor:
        """(n, columns) damped counts."""
        return features.log1p()


def network(features: int, labels: int) -> nn.Module:
    """(n, features) word counts to (n, labels) logits."""
    return nn.Sequential(Damped(), nn.Linear(features, 16), nn.ReLU(), nn.Linear(16, labels))


def optimizer(parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
    """A fresh optimiser for a network's parameters."""
    return optim.Adam(parameters, lr=0.005)


recipe = TorchRecipe(
    network=network,
    features=COLUMNS,
    target="verdict",
    person="account",
    labels=("fine", "abuse"),
    optimizer=optimizer,
    epochs=8,
    batch_size=32,
    sources=("words.py",),  # its content shapes training, so it is part of the chain's root
)
