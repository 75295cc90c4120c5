"""The inner parts of training: the state it goes on from, its steps, and what they must look like."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from unlearning.domain.errors import RecipeError
from unlearning.learners.torch.recipe import Loss

Batch = tuple[Tensor, Tensor, Tensor]
"""(batch, d) features, (batch,) labels, (batch,) weights."""


@dataclass(frozen=True, eq=False)
class TorchState:
    """Everything that training goes on from."""

    seed: int
    """Of the untrained network: what it draws when it is built, stored or not, is drawn again when it is rebuilt."""
    preprocessing: nn.Module
    network: nn.Module
    optimizer: torch.optim.Optimizer

    def tree(self) -> dict[str, Any]:
        """All of it as nested plain values and tensors, the ones training goes on with."""
        return {
            "seed": self.seed,
            "preprocessing": dict(self.preprocessing.state_dict()),
            "network": dict(self.network.state_dict()),
            "optimizer": self.optimizer.state_dict(),
        }


def weights(records: int, size: int) -> Tensor:
    """(steps, size) weight of each place in its batch's mean: 0 for the places that only fill up the last batch."""
    steps = -(-records // size)
    last = records - (steps - 1) * size
    shares = torch.full((steps, size), 1.0 / size)
    shares[-1] = torch.where(torch.arange(size) < last, 1.0 / last, 0.0)
    return shares


def run_steps(state: TorchState, loss: Loss, batches: Iterable[Batch]) -> None:
    """One optimiser step a batch."""
    network, step = state.network, state.optimizer.step
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for features, labels, shares in batches:
        for parameter in parameters:
            parameter.grad = None
        # The gradient of Σ weight·loss, without making the sum.
        torch.autograd.backward(loss(network(features), labels), shares)
        step()


def check_shapes(logits: Tensor, loss: Loss, target: Tensor, *, outputs: int) -> None:
    """Raises RecipeError unless the network gives one logit per label, or one value, and the loss one number per record."""
    records, expected = len(target), (len(target), outputs)
    if tuple(logits.shape) != expected:
        raise RecipeError(f"the network gives {tuple(logits.shape)} logits for {records} records, expected {expected}")
    losses = loss(logits, target)
    if tuple(losses.shape) != expected[:1]:
        raise RecipeError(
            f"the loss gives shape {tuple(losses.shape)} for {records} records, expected {expected[:1]}; "
            'use reduction="none", one loss per record'
        )


def check_finite(network: nn.Module) -> None:
    """Raises RecipeError when training has diverged."""
    if not all(bool(torch.isfinite(value).all()) for value in network.parameters()):
        raise RecipeError(
            "training diverged: the network's weights are not finite; give the recipe a preprocessing (such as `standardize`) "
            "if features are missing or large, or lower the learning rate"
        )
