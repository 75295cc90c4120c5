"""People and the set of their items, from rows of a table, for every learner of lists."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from unlearning.domain.errors import DataError
from unlearning.domain.item_lists import unpacked
from unlearning.domain.tasks import OWNED
from unlearning.learners.tabular import ItemListRecipe

ROWS = {"who": ["a", "b", "a", "a", "b"], "what": ["x", "y", "z", "x", "z"], "when": [1, 2, 3, 4, 5]}


class Recipe(ItemListRecipe):
    """Of no learner."""

    engine = "none/1"


def recipe(**parts: Any) -> ItemListRecipe:
    given = {"item": "item", "person": "person", "items": ("x", "y", "z", "q"), "learner": "none"}
    return Recipe(**(given | parts))


def test_a_person_s_rows_become_the_set_of_their_items() -> None:
    made = recipe()
    rows = made.encode(pa.table({"person": ROWS["who"], "item": ROWS["what"]}))
    assert list(rows.people) == ROWS["who"]
    gathered = made.gathered(rows.records, np.array([0, 1, 0, 0, 1]), np.array([7, 8], np.uint64))
    assert len(gathered) == 2
    held = unpacked(gathered.features | gathered.target, 4)
    np.testing.assert_array_equal(held, [[1, 0, 1, 0], [0, 1, 1, 0]])
    assert not (gathered.features & gathered.target).any()
    np.testing.assert_array_equal(unpacked(gathered.target, 4).sum(axis=1), [1, 1])


def test_an_item_that_is_not_declared_is_counted_and_never_quoted() -> None:
    table = pa.table({"person": ROWS["who"], "item": ["x", "secret-item", None, "x", "other-secret"]})
    with pytest.raises(DataError, match=r"2 undeclared items in 2 records, in rows 2, 5") as told:
        recipe().encode(table)
    assert "secret" not in str(told.value)
    assert "missing in 1 records" in str(told.value)


def test_numbers_are_declared_as_text() -> None:
    made = recipe(items=("1193", "661"))
    rows = made.encode(pa.table({"person": [1, 1], "item": [661, 1193]}))
    assert rows.records.target.tolist() == [1, 0]


def test_scores_of_what_is_shown_are_below_every_other() -> None:
    shown = np.packbits(np.array([[1, 0, 0, 1], [0, 0, 0, 0]], np.uint8), axis=1)
    scores = recipe().without_owned(np.ones((2, 4)), shown)
    np.testing.assert_array_equal(scores, [[OWNED, 1, 1, OWNED], [1, 1, 1, 1]])


def test_everything_that_is_declared_shapes_training() -> None:
    changed = [{"items": ("x", "y", "z", "p")}, {"left_out": 0.3}, {"learner": "other"}, {"item": "thing"}]
    facts = [dict(recipe(**parts).facts()) for parts in ({}, *changed)]
    assert all(facts.count(one) == 1 for one in facts)
