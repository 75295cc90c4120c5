"""What the tests of the heuristics share: a trained network, whom to forget, and what a method makes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from tests.small_torch import torch_learner
from unlearning.domain.protocols import Records
from unlearning.learners.torch.training import TorchState
from unlearning.methods.whole_model import WholeModel
from unlearning.testing import population

LEARNER = torch_learner()
RECORDS = population(people=20, rows=60).records
FORGET, RETAIN = RECORDS[:10], RECORDS[10:]
TRAINED = LEARNER.fit(LEARNER.fresh(1, RECORDS), RECORDS, epochs=10, seed=2)


def changed(method: WholeModel, forget: Records = FORGET, retain: Records = RETAIN, seed: int = 3, **knobs: float) -> Any:
    """The trained network after the method."""
    params = {knob.name: knob.default for knob in method.knobs} | knobs
    return method.change(TRAINED, forget, retain, LEARNER, params, seed)


def rises(state: TorchState) -> tuple[float, float]:
    """How much larger the mean loss on the forgotten, and on the retained, is than it was."""
    forgotten, retained = (
        float(LEARNER.losses(state, one).mean() - LEARNER.losses(TRAINED, one).mean()) for one in (FORGET, RETAIN)
    )
    return forgotten, retained


def moved(state: TorchState) -> torch.Tensor:
    """(weights,) by how much each trained weight moved."""
    pairs = zip(TRAINED.network.parameters(), state.network.parameters(), strict=True)
    return torch.cat([(after - before).detach().flatten() for before, after in pairs])


def batch_mean(state: TorchState) -> torch.Tensor:
    """The running mean of batch normalisation."""
    mean: torch.Tensor = state.network[1].running_mean  # type: ignore[index, union-attr, assignment]
    return mean


def wild() -> Records:
    """The forgotten with features that batch statistics would show."""
    return replace(FORGET, features=FORGET.features + 1000)
