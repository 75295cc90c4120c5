"""How one PyTorch model is made from a table: the recipe a user writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from unlearning.learners.tabular import TableRecipe, packaged
from unlearning.learners.torch.feeding import Columns, Feed

if TYPE_CHECKING:
    from unlearning.domain.protocols import Answers, Features, Records, Served, Target

Loss = Callable[[Tensor, Tensor], Tensor]
"""(n, outputs) logits or values, (n,) labels or float32 targets → (n,) loss of each record."""


VOTES = Path(__file__).with_name("votes.py")
"""What both files that are served have in common."""


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

    def made(self) -> nn.Module:
        """A network with its first weights."""
        return self.network(self.width, self.outputs)

    def inputs(self, features: Features) -> Tensor:
        """(n, width); a copy, because records are memory-mapped and read-only."""
        return torch.from_numpy(np.array(features, dtype=np.float32))

    def asked(self, target: Target) -> Tensor:
        """(n,) int64 labels, or float32 values."""
        return torch.tensor(target, dtype=torch.int64 if self.labels else torch.float32)

    def questions(self, rows: int) -> Tensor:
        """(rows,) what a loss is called with, about nobody."""
        return self.asked(np.arange(rows) % self.outputs)

    def feed(self, records: Records, preprocessed: Callable[[Tensor], Tensor], device: torch.device) -> Feed:
        """What a training passes over."""
        return Columns(preprocessed(self.inputs(records.features)), self.asked(records.target).to(device))

    def had(self, records: Records) -> None:
        """Which answers there are is declared."""
        del records

    def answers(self, outputs: Answers, features: Features) -> Answers:
        """(n, outputs), as the network gives them."""
        del features
        return outputs

    def packaged(self, files: dict[str, bytes], had: Iterable[Tensor]) -> Served:
        """The files, and a program that answers rows of a table."""
        del had
        return packaged(
            self, "torch.export", Path(__file__).with_name("serving.py"), files, needs=("safetensors", "torch"), beside=(VOTES,)
        )

    def facts(self) -> dict[str, Any]:
        """Everything but code that shapes training."""
        return super().facts() | {"epochs": self.epochs, "batch_size": self.batch_size}

    def contradictions(self) -> Iterable[str]:
        """Those of any table, and passes or batches of nothing."""
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                yield f"{name}={getattr(self, name)}; expected at least 1"
        yield from super().contradictions()
