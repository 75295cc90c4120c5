"""A bad teacher: imitate an untrained model on what is forgotten (Chundawat et al. 2023, arXiv:2205.08096).

With the old model as the competent teacher p, one with random weights as the incompetent teacher p̃, and the student q, which
starts as the old model,

    min  Σ KL(p ‖ q) over part of what is retained + Σ KL(p̃ ‖ q) over what is forgotten

Guarantee: empirical. Assumes one shard, labels, and a learner with gradients, `Differentiable`.

Ours beside the paper's: the part of the retain set is drawn by each record's own key; a step takes a batch of it and, beside
it, its share of what is forgotten, so that batch statistics never see a forgotten record. Fitted preprocessing stays as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from unlearning.domain.draws import order
from unlearning.domain.protocols import Differentiable, Records, State
from unlearning.methods.scrub import divergence
from unlearning.methods.whole_model import Knob, share_of, whole_model


# The defaults are those of the authors' code.
@whole_model(
    needs=Differentiable,
    classifies=True,
    knobs=(
        Knob("retain_share", 0.3, above=0, below=1, also=1),
        Knob("temperature", 1.0, above=0),
        Knob("learning_rate", 1e-4, above=0),
        Knob("epochs", 1, above=0, whole=True),
        Knob("batch_size", 64, above=0, whole=True),
    ),
)
def bad_teacher(
    model: State, forget: Records, retain: Records, learner: Differentiable, params: Mapping[str, float], seed: int
) -> State:
    """Forget by imitating an incompetent teacher."""
    import torch

    size, temperature = int(params["batch_size"]), params["temperature"]
    some = retain[order(retain.keys, "bad_teacher", seed)[: ceil(params["retain_share"] * len(retain))]]
    with learner.repeatable(seed) as generator:
        good, network = learner.network(model).eval(), learner.network(model)
        bad = learner.network(learner.fresh(seed, retain)).eval()
        optimizer = torch.optim.Adam(network.parameters(), params["learning_rate"])
        kept = learner.batches(model, some, size=size, generator=generator)
        lost = learner.batches(model, forget, size=share_of(size, forget, some), generator=generator)
        for _ in range(int(params["epochs"]) * -(-len(some) // size)):
            (features, _), (theirs, _) = next(kept), next(lost)
            with torch.no_grad():
                taught, untaught = good(features), bad(theirs)
            share = len(features) / (len(features) + len(theirs))
            optimizer.zero_grad()
            torch.autograd.backward(share * divergence(taught, network.train()(features), temperature).mean())
            torch.autograd.backward((1 - share) * divergence(untaught, network.eval()(theirs), temperature).mean())
            optimizer.step()
        return learner.rebuild(model, network)
