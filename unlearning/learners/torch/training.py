"""The inner parts of training: what it asks of a recipe, the state it goes on from, its steps, and what they must look like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from unlearning.domain.errors import RecipeError
from unlearning.learners.torch.recipe import Loss

if TYPE_CHECKING:
    from unlearning.domain.protocols import Answers, Features, Records, Served
    from unlearning.learners.torch.feeding import Feed


class Described(Protocol):
    """A recipe of this learner."""

    @property
    def task(self) -> str:
        """By which the model is judged."""

    @property
    def labels(self) -> Sequence[str]:
        """Declared labels or items; none of a regression."""

    @property
    def epochs(self) -> int:
        """Passes over the data of a plain training."""

    @property
    def batch_size(self) -> int:
        """Records a step."""

    @property
    def width(self) -> int:
        """Inputs of the network."""

    @property
    def outputs(self) -> int:
        """Numbers that it gives."""

    @property
    def preprocessing(self) -> Callable[[Tensor], nn.Module] | None:
        """What is fitted on the first slice."""

    @property
    def optimizer(self) -> Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]:
        """Called once for a constituent."""

    @property
    def objective(self) -> Loss:
        """(n, outputs), targets → (n,) the loss that training minimises."""

    def facts(self) -> Mapping[str, Any]:
        """Everything but code that shapes training."""

    def made(self) -> nn.Module:
        """A network with its first weights."""

    def inputs(self, features: Features) -> Tensor:
        """(n, width) float32, with memory of their own."""

    def questions(self, rows: int) -> Tensor:
        """(rows, …) targets about nobody, as `feed` gives them."""

    def feed(self, records: Records, preprocessed: Callable[[Tensor], Tensor], device: torch.device) -> Feed:
        """What a training passes over."""

    def had(self, records: Records) -> Tensor | None:
        """What a state remembers of its records besides weights."""

    def answers(self, outputs: Answers, features: Features) -> Answers:
        """What is answered, from what the network gave."""

    def packaged(self, files: dict[str, bytes], had: Iterable[Tensor]) -> Served:
        """The files, with the program that reads them."""


Batch = tuple[Tensor, Tensor, Tensor]
"""(batch, d) features, (batch, …) targets, (batch,) weights."""


@dataclass(frozen=True, eq=False)
class TorchState:
    """Everything that training goes on from."""

    seed: int
    """Of the untrained network: what it draws when it is built, stored or not, is drawn again when it is rebuilt."""
    preprocessing: nn.Module
    network: nn.Module
    optimizer: torch.optim.Optimizer
    had: Tensor | None = None
    """Of lists: (⌈items / 8⌉,) uint8, which items one of the people has that this was trained on."""

    def tree(self) -> dict[str, Any]:
        """All of it as nested plain values and tensors, the ones training goes on with."""
        return {
            "seed": self.seed,
            "preprocessing": dict(self.preprocessing.state_dict()),
            "network": dict(self.network.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            **({} if self.had is None else {"had": self.had}),
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
