"""Selective synaptic dampening: shrink the weights that matter more to the forgotten (Foster et al. 2024, arXiv:2308.07707).

With the importance I of a weight to a set, the mean of its squared gradient over the set's records (the diagonal of the
empirical Fisher information), for the forgotten F and everybody D, who were trained on,

    θ ← θ · min(1, λ · I_D / I_F)   where I_F > α · I_D

and nothing is trained. Guarantee: empirical. Assumes one shard and a learner with gradients, `Differentiable`, whose network
torch can map over records (`torch.func`): no branches that depend on values.

Ours beside the paper's code: gradients are taken record by record, as the paper says, and not batch by batch, which would make
the importance depend on the batch size. Where no weight is above the threshold nothing is forgotten, and the method has failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from unlearning.domain.errors import MethodFailed
from unlearning.domain.protocols import Differentiable, Records, State
from unlearning.methods.whole_model import Knob, whole_model

if TYPE_CHECKING:
    from torch import Tensor, nn

_NUMBERS = 1 << 22
"""Gradients that are in memory at a time."""


# The defaults are those of the authors' code.
@whole_model(needs=Differentiable, knobs=(Knob("alpha", 10.0, above=0), Knob("dampening", 1.0, above=0)))
def ssd(
    model: State, forget: Records, retain: Records, learner: Differentiable, params: Mapping[str, float], seed: int
) -> State:
    """Forget by dampening; raises MethodFailed where no weight is above the threshold."""
    import torch

    with learner.repeatable(seed) as generator, torch.no_grad():
        network = learner.network(model).eval()
        everybody, theirs = (
            _importance(network, learner, *next(learner.batches(model, one, size=len(one), generator=generator)))
            for one in (retain.followed_by(forget), forget)
        )
        dampened = 0
        for name, value in network.named_parameters():
            chosen = theirs[name] > params["alpha"] * everybody[name]
            factor = (params["dampening"] * everybody[name] / theirs[name]).clamp(max=1.0)
            value.mul_(torch.where(chosen, factor, torch.ones_like(factor)))
            dampened += int(chosen.sum())
        if not dampened:
            raise MethodFailed(
                f"ssd: no weight is more than {params['alpha']:g} times as important to the forgotten as to everybody, so"
                " nothing would be forgotten; lower alpha in policy.params"
            )
        return learner.rebuild(model, network)


def _importance(network: nn.Module, learner: Differentiable, features: Tensor, labels: Tensor) -> Mapping[str, Tensor]:
    """Name of each weight → mean of its squared gradients, one a record."""
    import torch
    from torch.func import functional_call, grad, vmap

    weights = {name: value.detach() for name, value in network.named_parameters()}
    buffers = dict(network.named_buffers())

    def loss(weights: dict[str, Tensor], one: Tensor, label: Tensor) -> Tensor:
        logits = functional_call(network, (weights, buffers), (one[None],))
        total: Tensor = learner.loss(logits, label[None]).sum()
        return total

    each = vmap(grad(loss), in_dims=(None, 0, 0))
    sums = {name: torch.zeros_like(value) for name, value in weights.items()}
    rows = max(1, _NUMBERS // max(1, sum(value.numel() for value in weights.values())))
    try:
        for some, theirs in zip(torch.split(features, rows), torch.split(labels, rows), strict=True):
            for name, found in each(weights, some, theirs).items():
                sums[name] += found.square().sum(0)
    except RuntimeError as error:
        raise MethodFailed(
            f"ssd: torch takes no gradients of this network record by record ({type(error).__name__}); use another method"
        ) from error
    return {name: value / len(labels) for name, value in sums.items()}
