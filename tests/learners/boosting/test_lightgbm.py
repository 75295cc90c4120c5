"""What of LightGBM exactness stands on, tried on the library itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.learners.boosting.test_learner import learner, people, staged
from unlearning.learners.boosting import BoostingLearner

lgb = pytest.importorskip("lightgbm")


def test_bins_and_ranges_are_those_of_the_stages_own_records() -> None:
    """A model says the range of each feature: that of the last slice's records is not in the stage before."""
    everyone = people()
    features = everyone.features.copy()
    features[399, 0] = 123.5
    states = staged(learner("lightgbm"), type(everyone)(features, everyone.target, everyone.keys), [200, 200])
    assert b"123.5" not in states[0].links[0]
    assert b"123.5" in states[1].links[1]


def test_links_hold_every_round_of_every_label() -> None:
    trainer = learner("lightgbm", labels=3)
    state = staged(trainer, people(labels=3), [200, 200])[1]
    trees = [lgb.Booster(model_str=link.decode()).num_trees() for link in state.links]
    assert trees == [3 * rounds for rounds in trainer.stage_epochs(2)]


def test_links_are_the_trees_of_a_booster_that_is_gone_on_from() -> None:
    """As the library itself goes on from the text of one, without rows drawn."""
    everyone = people()
    trainer = learner("lightgbm", share=1.0)
    links = staged(trainer, everyone, [200, 200])[1].links
    first, second = (lgb.Booster(model_str=link.decode()) for link in links)
    settings = {**trainer.recipe.parameters, "objective": "binary", "num_threads": 1, "deterministic": True, "seed": 11}
    settings = {name: value for name, value in settings.items() if name != "bagging_fraction"}
    settings |= {"force_row_wise": True, "verbosity": -1, "feature_pre_filter": False}
    data = lgb.Dataset(everyone.features, label=everyone.target, categorical_feature=[3], params=settings)
    gone_on = lgb.train(settings, data, trainer.stage_epochs(2)[1], init_model=first)
    theirs = gone_on.trees_to_dataframe()["value"].to_numpy()
    ours = np.concatenate([one.trees_to_dataframe()["value"].to_numpy() for one in (first, second)])
    assert np.array_equal(theirs, ours)


def test_the_rows_of_a_round_are_the_weights_of_its_gradients() -> None:
    """Against an objective of our own that leaves the same rows out: the library looks at the weights of each round."""
    everyone = people()
    trainer = learner("lightgbm", share=0.7)
    rows = trainer._rows(everyone.keys, 10)
    assert rows
    drawn = iter(range(12))

    def logistic(scores: np.ndarray, _: object) -> tuple[np.ndarray, np.ndarray]:
        weights, shares = rows(next(drawn)), 1 / (1 + np.exp(-scores))
        return weights * (shares - everyone.target), weights * shares * (1 - shares)

    settings = {"num_leaves": 6, "learning_rate": 0.4, "min_data_in_leaf": 1, "min_data_in_bin": 1, "verbosity": -1}
    settings |= {"num_threads": 1, "deterministic": True, "force_row_wise": True, "seed": 10}
    settings |= {"boost_from_average": False, "feature_pre_filter": False}
    data = lgb.Dataset(everyone.features, label=everyone.target, categorical_feature=[3], params=settings)
    by_hand = lgb.train(settings | {"objective": logistic}, data, 12).predict(everyone.features)

    parameters = {**trainer.recipe.parameters, "boost_from_average": False, "feature_fraction": 1.0}
    plain = BoostingLearner(replace(trainer.recipe, parameters=parameters))
    (link,) = staged(plain, everyone, [400])[0].links
    ours = lgb.Booster(model_str=link.decode()).predict(everyone.features, raw_score=True)
    np.testing.assert_allclose(ours, by_hand, atol=1e-4)
