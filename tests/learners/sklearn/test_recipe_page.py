"""The example on the page of recipes trains."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa

from unlearning.learners.sklearn import SklearnLearner, SklearnRecipe
from unlearning.project.recipes import load_recipe

PAGE = (Path(__file__).parents[3] / "docs/recipes.md").read_text("utf-8")
EXAMPLE = re.search(r"<!-- sklearn -->\n```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_example_trains_and_answers(tmp_path: Path) -> None:
    assert EXAMPLE
    (tmp_path / "churn.py").write_text(EXAMPLE[1])
    recipe = load_recipe(tmp_path, "churn.py:recipe")
    assert isinstance(recipe, SklearnRecipe)
    table = {
        "customer_id": [1, 2, 3, 4],
        "age": [30, 40, None, 60],
        "tenure": [1.5, 2.0, 0.5, None],
        "plan": ["basic", "plus", None, "other"],
        "churned": ["no", "yes", "no", "yes"],
    }
    records = recipe.encode(pa.table(table)).records
    learner = SklearnLearner(recipe)
    state = learner.fit(learner.fresh(1, records), records, epochs=1, seed=3)
    assert np.allclose(learner.predict(state, records.features).sum(axis=1), 1)
