"""Each recipe that `unlearn init` writes trains on the table that it was written for."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.entrypoints.scaffold.test_proposal import PEOPLE, rows, table
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
