"""How one PyTorch model is made from a table: the recipe a user writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from unlearning.learners.tabular import TableRecipe

Loss = Callable[[Tensor, Tensor], Tensor]
"""(n, outputs) logits or values, (n,) labels or float32 targets → (n,) loss of each record."""


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """(n,) cross-entropy of each record, in nats."""
    return nn.functional.cross_entropy(logits, labels, reduction="none")


def squared_error(values: Tensor, target: Tensor) -> Tensor:
    """(n,) squared error of each record."""
    return (values.squeeze(-1) - target).square()


class Standardize(nn.Module):
    """(x - mean) / scale, column by column; a missing value counts as the mean."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def forward(self, features: Tensor) -> Tensor:
        """(n, d) standardized features."""
        return (torch.where(torch.isnan(features), self.mean, features) - self.mean) / self.scale


def standardize(features: Tensor) -> nn.Module:
    """Zero mean and unit variance per column, fitted on (n, d) features but for NaN; a constant column keeps its scale."""
    values = features.double()
    mean = values.nanmean(0).nan_to_num(0.0)
    spread = (values - mean).square().nanmean(0).sqrt().nan_to_num(0.0)
    # Below the resolution of float32 a spread is rounding, and dividing by it would blow up the next slice's values.
    varies = spread > torch.finfo(torch.float32).eps * mean.abs()
    return Standardize(mean.float(), torch.where(varies, spread, 1.0).float())


@dataclass(frozen=True, kw_only=True)
class TorchRecipe(TableRecipe):
    """How one PyTorch classifier or regression is made from a table.

    Randomness must come from torch (dropout and the like): draws from `random` or numpy could not be repeated.
    """

    network: Callable[[int, int], nn.Module]
    """(encoded features, outputs) → a module from (n, features) float32 to (n, outputs): logits, one a label, or one value."""
    optimizer: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
    epochs: int
    batch_size: int
    loss: Loss | None = None
    """None: cross-entropy, or the squared error of a regression."""
    preprocessing: Callable[[Tensor], nn.Module] | None = None
    """The shard's first slice (n, features), NaN where missing → a module with what was fitted in buffers of fixed shape."""
    learner: str = "torch"

    engine: ClassVar[str] = "torch/2"
    one_hot: ClassVar[bool] = True

    @property
    def objective(self) -> Loss:
        """The loss that training minimises."""
        return self.loss or (cross_entropy if self.labels else squared_error)

    def facts(self) -> dict[str, Any]:
        """Everything but code that shapes training."""
        return super().facts() | {"epochs": self.epochs, "batch_size": self.batch_size}

    def contradictions(self) -> Iterable[str]:
        """Those of any table, and passes or batches of nothing."""
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                yield f"{name}={getattr(self, name)}; expected at least 1"
        yield from super().contradictions()
