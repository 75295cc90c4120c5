"""Fine-tuning: go on training on what is retained, and let the rest fade (baseline of Golatkar et al. 2020, arXiv:1911.04933).

From the current weights, stochastic gradient descent on

    min  mean loss(retained)

with momentum and weight decay, the learning rate falling to nothing along half a cosine. Guarantee: empirical; it forgets
little, because nothing in it looks at the forgotten. Assumes one shard and a learner with gradients, `Differentiable`. Fitted
preprocessing stays as it was, and the optimiser starts anew: its old moments are averages of the forgotten ones' gradients.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from unlearning.domain.protocols import Differentiable, Records, State
from unlearning.methods.whole_model import Knob, whole_model


# The defaults are those that the authors of SalUn (arXiv:2310.12508) give this baseline.
@whole_model(
    needs=Differentiable,
    knobs=(
        Knob("learning_rate", 0.1, above=0),
        Knob("momentum", 0.9, above=0, below=1, also=0),
        Knob("weight_decay", 5e-4, above=0, also=0),
        Knob("epochs", 5, above=0, whole=True),
        Knob("batch_size", 64, above=0, whole=True),
    ),
)
def finetune(
    model: State, forget: Records, retain: Records, learner: Differentiable, params: Mapping[str, float], seed: int
) -> State:
    """Forget by training on the retain set alone."""
    import torch

    del forget
    size = int(params["batch_size"])
    steps = int(params["epochs"]) * -(-len(retain) // size)
    with learner.repeatable(seed) as generator:
        network = learner.network(model).train()
        optimizer = torch.optim.SGD(
            network.parameters(), params["learning_rate"], momentum=params["momentum"], weight_decay=params["weight_decay"]
        )
        falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for features, labels in islice(learner.batches(model, retain, size=size, generator=generator), steps):
            optimizer.zero_grad()
            learner.loss(network(features), labels).mean().backward()
            optimizer.step()
            falling.step()
        return learner.rebuild(model, network)
