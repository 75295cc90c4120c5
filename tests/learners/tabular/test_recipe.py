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


# --- embeddings ------------------------------------------------------------------------------------------------------

POSTS = [[1.0, 2.0], [3.0, None], None]
LISTS = {
    "list": pa.list_(pa.float32()),
    "large list": pa.large_list(pa.float64()),
    "fixed-size list": pa.list_(pa.float16(), 2),
    "whole numbers": pa.list_(pa.int64()),
}


def embedded(**others: Any) -> Plain:
    return recipe(features=("age", "post", "ward"), embeddings={"post": 2}, **others)


@pytest.mark.parametrize("kind", LISTS)
def test_equally_long_lists_become_so_many_features_and_a_missing_one_so_many_gaps(kind: str) -> None:
    whole = table(post=pa.array(POSTS, LISTS[kind]))
    sliced = pa.concat_tables([whole.slice(2), whole.slice(0, 2)])  # in chunks that begin somewhere
    expected = np.array([[30, 1, 2, 1], [np.nan, 3, np.nan, np.nan], [50, np.nan, np.nan, np.nan]], np.float32)
    np.testing.assert_array_equal(embedded().encode(whole).records.features, expected)
    np.testing.assert_array_equal(embedded().encode(sliced).records.features, expected[[2, 0, 1]])
    assert embedded().encoded == ["age", "post", "post", "ward"]
    assert embedded().width == 4


@pytest.mark.parametrize(
    ("post", "said"),
    [
        ([[1.0], [1.0, 2.0], [1.0, 2.0, 3.0]], "feature 'post' has 2 lists of another length than the declared 2"),
        ([[], None, [1.0, 2.0]], "feature 'post' has 1 lists of another length"),
        ([[1.0, float("inf")], None, None], "feature 'post' has 1 infinite values"),
        ([["a", "b"], None, None], "feature 'post' is string, expected numbers"),
        ([1.0, 2.0, 3.0], "feature 'post' is double, expected lists of 2 numbers; correct `embeddings`"),
    ],
)
def test_lists_that_are_no_embedding_are_refused(post: list[Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        embedded().encode(table(post=post))


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"embeddings": {"text": 3}}, "embeddings are declared for ['text'], which are not features"),
        ({"embeddings": {"ward": 3}}, "['ward'] are declared as categories and as embeddings"),
        ({"embeddings": {"age": 0}}, "embeddings['age'] is 0; expected how many numbers a list has"),
    ],
)
def test_embeddings_that_contradict_the_rest_are_refused(others: Any, said: str) -> None:
    with pytest.raises(RecipeError) as refused:
        recipe(**others)
    assert said in str(refused.value)


def test_only_a_recipe_with_embeddings_says_so_in_its_facts() -> None:
    """The names of what was trained before there were any stay as they are."""
    assert "embeddings" not in recipe().facts()
    assert embedded().facts()["embeddings"] == {"post": 2}
