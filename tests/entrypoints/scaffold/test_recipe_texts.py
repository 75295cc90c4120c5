"""Each recipe that `unlearn init` writes trains on the table that it was written for."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.entrypoints.scaffold.test_proposal import PEOPLE, rows, table
from unlearning.domain.errors import RecipeError, WrongUse
from unlearning.entrypoints.scaffold import proposal, recipe_texts
from unlearning.project.recipes import learner_for, load_recipe
from unlearning.stores.tables import tables


def importable(learner: str) -> Any:
    there = find_spec(f"unlearning.learners.{learner}") is not None
    return pytest.param(learner, marks=pytest.mark.skipif(not there, reason="this learner is not here"))


@pytest.mark.parametrize("target", ["churned", "spend"])
@pytest.mark.parametrize("learner", [importable(one) for one in recipe_texts.LEARNERS])
def test_it_fits_the_table_and_tells_labels_or_a_number(tmp_path: Path, learner: str, target: str) -> None:
    found = table(tmp_path, rows(spend=[number / 7 - 3 for number in range(2 * PEOPLE)]))
    proposed = proposal.propose(found, person=None, target=target, learner=learner)
    assert any(f"by {learner}" in line for line in proposed.lines)
    (tmp_path / "recipe.py").write_text(proposal.recipe("churn", proposed))
    recipe: Any = load_recipe(tmp_path, "recipe.py:recipe")
    records = recipe.encode(tables.read(found.file, person="customer_id")).records
    assert recipe.learner == learner
    assert recipe.task == ("classification" if target == "churned" else "regression")
    assert records.target.dtype == (np.int64 if target == "churned" else np.float64)
    made = learner_for(recipe, "cpu")
    state = made.fit(made.fresh(1, records), records, epochs=1, seed=1)
    assert np.isfinite(made.predict(state, records.features)).all()


@pytest.mark.parametrize("learner", [importable(one) for one in recipe_texts.RECOMMENDERS])
def test_what_people_have_makes_a_recommender_whose_catalogue_is_the_user_s(tmp_path: Path, learner: str) -> None:
    things = [f"thing {number % 23}" for number in range(2 * PEOPLE)]
    found = table(tmp_path, {"customer_id": rows()["customer_id"], "bought": things})
    proposed = proposal.propose(found, person=None, target="bought", learner=learner)
    assert proposed.lines[1:] == [
        f"recommends bought by {learner}",
        "needs     recipes/catalogue.txt, one item a line: your own list of what there is, not what people have",
    ]
    said = proposal.recipe("shop", proposed)
    assert not any(thing in said for thing in things)
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes/shop.py").write_text(said)
    with pytest.raises(RecipeError, match="fails on import"):
        load_recipe(tmp_path, "recipes/shop.py:recipe")
    (tmp_path / recipe_texts.CATALOGUE).write_text("\n".join(sorted({*things, "never sold"})) + "\n")
    recipe: Any = load_recipe(tmp_path, "recipes/shop.py:recipe")
    assert (recipe.task, recipe.learner, len(recipe.items)) == ("ranking", learner, 24)
    encoded = recipe.encode(tables.read(found.file, person="customer_id"))
    owner = np.repeat(np.arange(PEOPLE), 2)
    records = recipe.gathered(encoded.records, owner, np.arange(PEOPLE, dtype=np.uint64))
    made = learner_for(recipe, "cpu")
    state = made.fit(made.fresh(1, records), records, epochs=1, seed=1)
    assert np.isfinite(made.predict(state, records.features)).all()


def test_many_texts_make_a_recommender_only_where_it_was_asked_for(tmp_path: Path) -> None:
    found = table(tmp_path, {"customer_id": rows()["customer_id"], "bought": [f"thing {one}" for one in range(2 * PEOPLE)]})
    for learner in (None, "boosting"):
        with pytest.raises(WrongUse, match="with --recipe torch or statistics a column of texts that says what people have"):
            proposal.propose(found, person=None, target="bought", learner=learner)
