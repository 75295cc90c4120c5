"""The file that recommends by embeddings where this package is not: it says what the learner says."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from tests.small_torch import torch_ranking
from unlearning.domain.item_lists import unpacked
from unlearning.domain.tasks import RANKING, recommended
from unlearning.stores.mlflow.connection import silence
from unlearning.testing import ITEMS, population

with silence():  # MLflow warns about its own type hints while it is imported
    from unlearning.learners.torch.ranking_serving import Recommender

PEOPLE = population(people=41, task=RANKING).records


def test_it_answers_as_the_constituents_do_on_average(tmp_path: Path) -> None:
    learner = torch_ranking()
    states = {
        shard: learner.fit(learner.fresh(shard, some), some, epochs=3, seed=1)
        for shard, some in ((0, PEOPLE[:25]), (3, PEOPLE[25:]))
    }
    for name, content in learner.package(states).files.items():
        (tmp_path / name).write_bytes(content)
    made = Recommender()
    made.load_context(SimpleNamespace(artifacts={"ensemble": str(tmp_path)}))
    expected = np.mean([learner.predict(state, PEOPLE.features) for state in states.values()], axis=0)
    shown = [[f"item {at}" for at in np.flatnonzero(row)] for row in unpacked(PEOPLE.features, ITEMS)]
    answer = made.predict(None, pd.DataFrame({"items": [*shown, ["never heard of"], []]}), {"k": 5})
    for row, best in enumerate(recommended(expected, 5)):
        assert answer["items"].iloc[row] == [f"item {at}" for at in best]
        np.testing.assert_allclose(answer["scores"].iloc[row], expected[row, best], rtol=1e-5)
    assert answer["items"].iloc[-1] == answer["items"].iloc[-2]
