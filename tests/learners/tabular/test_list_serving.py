"""What every served recommender does with a question, whatever its scores are made of."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from unlearning.stores.mlflow.connection import silence

with silence():  # MLflow warns about its own type hints while it is imported
    from unlearning.learners.tabular.list_serving import ListModel


class Alphabetic(ListModel):
    """The later in the list of names, the better."""

    def open(self, folder: Path) -> None:
        del folder

    def scores(self, lists: Any) -> Any:
        return np.tile(np.arange(lists.shape[1], dtype=float), (len(lists), 1))


@pytest.fixture
def made(tmp_path: Path) -> Alphabetic:
    (tmp_path / "ensemble.json").write_text(json.dumps({"items": ["a", "b", "c", "d"]}), "utf-8")
    model = Alphabetic()
    model.load_context(SimpleNamespace(artifacts={"ensemble": str(tmp_path)}))
    return model


def test_the_best_that_are_not_shown_come_first_and_no_more_than_there_are(made: Alphabetic) -> None:
    asked = pd.DataFrame({"items": [["d", "a"], ["never heard of"], None, ["a", "b", "c", "d"]]}, index=[7, 5, 3, 1])
    answer = made.predict(None, asked, {"k": 3})
    assert answer.index.tolist() == [7, 5, 3, 1]
    assert answer["items"].tolist() == [["c", "b"], ["d", "c", "b"], ["d", "c", "b"], []]
    assert answer["scores"].tolist() == [[2, 1], [3, 2, 1], [3, 2, 1], []]


@pytest.mark.parametrize(("params", "count"), [(None, 4), ({"k": 0}, 0), ({"k": 1}, 1), ({"k": -2}, 0)])
def test_so_many_are_recommended_as_are_asked_for(made: Alphabetic, params: dict[str, int] | None, count: int) -> None:
    answer = made.predict(None, pd.DataFrame({"items": [[]]}), params)
    assert len(answer["items"].iloc[0]) == count
