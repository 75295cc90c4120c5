"""What of CatBoost exactness stands on, tried on the library itself."""

from __future__ import annotations

import numpy as np
import pytest

from tests.learners.boosting.test_learner import learner, people, staged
from unlearning.domain.protocols import Records

cb = pytest.importorskip("catboost")


def opened(model: bytes) -> cb.CatBoost:
    found = cb.CatBoost()
    found.load_model(blob=model)
    return found


def test_a_link_says_neither_when_it_was_made_nor_how_each_round_fared() -> None:
    """Both would make other bytes, the second would keep a statistic of every stage."""
    for link in staged(learner("catboost"), people(), [200, 200])[1].links:
        assert set(opened(link).get_metadata().keys()) <= {"params", "class_params", "loss_function"}


def test_links_hold_every_round_and_rows_are_drawn_anew_every_so_many() -> None:
    trainer = learner("catboost", labels=3, rounds=50)
    links = staged(trainer, people(labels=3), [200, 200])[1].links
    assert [opened(link).tree_count_ for link in links] == [20, 5, 20, 5]


def test_a_label_without_records_keeps_a_finite_score() -> None:
    """The library alone would give it a probability of 0 for ever."""
    trainer, everyone = learner("catboost", labels=3), people(labels=3)
    two = Records(everyone.features, np.minimum(everyone.target, 1), everyone.keys)
    assert np.isfinite(trainer.losses(staged(trainer, two, [400])[0], everyone)).all()


def test_the_records_of_gaps_weigh_nothing() -> None:
    """The average of a regression is that of the records alone."""
    everyone = people(labels=0)
    constant = Records(everyone.features, np.full(400, 7.0), everyone.keys)
    trainer = learner("catboost", labels=0)
    np.testing.assert_allclose(trainer.predict(staged(trainer, constant, [400])[0], everyone.features), 7, atol=1e-5)
