"""How one recommender by embeddings is made from a table of purchases: the recipe a user writes, and networks for it.

What is trained says how items are alike, and a person is a function of their list alone: somebody whom training never saw is
answered like everybody else, and whoever leaves is gone with their row of the table. Matrix factorisation with a learned vector
for each person (Koren, Bell & Volinsky 2009) is not offered. Such a vector is a row of the model about one person, which is
handed on with every copy of it; how many there are changes with whoever comes and leaves, so that no checkpoint fits the next
training; and nobody new has one. The forms here are those that compute it: factored item similarity (Paterek 2007, "Improving
regularized singular value decomposition"; Kabbur, Ning & Karypis 2013, doi:10.1145/2487575.2487589), two towers (Covington,
Adams & Sargin 2016, doi:10.1145/2959100.2959190), and any network from lists to scores, as auto-encoders (Liang et al. 2018,
arXiv:1802.05814).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from unlearning.domain.item_lists import unpacked
from unlearning.domain.protocols import Records, Served
from unlearning.learners.tabular import ItemListRecipe, packaged_lists
from unlearning.learners.torch.feeding import Asking, Feed, Lists
from unlearning.learners.torch.recipe import VOTES, Loss

if TYPE_CHECKING:
    from unlearning.domain.protocols import Answers, Features

MOST_ITEMS = 100_000
"""A step scores all items for a batch of people: 51 MB at 128 people."""


def sampled_softmax(scores: Tensor, asked: Tensor) -> Tensor:
    """(n,) minus the logarithm of the chance of a hidden item among those drawn against it, mean over a person's hidden ones.

    scores: (n, items); asked: (n, positives, 1 + negatives) items, the hidden one first.
    """
    among = _of(scores, asked)
    return (torch.logsumexp(among, dim=2) - among[..., 0]).mean(dim=1)


def bpr(scores: Tensor, asked: Tensor) -> Tensor:
    """(n,) minus the logarithm of the chance that a hidden item comes before one drawn against it, mean over a person's pairs.

    Rendle et al. 2009, "BPR: Bayesian personalized ranking from implicit feedback", arXiv:1205.2618. Shapes as above.
    """
    among = _of(scores, asked)
    return nn.functional.softplus(among[..., 1:] - among[..., :1]).mean(dim=(1, 2))


def _of(scores: Tensor, asked: Tensor) -> Tensor:
    return scores.gather(1, asked.flatten(1)).view(asked.shape)


class Towers(nn.Module):
    """The score of an item is the product of two vectors and a number of its own, which is all that a newcomer's list gives.

    With x a person's list, E and V (items, dimensions), and `tower` the identity unless one is given (factored similarity),

        person = tower(|x|^-1/2 · Σ_{i ∈ x} E_i),   score_j = person · V_j + b_j

    The exponent is that of Koren 2008, doi:10.1145/1401890.1401944.
    """

    def __init__(self, items: int, dimensions: int, tower: nn.Module | None = None) -> None:
        super().__init__()
        self.shown = nn.Parameter(torch.randn(items, dimensions) * 0.1)
        self.sought = nn.Parameter(torch.randn(items, dimensions) * 0.1)
        self.often = nn.Parameter(torch.zeros(items))
        self.tower = tower or nn.Identity()

    def forward(self, lists: Tensor) -> Tensor:
        """(n, items) zeros and ones → (n, items) scores."""
        person: Tensor = self.tower(lists @ self.shown * lists.sum(dim=1, keepdim=True).clamp(min=1).rsqrt())
        return torch.addmm(self.often, person, self.sought.T)


@dataclass(frozen=True, kw_only=True)
class TorchRankingRecipe(ItemListRecipe):
    """How one PyTorch recommender is made from a table of what people have.

    Each pass hides items of each person, shows the network the others, and asks for the hidden ones against items that the
    person lacks. Which ones is drawn by the person's own key.
    """

    network: Callable[[int], nn.Module]
    """Items → a module from (n, items) float32, ones for what a person shows, to (n, items) scores."""
    optimizer: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
    epochs: int
    batch_size: int
    """People a step."""
    positives: int = 8
    """Items of each person that a pass hides and asks for: at most half of what they have."""
    negatives: int = 16
    """Items that a person lacks, drawn against each hidden one."""
    loss: Loss = sampled_softmax
    """(n, items) scores, (n, positives, 1 + negatives) items asked for, the hidden one first → (n,) loss of each person."""
    learner: str = "torch"

    engine: ClassVar[str] = "torch-lists/1"
    preprocessing: ClassVar[None] = None

    @property
    def width(self) -> int:
        """Inputs of the network."""
        return len(self.items)

    @property
    def outputs(self) -> int:
        """Scores that it gives."""
        return len(self.items)

    @property
    def objective(self) -> Loss:
        """The loss that training minimises."""
        return self.loss

    def made(self) -> nn.Module:
        """A network with its first weights."""
        return self.network(self.width)

    def facts(self) -> dict[str, Any]:
        """Everything but code that shapes training."""
        own = ("epochs", "batch_size", "positives", "negatives")
        return super().facts() | {name: getattr(self, name) for name in own}

    def contradictions(self) -> Iterable[str]:
        """Those of any lists, and passes, batches or questions of nothing."""
        for name in ("epochs", "batch_size", "positives", "negatives"):
            if getattr(self, name) < 1:
                yield f"{name}={getattr(self, name)}; expected at least 1"
        if len(self.items) > MOST_ITEMS:
            yield f"{len(self.items)} items; every step scores all of them: declare at most {MOST_ITEMS:,}"
        yield from super().contradictions()

    def inputs(self, features: Features) -> Tensor:
        """(n, items) zeros and ones."""
        return torch.from_numpy(unpacked(features, self.width)).float()

    def questions(self, rows: int) -> Tensor:
        """(rows, …) what a loss is called with, about nobody."""
        count = self.positives * (1 + self.negatives)
        return (torch.arange(rows * count) % self.width).view(rows, self.positives, -1)

    def feed(self, records: Records, preprocessed: Callable[[Tensor], Tensor], device: torch.device) -> Feed:
        """What a training passes over."""
        del preprocessed  # ones and zeros need none
        return Lists(records, Asking(self.width, self.positives, self.negatives), device)

    def had(self, records: Records) -> Tensor:
        """(⌈items / 8⌉,) bits of the items that one of these people has: nothing else is ever recommended by name."""
        return torch.from_numpy(np.bitwise_or.reduce(np.bitwise_or(records.features, records.target), axis=0))

    def answers(self, outputs: Answers, features: Features) -> Answers:
        """(n, items) scores; OWNED for what is shown."""
        return self.without_owned(outputs, features)

    def packaged(self, files: dict[str, bytes], had: Iterable[Tensor]) -> Served:
        """The files, and a program that answers lists."""
        bits = np.bitwise_or.reduce([np.zeros(-(-self.width // 8), np.uint8), *(one.numpy() for one in had)])
        named = np.flatnonzero(unpacked(bits[None], self.width)[0]).tolist()
        return packaged_lists(
            [self.items[at] for at in named],
            "torch.export: lists",
            Path(__file__).with_name("ranking_serving.py"),
            files,
            needs=("safetensors", "torch"),
            beside=(VOTES,),
            more={"at": named, "width": self.width},
        )
