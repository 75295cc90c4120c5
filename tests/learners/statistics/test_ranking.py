"""Recommenders that are counts: every promise of a learner and of a method, and a person who goes with their co-purchases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.small_statistics import ranking, ranking_factory
from unlearning.domain.errors import RecipeError
from unlearning.domain.item_lists import unpacked
from unlearning.domain.protocols import Records
from unlearning.domain.tasks import OWNED, RANKING, recommended
from unlearning.learners.statistics import RankingRecipe, StatisticsLearner
from unlearning.learners.statistics.item_scores import MODELS, square
from unlearning.methods.subtract import Subtract
from unlearning.testing import ITEMS, learner_checks, method_checks, population

PEOPLE = population(people=41, task=RANKING)


def learned(model: str, records: Records, **parts: Any) -> tuple[StatisticsLearner, Any]:
    learner = StatisticsLearner(ranking(model, **parts))
    return learner, learner.fit(learner.fresh(0, records), records, epochs=1, seed=0)


def lists(records: Records, items: int = ITEMS) -> np.ndarray:
    return unpacked(records.features | records.target, items).astype(float)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("check", learner_checks())
def test_every_model_keeps_every_promise_of_a_learner(check: Any, model: str) -> None:
    check(ranking_factory(model))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("check", method_checks())
def test_taking_people_out_keeps_every_promise_of_an_exact_method(check: Any, model: str) -> None:
    check(Subtract(), ranking_factory(model))


def test_the_counts_are_how_many_people_have_two_items() -> None:
    _, state = learned("ease", PEOPLE.records)
    x = lists(PEOPLE.records)
    np.testing.assert_array_equal(square(state.arrays["people"], ITEMS), x.T @ x)


def test_a_person_leaves_with_their_co_purchases_and_nobody_else_s() -> None:
    learner, state = learned("ease", PEOPLE.records)
    for count in (1, 3, 30):  # few people are counted pair by pair, many in a product
        left = learner.subtract(state, PEOPLE.records[:count])
        _, never = learned("ease", PEOPLE.records[count:])
        assert learner.dumps(left) == learner.dumps(never)
        gone = square(state.arrays["people"], ITEMS) - square(left.arrays["people"], ITEMS)
        x = lists(PEOPLE.records[:count])
        np.testing.assert_array_equal(gone, x.T @ x)


def test_pieces_are_counted_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    learner, whole = learned("ease", PEOPLE.records)
    many = PEOPLE.records[np.arange(41).repeat(20)]  # more than a byte counts
    monkeypatch.setattr(type(learner.recipe), "rows", 9)
    state = learner.fit(None, many, epochs=1, seed=0)
    np.testing.assert_array_equal(state.arrays["people"], whole.arrays["people"].astype(int) * 20)
    again = learner.loads(learner.dumps(state))
    assert again.arrays["people"].dtype == np.uint16
    np.testing.assert_array_equal(again.arrays["people"], state.arrays["people"])


def test_ease_is_the_ridge_regression_of_each_item_on_all_others() -> None:
    """Steck 2019, equation 2: minimise ‖x_j - X b‖² + λ ‖b‖² with b_j = 0, item by item."""
    learner, state = learned("ease", PEOPLE.records, penalty=3.0)
    x = lists(PEOPLE.records)
    expected = np.zeros((ITEMS, ITEMS))
    for item in range(ITEMS):
        others = [one for one in range(ITEMS) if one != item]
        gram = x[:, others].T @ x[:, others] + 3 * np.eye(ITEMS - 1)
        expected[others, item] = np.linalg.solve(gram, x[:, others].T @ x[:, item])
    shown = unpacked(PEOPLE.records.features, ITEMS).astype(bool)
    scores = np.where(shown, OWNED, shown @ expected)
    np.testing.assert_allclose(learner.predict(state, PEOPLE.records.features), scores, atol=1e-10)


def test_the_baselines_are_counts_by_hand() -> None:
    records = lists_of([[0, 1], [0, 1, 2], [2]], items=4)
    asked = lists_of([[1]], items=4).features
    for model, expected in (("cooccurrence", [2, OWNED, 1, 0]), ("popularity", [2, OWNED, 2, 0])):
        learner, state = learned(model, records, items=4)
        np.testing.assert_allclose(learner.predict(state, asked)[0], [one if one == OWNED else one / 3 for one in expected])


def lists_of(people: list[list[int]], *, items: int) -> Records:
    """All shown, nothing left out."""
    rows = np.zeros((len(people), items), np.uint8)
    for row, held in zip(rows, people, strict=True):
        row[held] = 1
    bits = np.packbits(rows, axis=1)
    return Records(bits, np.zeros_like(bits))


def test_ease_finds_what_is_bought_together_where_popularity_cannot() -> None:
    people = population(people=600, rows=600, seed=3, task=RANKING).records
    ndcg = RANKING.metric(None, ITEMS).measure
    found = {}
    for model in MODELS:
        learner, state = learned(model, people[:400], penalty=20.0)
        found[model] = ndcg(learner.predict(state, people[400:].features), people[400:].target)
    assert found["ease"] > found["cooccurrence"] > found["popularity"]
    assert found["popularity"] > 0.1


def test_one_who_leaves_hardly_moves_what_others_are_recommended() -> None:
    people = population(people=600, rows=600, seed=3, task=RANKING).records
    learner, state = learned("ease", people[:400], penalty=20.0)
    after = learner.subtract(state, people[:1])
    answers = [learner.predict(one, people[400:].features) for one in (state, after)]
    moved = RANKING.moved(*answers, people[400:].target)
    assert moved.kept.mean() > 0.95
    assert np.median(moved.by) < 0.05
    assert recommended(answers[0], 10).shape == (200, 10)


def test_a_state_is_solved_once_however_often_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    learner, state = learned("ease", PEOPLE.records)
    solved = []
    monkeypatch.setattr(type(learner.recipe), "solve", lambda *_given: solved.append(1) or np.zeros((ITEMS, ITEMS)))
    for _ in range(3):
        learner.predict(learner.loads(learner.dumps(state)), PEOPLE.records.features)
    assert len(solved) == 1


# --- the recipe -----------------------------------------------------------------------------------------------------


def recipe(**parts: Any) -> Any:
    return RankingRecipe(**{"model": "ease", "item": "item", "person": "person", "items": ("x", "y", "z", "q"), **parts})


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"items": "xyz"}, "items must be a sequence of strings"),
        ({"items": ("x", "x")}, "none twice"),
        ({"penalty": 0}, "expected a number above 0"),
        ({"left_out": 0.7}, "at most 0.5"),
        ({"items": [str(number) for number in range(20_001)]}, "solves a matrix of at most 20,000"),
    ],
)
def test_what_cannot_be_meant_is_refused(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        recipe(**parts)


def test_an_item_that_nobody_has_is_not_named_in_what_is_served() -> None:
    learner, state = learned("ease", lists_of([[0, 1], [0, 1], [1, 2]], items=4), items=4)
    served = learner.package({0: state})
    assert b"item 3" not in served.files["ensemble.json"]
    without = learner.package({0: learner.subtract(state, lists_of([[1, 2]], items=4))})
    assert all(b"item 2" not in content for content in without.files.values())
    assert "item 2" not in str(without.question)
