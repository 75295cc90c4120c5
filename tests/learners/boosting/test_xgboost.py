"""What of XGBoost exactness stands on, tried on the library itself."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.learners.boosting.test_learner import learner, people, staged

xgb = pytest.importorskip("xgboost")


def base_score(model: bytes) -> list[float]:
    said = json.loads(xgb.Booster(model_file=bytearray(model)).save_config())["learner"]["learner_model_param"]
    scores: list[float] = json.loads(said["base_score"])
    return scores


def test_the_base_score_is_the_first_slices_and_stays() -> None:
    """A statistic of everybody would be one of the later slices too."""
    everyone = people(labels=0)
    states = staged(learner("xgboost", labels=0, share=1.0), everyone, [100, 300])
    first = float(np.float32(everyone.target[:100]).mean())
    assert base_score(states[0].model) == pytest.approx([first], rel=1e-4)
    assert base_score(states[1].model) == base_score(states[0].model)


def test_a_model_holds_every_round_and_is_ubj() -> None:
    trainer = learner("xgboost", labels=3)
    state = staged(trainer, people(labels=3), [200, 200])[1]
    assert xgb.Booster(model_file=bytearray(state.model)).num_boosted_rounds() == sum(trainer.stage_epochs(2))
    assert state.model[:1] == b"{"


def test_slicing_a_booster_would_give_other_trees_and_is_not_what_we_do() -> None:
    """The trap that the raw checkpoints of stages avoid."""
    data = xgb.DMatrix(people().features, label=people().target)
    settings = {"subsample": 0.5, "colsample_bytree": 0.5, "nthread": 1, "seed": 1}
    whole = xgb.train(settings, data, 20)
    sliced = xgb.train(settings, data, 10, xgb_model=whole[0:10])
    assert sliced.get_dump() != whole.get_dump()
