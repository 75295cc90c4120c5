"""The file that recommends where this package is not: it says what the learner says."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.small_statistics import ranking
from unlearning.domain.item_lists import unpacked
from unlearning.domain.tasks import RANKING, recommended
from unlearning.learners.statistics import StatisticsLearner
from unlearning.learners.statistics.item_scores import MODELS
from unlearning.stores.mlflow.connection import silence
from unlearning.testing import ITEMS, population

with silence():  # MLflow warns about its own type hints while it is imported
    from unlearning.learners.statistics.ranking_serving import Recommender

PEOPLE = population(people=41, task=RANKING).records


def served(model: str, folder: Path) -> tuple[Recommender, Any]:
    """Two constituents, and what their learner answers."""
    learner = StatisticsLearner(ranking(model))
    states = {0: learner.fit(None, PEOPLE[:25], epochs=1, seed=0), 3: learner.fit(None, PEOPLE[25:], epochs=1, seed=0)}
    for name, content in learner.package(states).files.items():
        (folder / name).write_bytes(content)
    made = Recommender()
    made.load_context(SimpleNamespace(artifacts={"ensemble": str(folder)}))
    return made, np.mean([learner.predict(state, PEOPLE.features) for state in states.values()], axis=0)


def asked(*lists: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({"items": list(lists)}, index=[f"row {at}" for at in range(len(lists))])


@pytest.mark.parametrize("model", MODELS)
def test_it_answers_as_the_learner_does(model: str, tmp_path: Path) -> None:
    made, expected = served(model, tmp_path)
    shown = unpacked(PEOPLE.features, ITEMS)
    answer = made.predict(None, asked(*([f"item {at}" for at in np.flatnonzero(row)] for row in shown)), {"k": 5})
    for row, best in enumerate(recommended(expected, 5)):
        np.testing.assert_allclose(answer["scores"].iloc[row], expected[row, best], rtol=1e-9)
        assert not {f"item {at}" for at in np.flatnonzero(shown[row])} & set(answer["items"].iloc[row])
        said = [int(name.removeprefix("item ")) for name in answer["items"].iloc[row]]  # equal scores in another order
        np.testing.assert_allclose(expected[row, said], expected[row, best], rtol=1e-9)


def test_whoever_shows_nothing_known_gets_the_most_frequent_and_an_index_stays(tmp_path: Path) -> None:
    made, _ = served("ease", tmp_path)
    answer = made.predict(None, asked([], ["never heard of"], None, ["item 0"]))
    assert answer.index.tolist() == ["row 0", "row 1", "row 2", "row 3"]
    most = made.names[:10].tolist()
    assert answer["items"].tolist()[:3] == [most, most, most]
    assert answer["items"].tolist()[3] != most


def test_it_says_how_many_people_have_two_items(tmp_path: Path) -> None:
    made, _ = served("ease", tmp_path)
    held = unpacked(PEOPLE.features | PEOPLE.target, ITEMS).astype(int)
    both = held.T @ held
    for one, other in ((0, 0), (0, 5), (9, 3), (63, 60)):
        assert made.together(f"item {one}", f"item {other}") == both[one, other]
    assert made.together("item 0", "never heard of") == 0


def test_whoever_has_all_but_one_is_recommended_that_one(tmp_path: Path) -> None:
    made, _ = served("cooccurrence", tmp_path)
    answer = made.predict(None, asked(made.names[:-1].tolist()), {"k": 10})
    assert answer["items"].tolist() == [[made.names[-1]]]
