"""What public code does with boosted trees, caught by the list for learners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import xgboost as xgb

from tests.fakes import FakeLearner
from unlearning import testing
from unlearning.testing import Nonconforming, learner_checks

SETTINGS = {"objective": "multi:softprob", "num_class": testing.LABELS, "max_depth": 3, "nthread": 1, "seed": 7, "verbosity": 0}


@dataclass(frozen=True)
class Forest:
    booster: xgb.Booster | None
    rounds: int


class SlicesItsBooster(FakeLearner):
    """One booster for all stages, each of which is kept as `booster[0:n]`: what drew the rows is not in the slice."""

    settings: Any = SETTINGS | {"subsample": 0.5}

    def fresh(self, seed, first_slice):  # noqa: ARG002
        return Forest(None, 0)

    def fit(self, state, records, *, epochs, seed):  # noqa: ARG002
        data = xgb.DMatrix(records.features, label=records.target, nthread=1)
        booster = state.booster or xgb.Booster(self.settings, [data])
        for number in range(state.rounds, state.rounds + epochs):
            booster.update(data, number)
        return Forest(booster, state.rounds + epochs)

    def dumps(self, state):
        return bytes(state.booster[0 : state.rounds].save_raw("ubj"))

    def loads(self, payload):
        booster = xgb.Booster(self.settings, model_file=bytearray(payload))
        return Forest(booster, booster.num_boosted_rounds())


@pytest.mark.parametrize(("broken", "check"), [(SlicesItsBooster, "a_stored_state_is_the_whole_state")])
def test_a_defect_of_boosted_trees_is_found(broken: Any, check: str) -> None:
    (found,) = (one for one in learner_checks() if one.__name__ == check)
    with pytest.raises(Nonconforming, match="goes on differently from a loaded state"):
        found(broken)


def test_without_draws_the_same_slices_are_whole() -> None:
    """It is the drawing that makes it a defect: the check does not refuse slices for being slices."""

    class DrawsNothing(SlicesItsBooster):
        settings = SETTINGS

    (found,) = (one for one in learner_checks() if one.__name__ == "a_stored_state_is_the_whole_state")
    found(DrawsNothing)
