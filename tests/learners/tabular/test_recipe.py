"""What any recipe for tables reads of one: numbers, positions of categories, labels or values."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest

from unlearning.domain.errors import DataError, RecipeError
from unlearning.learners.tabular import TableRecipe


@dataclass(frozen=True, kw_only=True)
class Plain(TableRecipe):
    learner: str = "plain"
    engine: ClassVar[str] = "plain/1"


def recipe(**others: Any) -> Plain:
    values: dict[str, Any] = {"features": ("age", "ward"), "target": "cost", "person": "patient"}
    return Plain(**values | {"categories": {"ward": ("A", "B")}} | others)


def table(**others: Any) -> pa.Table:
    columns = {"patient": ["p1", "p2", "p1"], "age": [30, None, 50], "ward": ["B", None, "Z"], "cost": [1.5, 2, -3]}
    return pa.table(columns | others)


def test_without_one_hot_a_category_is_its_position_and_any_other_value_is_missing() -> None:
    records = recipe().encode(table()).records
    np.testing.assert_array_equal(records.features, np.array([[30, 1], [np.nan, np.nan], [50, np.nan]], np.float32))
    assert recipe().width == records.features.shape[1] == 2


def test_without_labels_the_target_is_a_number_and_the_task_a_regression() -> None:
    records = recipe().encode(table()).records
    assert (records.target.dtype, records.target.tolist()) == (np.float64, [1.5, 2, -3])
    assert (recipe().task, recipe().outputs) == ("regression", 1)
    assert (recipe(labels=("a", "b", "c")).task, recipe(labels=("a", "b", "c")).outputs) == ("classification", 3)
    decimals = table(cost=[Decimal("1.5"), Decimal("0.1"), Decimal(7)])
    assert recipe().encode(decimals).records.target.tolist() == [1.5, 0.1, 7]


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        ([1.0, None, 2.0], "target 'cost' is missing or infinite in 1 records"),
        ([1.0, float("inf"), float("nan")], "target 'cost' is missing or infinite in 2 records"),
        (["1", "2", "3"], "target 'cost' is string, expected numbers; convert it, or declare `labels`"),
    ],
)
def test_a_target_that_is_no_number_is_refused(cost: list[Any], said: str) -> None:
    with pytest.raises(DataError, match=said.replace("`", "`")):
        recipe().encode(table(cost=cost))


def test_the_facts_name_learner_and_engine() -> None:
    facts = recipe().facts()
    assert (facts["learner"], facts["engine"], facts["labels"]) == ("plain", "plain/1", [])


def test_a_recipe_that_contradicts_itself_says_all_of_it() -> None:
    with pytest.raises(RecipeError, match=r"(?s)none twice.*person 'age' is one of the features.*declared for \['height'\]"):
        recipe(features=("age", "age"), person="age", categories={"height": ("tall",)})
