"""SalUn: random labels, but only the weights move that matter most to the forgotten (Fan et al. 2024, arXiv:2310.12508).

    m = 1 where |Σ ∇ loss(forgotten)| is among the largest share of all weights, 0 elsewhere
    min  Σ loss(retained) + Σ loss(forgotten, other label)   over the weights under m

Guarantee: empirical. Assumes one shard, labels, and a learner with gradients, `Differentiable`.

Ours beside the paper's: weight decay is part of the gradient before the mask, so that neither it nor momentum moves a weight
outside; a step takes a batch of what is retained and, beside it, its share of what is forgotten, so that batch statistics never
see a forgotten record. The labels are drawn as by `random_label`. Fitted preprocessing stays as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from unlearning.domain.protocols import Differentiable, Records, State
from unlearning.methods.random_label import other_labels
from unlearning.methods.whole_model import Knob, share_of, whole_model

if TYPE_CHECKING:
    from torch import Tensor, nn


# The defaults are those of the authors' code for random labels under a mask.
@whole_model(
    needs=Differentiable,
    classifies=True,
    knobs=(
        Knob("saliency", 0.5, above=0, below=1, also=1),
        Knob("learning_rate", 0.013, above=0),
        Knob("momentum", 0.9, above=0, below=1, also=0),
        Knob("weight_decay", 5e-4, above=0, also=0),
        Knob("epochs", 10, above=0, whole=True),
        Knob("batch_size", 64, above=0, whole=True),
    ),
)
def salun(
    model: State, forget: Records, retain: Records, learner: Differentiable, params: Mapping[str, float], seed: int
) -> State:
    """Forget by random labels under a saliency mask; raises MethodFailed where there is no other label."""
    import torch

    size = int(params["batch_size"])
    wrong = other_labels(forget, learner.predict(model, retain.features[:1]).shape[1], seed)
    with learner.repeatable(seed) as generator:
        network = learner.network(model).eval()
        whole = next(learner.batches(model, forget, size=len(forget), generator=generator))
        learner.loss(network(whole[0]), whole[1]).sum().backward()
        masks = _largest(network, params["saliency"])
        optimizer = torch.optim.SGD(network.parameters(), params["learning_rate"], momentum=params["momentum"])
        kept = learner.batches(model, retain, size=size, generator=generator)
        lost = learner.batches(model, wrong, size=share_of(size, forget, retain), generator=generator)
        for _ in range(int(params["epochs"]) * -(-len(retain) // size)):
            (features, labels), (theirs, others) = next(kept), next(lost)
            share = len(labels) / (len(labels) + len(others))
            optimizer.zero_grad()
            (share * learner.loss(network.train()(features), labels).mean()).backward()
            ((1 - share) * learner.loss(network.eval()(theirs), others).mean()).backward()
            for value, mask in masks:
                value.grad = (value.grad + params["weight_decay"] * value.detach()) * mask  # type: ignore[operator]
            optimizer.step()
        return learner.rebuild(model, network)


def _largest(network: nn.Module, share: float) -> list[tuple[Tensor, Tensor]]:
    """Every weight with its mask: ones for that share of all whose gradient is largest."""
    import torch

    told = [value for value in network.parameters() if value.grad is not None]
    sizes = torch.cat([value.grad.abs().flatten() for value in told])  # type: ignore[union-attr]
    least = sizes.topk(max(1, round(share * len(sizes)))).values[-1]
    return [(value, (value.grad.abs() >= least).to(value.dtype)) for value in told]  # type: ignore[union-attr]
