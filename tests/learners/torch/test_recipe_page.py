"""The reference of recipes: its example trains, and every part of a recipe is on it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from unlearning.domain.tasks import RANKING
from unlearning.learners.torch import TorchLearner, TorchRankingRecipe, TorchRecipe
from unlearning.project.recipes import load_recipe
from unlearning.testing import ITEMS, population

PAGE = (Path(__file__).parents[3] / "docs/recipes.md").read_text("utf-8")
OF_TORCH = PAGE.partition("\n### ")[0]
EXAMPLE = re.search(r"<!-- recipe -->\n```python\n(.*?)```", PAGE, re.DOTALL)


def example(folder: Path) -> TorchRecipe:
    assert EXAMPLE
    (folder / "churn.py").write_text(EXAMPLE[1])
    loaded = load_recipe(folder, "churn.py:recipe")
    assert isinstance(loaded, TorchRecipe)
    return loaded


def test_the_example_trains_and_gives_the_same_bytes_twice(tmp_path: Path) -> None:
    recipe = example(tmp_path)
    table = pa.table(
        {
            "customer_id": [1, 2, 3, 4],
            "age": [30, 40, None, 60],
            "tenure": [1.5, 2.0, 0.5, None],
            "plan": ["basic", "plus", None, "other"],
            "churned": ["no", "yes", "no", "yes"],
        }
    )
    records = recipe.encode(table).records
    assert recipe.width == 4
    assert "called with `(4, 2)`" in PAGE
    assert records.features[:, 2:].tolist() == [[1, 0], [0, 1], [0, 0], [0, 0]]
    learner = TorchLearner(recipe)
    states = [learner.fit(learner.fresh(1, records), records, epochs=2, seed=3) for _ in range(2)]
    assert learner.dumps(states[0]) == learner.dumps(states[1])
    assert np.allclose(learner.predict(states[0], records.features).sum(axis=1), 1)


def test_every_part_of_a_recipe_is_in_the_table() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", OF_TORCH, re.MULTILINE)) == {one.name for one in dataclasses.fields(TorchRecipe)}


def test_the_recommender_on_the_page_trains_and_its_parts_are_there(tmp_path: Path) -> None:
    said = re.search(r"<!-- recipe torch ranking -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    assert said
    (tmp_path / "shop.py").write_text(said[1])
    (tmp_path / "catalogue.txt").write_text("\n".join(f"item {number}" for number in range(ITEMS)))
    loaded: Any = load_recipe(tmp_path, "shop.py:recipe")
    learner, records = TorchLearner(loaded), population(task=RANKING).records
    state = learner.fit(learner.fresh(1, records), records, epochs=1, seed=1)
    assert np.isfinite(learner.losses(state, records)).all()
    section = PAGE.partition("### torch, recommenders")[2].partition("\n### ")[0]
    rows = re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == {one.name for one in dataclasses.fields(TorchRankingRecipe)} - {"learner"}
