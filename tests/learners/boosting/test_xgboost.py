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
    """A statistic of everybody would be one of the later slices too: a later link starts from margins and not from a score."""
    everyone = people(labels=0)
    states = staged(learner("xgboost", labels=0, share=1.0), everyone, [100, 300])
    first = float(np.float32(everyone.target[:100]).mean())
    assert base_score(states[0].links[0]) == pytest.approx([first], rel=1e-4)
    assert states[1].links[0] == states[0].links[0]
    assert base_score(states[1].links[1]) == [0.5]


def test_links_hold_every_round_and_are_ubj() -> None:
    trainer = learner("xgboost", labels=3)
    state = staged(trainer, people(labels=3), [200, 200])[1]
    rounds = [xgb.Booster(model_file=bytearray(link)).num_boosted_rounds() for link in state.links]
    assert rounds == trainer.stage_epochs(2)
    assert all(link[:1] == b"{" for link in state.links)


def test_links_are_the_trees_of_a_booster_that_is_gone_on_from() -> None:
    """As the library itself would go on from its raw file, without rows drawn."""
    everyone = people()
    trainer = learner("xgboost", share=1.0)
    links = staged(trainer, everyone, [200, 200])[1].links
    settings = {**trainer.recipe.parameters, "objective": "binary:logistic", "nthread": 1, "seed": 11}
    kinds = ["q", "q", "q", "c"]
    data = xgb.DMatrix(everyone.features, label=everyone.target, feature_types=kinds, enable_categorical=True)
    gone_on = xgb.train(settings, data, trainer.stage_epochs(2)[1], xgb_model=bytearray(links[0]))
    trees = [tree for link in links for tree in xgb.Booster(model_file=bytearray(link)).get_dump()]
    assert gone_on.get_dump() == trees


def test_slicing_a_booster_would_give_other_trees_and_is_not_what_we_do() -> None:
    """The trap that the raw checkpoints of stages avoid."""
    data = xgb.DMatrix(people().features, label=people().target)
    settings = {"subsample": 0.5, "colsample_bytree": 0.5, "nthread": 1, "seed": 1}
    whole = xgb.train(settings, data, 20)
    sliced = xgb.train(settings, data, 10, xgb_model=whole[0:10])
    assert sliced.get_dump() != whole.get_dump()
