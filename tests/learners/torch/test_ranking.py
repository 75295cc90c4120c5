"""Recommenders by embeddings: every promise of a learner, a person who is gone, and others who hardly notice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.small_statistics import ranking as counted
from tests.small_torch import factors, torch_ranking, towers
from unlearning.domain.errors import RecipeError
from unlearning.domain.item_lists import unpacked
from unlearning.domain.protocols import Records
from unlearning.domain.tasks import OWNED, RANKING
from unlearning.learners.statistics import StatisticsLearner
from unlearning.learners.torch import Towers, bpr, sampled_softmax
from unlearning.methods.sisa import Sisa
from unlearning.testing import ITEMS, check_method, learner_checks, population

PEOPLE = population(people=41, task=RANKING).records


@pytest.mark.parametrize("check", learner_checks())
def test_factored_similarity_keeps_every_promise_of_a_learner(check: Any) -> None:
    check(lambda: torch_ranking(factors))


@pytest.mark.slow
@pytest.mark.parametrize(("network", "loss"), [(towers, sampled_softmax), (towers, bpr), (factors, bpr)])
@pytest.mark.parametrize("check", learner_checks())
def test_every_network_and_loss_keeps_every_promise_of_a_learner(check: Any, network: Any, loss: Any) -> None:
    check(lambda: torch_ranking(network, loss=loss))


@pytest.mark.slow
@pytest.mark.parametrize("network", [towers, factors])
def test_erasing_is_exact_to_the_byte(network: Any) -> None:
    check_method(Sisa(), lambda: torch_ranking(network))


def trained(records: Records, *, epochs: int = 10, **parts: Any) -> tuple[Any, Any]:
    learner = torch_ranking(factors, batch_size=16, **parts)
    return learner, learner.fit(learner.fresh(1, records), records, epochs=epochs, seed=3)


def test_it_finds_what_is_bought_together_where_popularity_cannot() -> None:
    people = population(people=400, rows=400, seed=3, task=RANKING).records
    ndcg = RANKING.metric(None, ITEMS).measure
    popular = StatisticsLearner(counted("popularity"))
    found = []
    for learner, state in (trained(people[:300]), (popular, popular.fit(None, people[:300], epochs=1, seed=0))):
        found.append(ndcg(learner.predict(state, people[300:].features), people[300:].target))
    assert found[0] > found[1] + 0.1


def test_one_who_leaves_moves_others_less_than_a_new_seed() -> None:
    people = population(people=200, rows=200, seed=3, task=RANKING).records
    learner, everybody = trained(people[:150])
    _, without = trained(people[1:150])
    start = learner.fresh(2, people[:150])
    other_seed = learner.fit(start, people[:150], epochs=10, seed=4)
    before, after, seeded = (learner.predict(one, people[150:].features) for one in (everybody, without, other_seed))
    moved, noise = (RANKING.moved(before, one, people[150:].target) for one in (after, seeded))
    assert moved.by.mean() < noise.by.mean() / 2
    assert moved.kept.mean() > noise.kept.mean()


def test_a_newcomer_is_answered_without_a_row_of_their_own() -> None:
    learner, state = trained(PEOPLE)
    shapes = {name: value.shape for name, value in learner.served(state).items()}
    assert shapes == {"network.shown": (ITEMS, 6), "network.sought": (ITEMS, 6), "network.often": (ITEMS,)}
    nobody = np.zeros((1, ITEMS // 8), np.uint8)
    scores = learner.predict(state, nobody)[0]
    assert scores.min() > OWNED
    often = unpacked(PEOPLE.features | PEOPLE.target, ITEMS).sum(axis=0)
    assert np.corrcoef(scores, often)[0, 1] > 0.3  # who shows nothing gets what many have


def test_only_what_somebody_has_is_remembered_and_served_by_name() -> None:
    alone = population(people=41, task=RANKING).records
    bits = unpacked(alone.features, ITEMS)
    bits[:, 60] = 0
    left = unpacked(alone.target, ITEMS)
    left[:, 60] = 0
    without = Records(np.packbits(bits, axis=1), np.packbits(left, axis=1), alone.keys)
    learner, state = trained(without, epochs=1)
    served = learner.package({0: state, 3: learner.loads(learner.dumps(state))})
    assert b'"item 59"' in served.files["ensemble.json"]
    assert all(b"item 60" not in content for content in served.files.values())
    _, one = trained(alone, epochs=1)
    assert b'"item 60"' in learner.package({0: state, 1: one}).files["ensemble.json"]


def test_the_losses_are_those_of_the_papers() -> None:
    scores = torch.tensor([[0.0, 1.0, 3.0, -1.0]])
    asked = torch.tensor([[[2, 0, 1], [1, 3, 0]]])
    by_hand = {
        sampled_softmax: [np.log(np.exp([3, 0, 1]).sum()) - 3, np.log(np.exp([1, -1, 0]).sum()) - 1],
        bpr: [np.log1p(np.exp(-one)) for one in (3, 2, 2, 1)],
    }
    for loss, parts in by_hand.items():
        np.testing.assert_allclose(loss(scores, asked).numpy(), [np.mean(parts)], rtol=1e-6)


def test_the_score_is_the_product_of_two_towers() -> None:
    network = Towers(3, 2, nn.Linear(2, 2))
    lists = torch.tensor([[1.0, 0, 1], [0, 0, 0]])
    person = network.tower(torch.stack([(network.shown[0] + network.shown[2]) / 2**0.5, torch.zeros(2)]))
    torch.testing.assert_close(network(lists), person @ network.sought.T + network.often)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"positives": 0}, "positives=0; expected at least 1"),
        ({"negatives": 0}, "negatives=0; expected at least 1"),
        ({"epochs": 0}, "epochs=0; expected at least 1"),
        ({"items": ("x",)}, "items must name at least two"),
        ({"items": [str(one) for one in range(100_001)]}, "every step scores all of them: declare at most 100,000"),
        ({"person": "item"}, "person and item are the same column"),
    ],
)
def test_a_recipe_that_contradicts_itself_is_refused(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        torch_ranking(**parts)


def test_a_network_of_another_shape_is_refused_before_training() -> None:
    learner = torch_ranking(lambda items: nn.Linear(items, 3))
    with pytest.raises(RecipeError, match=r"gives \(8, 3\) logits for 8 records, expected \(8, 64\)"):
        learner.fit(learner.fresh(1, PEOPLE), PEOPLE, epochs=1, seed=1)
