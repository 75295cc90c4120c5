"""NegGrad+ on a PyTorch state: descend on the retained, ascend on the forgotten (Kurmanji et al. 2023, arXiv:2302.09880).

Ours beside the paper's: each step's gradient is clipped, because ascent has no minimum; batch statistics never see a forgotten
record; the optimiser starts anew, because its old moments are averages of the forgotten ones' gradients. Fitted preprocessing
stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from unlearning.domain.errors import Refused
from unlearning.domain.protocols import Records
from unlearning.learners.torch.recipe import TorchRecipe
from unlearning.learners.torch.training import TorchState

Batch = tuple[Tensor, Tensor]
"""(n, d) features and (n,) labels."""
Loss = Callable[[Tensor, Tensor], Tensor]

MAX_NORM = 1.0
"""Euclidean norm that a step's gradient is clipped to."""


def negate(
    state: TorchState,
    recipe: TorchRecipe,
    retain: Records,
    forget: Records,
    *,
    alpha: float,
    learning_rate: float,
    epochs: int,
    batch_size: int,
    seed: int,
) -> TorchState:
    """The state after `epochs` passes over the retained; its network is changed in place. Raises Refused when not finite."""
    network, generator = state.network, torch.Generator().manual_seed(seed)
    step = _stepper(network, recipe.loss, alpha=alpha, learning_rate=learning_rate)
    kept = _batches(*_prepared(state, retain), batch_size, generator)
    lost = _batches(*_prepared(state, forget), batch_size, generator)
    for _ in range(epochs * -(-len(retain) // batch_size)):
        step(next(kept), next(lost))
    if not all(bool(torch.isfinite(value).all()) for value in network.state_dict().values()):
        raise Refused(
            f"negative_gradient: the parameters are no longer finite after {epochs} epochs at learning rate {learning_rate:g}"
            f" and alpha {alpha:g}; lower learning_rate or raise alpha in policy.params, or use the method retrain"
        )
    return replace(state, network=network.eval(), optimizer=recipe.optimizer(network.parameters()))


def _stepper(network: nn.Module, loss: Loss, *, alpha: float, learning_rate: float) -> Callable[[Batch, Batch], None]:
    """One descent on alpha * loss(retained) - (1 - alpha) * loss(forgotten)."""
    optimizer = torch.optim.SGD(network.parameters(), lr=learning_rate)

    def step(kept: Batch, lost: Batch) -> None:
        optimizer.zero_grad()
        for (features, labels), share, learns in ((kept, alpha, True), (lost, alpha - 1, False)):
            network.train(learns)  # in eval mode batch statistics and dropout leave the forgotten alone
            (share * loss(network(features), labels).mean()).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), MAX_NORM)
        optimizer.step()

    return step


def _prepared(state: TorchState, records: Records) -> Batch:
    """All records as tensors on the state's device, preprocessed."""
    device = next(state.network.parameters()).device
    with torch.no_grad():
        features = state.preprocessing(torch.from_numpy(np.array(records.features, dtype=np.float32)).to(device))
    return features, torch.from_numpy(np.array(records.labels, dtype=np.int64)).to(device)


def _batches(features: Tensor, labels: Tensor, size: int, generator: torch.Generator) -> Iterator[Batch]:
    """Batches of one size without end; each pass has a new order, and its last batch is filled up from its start."""
    steps = -(-len(labels) // size)
    while True:
        order = torch.randperm(len(labels), generator=generator)
        for rows in order[torch.arange(steps * size) % len(labels)].view(steps, size):
            yield features[rows.to(features.device)], labels[rows.to(labels.device)]
