"""Random labels: teach the model otherwise about the forgotten (amnesiac unlearning, Graves et al. 2021, arXiv:2010.10981).

Each forgotten record gets one of the other labels, drawn once by the record's own key, and training goes on from the current
weights on both sets together:

    min  Σ loss(retained) + Σ loss(forgotten, other label)

Guarantee: empirical. Assumes one shard, labels, and a learner with gradients, `Differentiable`.

Ours beside the paper's: a step takes a batch of what is retained and, beside it, its share of what is forgotten, so that batch
statistics never see a forgotten record; the optimiser starts anew. Fitted preprocessing stays as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from unlearning.domain.draws import draw
from unlearning.domain.errors import MethodFailed
from unlearning.domain.protocols import Differentiable, Records, State
from unlearning.methods.whole_model import Knob, share_of, whole_model


# Adam, its rate and the epochs are those of the code of Chundawat et al. 2023 (arXiv:2205.08096), who compare with it.
@whole_model(
    needs=Differentiable,
    classifies=True,
    knobs=(
        Knob("learning_rate", 1e-4, above=0),
        Knob("epochs", 3, above=0, whole=True),
        Knob("batch_size", 64, above=0, whole=True),
    ),
)
def random_label(
    model: State, forget: Records, retain: Records, learner: Differentiable, params: Mapping[str, float], seed: int
) -> State:
    """Forget by random other labels; raises MethodFailed where there is no other one."""
    import torch

    size = int(params["batch_size"])
    wrong = other_labels(forget, learner.predict(model, retain.features[:1]).shape[1], seed)
    with learner.repeatable(seed) as generator:
        network = learner.network(model)
        optimizer = torch.optim.Adam(network.parameters(), params["learning_rate"])
        kept = learner.batches(model, retain, size=size, generator=generator)
        lost = learner.batches(model, wrong, size=share_of(size, forget, retain), generator=generator)
        for _ in range(int(params["epochs"]) * -(-len(retain) // size)):
            (features, labels), (theirs, others) = next(kept), next(lost)
            share = len(labels) / (len(labels) + len(others))
            optimizer.zero_grad()
            (share * learner.loss(network.train()(features), labels).mean()).backward()
            ((1 - share) * learner.loss(network.eval()(theirs), others).mean()).backward()
            optimizer.step()
        return learner.rebuild(model, network)


def other_labels(forget: Records, labels: int, seed: int) -> Records:
    """The same records, each with one of the other labels; raises MethodFailed where there is one label only."""
    if labels < 2:
        raise MethodFailed("random labels need at least two, and the recipe declares one; use the method retrain")
    further = draw(forget.keys, "other label", seed) % np.uint64(labels - 1)
    return replace(forget, target=(forget.target + 1 + further.astype(np.int64)) % labels)
