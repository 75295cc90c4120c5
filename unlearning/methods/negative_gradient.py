"""NegGrad+: descend on what is retained while ascending on what is forgotten (Kurmanji et al. 2023, arXiv:2302.09880).

From the current weights w, a batch of each set a step,

    w ← w - η · clip(g),    g = α · ∇ mean loss(retained batch) - (1 - α) · ∇ mean loss(forgotten batch),

which is the paper's α · L(retain) - (1 - α) · L(forget), for so many epochs over the retain set. Guarantee: empirical; the
result must show in the checks that it forgot. Assumes one shard and a learner with gradients, `Differentiable`.

Ours beside the paper's: each step's gradient is clipped, because ascent has no minimum; batch statistics never see a forgotten
record; the optimiser starts anew, because its old moments are averages of the forgotten ones' gradients. Fitted preprocessing
stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from unlearning.domain.protocols import Batch, Differentiable, Records, State
from unlearning.methods.whole_model import Knob, whole_model

if TYPE_CHECKING:
    from torch import nn

MAX_NORM = 1.0
"""Euclidean norm that a step's gradient is clipped to."""


# The defaults are those of the authors' experiments.
@whole_model(
    needs=Differentiable,
    knobs=(
        Knob("alpha", 0.95, above=0, below=1),
        Knob("learning_rate", 0.01, above=0),
        Knob("epochs", 10, above=0, whole=True),
        Knob("batch_size", 64, above=0, whole=True),
    ),
)
def negative_gradient(
    model: State, forget: Records, retain: Records, learner: Differentiable, params: Mapping[str, float], seed: int
) -> State:
    """Forget by NegGrad+."""
    size, steps = int(params["batch_size"]), int(params["epochs"]) * -(-len(retain) // int(params["batch_size"]))
    with learner.repeatable(seed) as generator:
        network = learner.network(model)
        step = _stepper(network, learner, alpha=params["alpha"], learning_rate=params["learning_rate"])
        kept = learner.batches(model, retain, size=size, generator=generator)
        lost = learner.batches(model, forget, size=size, generator=generator)
        for _ in range(steps):
            step(next(kept), next(lost))
        return learner.rebuild(model, network)


def _stepper(
    network: nn.Module, learner: Differentiable, *, alpha: float, learning_rate: float
) -> Callable[[Batch, Batch], None]:
    """One descent on alpha * loss(retained) - (1 - alpha) * loss(forgotten)."""
    import torch

    optimizer = torch.optim.SGD(network.parameters(), lr=learning_rate)

    def step(kept: Batch, lost: Batch) -> None:
        optimizer.zero_grad()
        for (features, labels), share, learns in ((kept, alpha, True), (lost, alpha - 1, False)):
            network.train(learns)  # in eval mode batch statistics and dropout leave the forgotten alone
            (share * learner.loss(network(features), labels).mean()).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), MAX_NORM)
        optimizer.step()

    return step


NegativeGradient = negative_gradient
"""The entry point, spelled as the other methods are."""
