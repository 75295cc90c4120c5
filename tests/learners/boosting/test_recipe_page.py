"""The part of the reference of recipes about boosted trees: its example trains, with every library."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.small_boosting import LIBRARIES
from unlearning.learners.boosting import BoostingLearner, BoostingRecipe
from unlearning.project.recipes import load_recipe

PAGE = (Path(__file__).parents[3] / "docs/recipes.md").read_text("utf-8")
EXAMPLE = re.search(r"<!-- boosting -->\n```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_example_trains_and_gives_the_same_bytes_twice(library: str, tmp_path: Path) -> None:
    pytest.importorskip(library)
    assert EXAMPLE
    (tmp_path / "churn.py").write_text(EXAMPLE[1])
    recipe = load_recipe(tmp_path, "churn.py:recipe")
    assert isinstance(recipe, BoostingRecipe)
    if library != "xgboost":
        recipe = replace(recipe, library=library, parameters={"subsample": 0.8, "learning_rate": 0.1})
    generator = np.random.default_rng(0)
    age = generator.integers(20, 70, 60)
    table = pa.table(
        {
            "customer_id": range(60),
            "age": [None if one < 22 else int(one) for one in age],
            "tenure": generator.normal(3, 1, 60),
            "plan": [("basic", "plus", None, "other")[one] for one in generator.integers(0, 4, 60)],
            "churned": ["yes" if one > 45 else "no" for one in age],
        }
    )
    records = recipe.encode(table).records
    learner = BoostingLearner(recipe)
    states = [learner.fit(learner.fresh(1, records), records, epochs=9, seed=3) for _ in range(2)]
    assert learner.dumps(states[0]) == learner.dumps(states[1])
    right = learner.predict(states[0], records.features).argmax(axis=1) == records.target
    assert library == "lightgbm" or right.mean() > 0.9  # 20 records a leaf are LightGBM's least
