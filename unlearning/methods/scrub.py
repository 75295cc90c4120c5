"""SCRUB: obey the old model about the retained, disobey it about the forgotten (Kurmanji et al. 2023, arXiv:2302.09880).

With the old model as the teacher p, the student q, which starts as the same, and d the divergence KL(p ‖ q) of their softened
answers, times T²,

    max-step, the first `max_epochs` epochs:    max  mean d(forgotten)
    min-step, every epoch:                      min  γ · mean loss(retained) + α · mean d(retained)

Guarantee: empirical; what the weak attack here calls forgotten, stronger ones still see (Hayes et al. 2024, arXiv:2403.01218).
Assumes one shard, labels, and a learner with gradients, `Differentiable`.

Ours beside the paper's: each step's gradient is clipped, because ascent has no minimum; batch statistics never see a forgotten
record. Without the paper's rewinding, which picks the epoch by the forgotten ones' error. Fitted preprocessing stays as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING

from unlearning.domain.protocols import Differentiable, Records, State
from unlearning.methods.whole_model import Knob, whole_model

if TYPE_CHECKING:
    from torch import Tensor

MAX_NORM = 1.0
"""Euclidean norm that a step's gradient is clipped to."""


# The defaults are those of the authors' small experiments, but for the learning rate, which is that of the large ones.
@whole_model(
    needs=Differentiable,
    classifies=True,
    knobs=(
        Knob("alpha", 0.5, above=0, also=0),
        Knob("gamma", 1.0, above=0, also=0),
        Knob("temperature", 2.0, above=0),
        Knob("learning_rate", 5e-4, above=0),
        Knob("epochs", 10, above=0, whole=True),
        Knob("max_epochs", 3, above=0, whole=True),
        Knob("batch_size", 64, above=0, whole=True),
    ),
)
def scrub(
    model: State, forget: Records, retain: Records, learner: Differentiable, params: Mapping[str, float], seed: int
) -> State:
    """Forget by SCRUB."""
    import torch

    size = int(params["batch_size"])
    with learner.repeatable(seed) as generator:
        teacher, network = learner.network(model).eval(), learner.network(model)
        optimizer = torch.optim.Adam(network.parameters(), params["learning_rate"])
        kept = learner.batches(model, retain, size=size, generator=generator)
        lost = learner.batches(model, forget, size=size, generator=generator)

        def differ(features: Tensor) -> Tensor:
            with torch.no_grad():
                taught = teacher(features)
            return divergence(taught, network(features), params["temperature"]).mean()

        def step(objective: Tensor) -> None:
            optimizer.zero_grad()
            objective.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), MAX_NORM)
            optimizer.step()

        for epoch in range(int(params["epochs"])):
            network.eval()
            for features, _ in islice(lost, -(-len(forget) // size) if epoch < params["max_epochs"] else 0):
                step(-differ(features))
            network.train()
            for features, labels in islice(kept, -(-len(retain) // size)):
                step(params["gamma"] * learner.loss(network(features), labels).mean() + params["alpha"] * differ(features))
        return learner.rebuild(model, network)


def divergence(taught: Tensor, logits: Tensor, temperature: float) -> Tensor:
    """(n,) KL(teacher ‖ student) of softened answers, times temperature² (Hinton et al. 2015, arXiv:1503.02531)."""
    from torch.nn.functional import kl_div, log_softmax

    teacher, student = (log_softmax(one / temperature, dim=1) for one in (taught, logits))
    return kl_div(student, teacher, reduction="none", log_target=True).sum(1) * temperature**2
