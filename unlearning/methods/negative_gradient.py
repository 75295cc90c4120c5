"""NegGrad+: descend on what is retained while ascending on what is forgotten (Kurmanji et al. 2023, arXiv:2302.09880).

Minimises alpha * loss(retain) - (1 - alpha) * loss(forget), a batch of each a step, from the current model. Guarantee:
empirical; the result must show in the checks that it forgot. Ascent has no minimum, so a learner bounds its steps and refuses
parameters that are not finite. Needs a learner with gradients and one shard.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast

from unlearning.domain.errors import WrongUse
from unlearning.domain.protocols import Learner, Records, State
from unlearning.methods.whole_model import Knob, whole_model


class Ascends(Protocol):
    """A learner that can climb a loss as well as descend it."""

    def negate(
        self,
        state: State,
        retain: Records,
        forget: Records,
        *,
        alpha: float,
        learning_rate: float,
        epochs: int,
        batch_size: int,
        seed: int,
    ) -> State:
        """The state after NegGrad+; leaves `state` as it is; raises Refused when parameters stop being finite."""


# The defaults are those of the authors' experiments.
@whole_model(
    knobs=(
        Knob("alpha", 0.95, above=0, below=1),
        Knob("learning_rate", 0.01, above=0),
        Knob("epochs", 10, above=0, whole=True),
        Knob("batch_size", 64, above=0, whole=True),
    )
)
def negative_gradient(
    model: State, forget: Records, retain: Records, learner: Learner, params: Mapping[str, float], seed: int
) -> State:
    """Forget by NegGrad+."""
    if not hasattr(learner, "negate"):
        raise WrongUse(
            f"negative_gradient needs a learner with gradients (a method `negate`), {type(learner).__name__} has none;"
            " use the methods sisa or retrain"
        )
    return cast(Ascends, learner).negate(
        model,
        retain,
        forget,
        alpha=params["alpha"],
        learning_rate=params["learning_rate"],
        epochs=int(params["epochs"]),
        batch_size=int(params["batch_size"]),
        seed=seed,
    )


NegativeGradient = negative_gradient
"""The entry point, spelled as the other methods are."""
