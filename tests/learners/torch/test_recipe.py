"""A table as a recipe sees it."""

from __future__ import annotations

import decimal
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from unlearning.domain.errors import DataError, RecipeError
from unlearning.domain.hashing import canonical
from unlearning.learners.torch import TorchRecipe, standardize


def recipe(**others: Any) -> TorchRecipe:
    values: dict[str, Any] = {
        "network": nn.Linear,
        "features": ("age", "ward"),
        "target": "outcome",
        "person": "patient",
        "labels": ("home", "icu"),
        "optimizer": torch.optim.SGD,
        "epochs": 2,
        "batch_size": 4,
        "categories": {"ward": ("A", "B")},
    }
    return TorchRecipe(**values | others)


def table(**others: Any) -> pa.Table:
    columns: dict[str, Any] = {
        "patient": ["p1", "p2", "p1"],
        "age": [30, None, 50],
        "ward": ["B", None, "Z"],
        "outcome": ["home", "icu", "icu"],
    }
    return pa.table(columns | others)


def test_a_table_becomes_numbers_one_hot_categories_and_label_indices() -> None:
    encoded = recipe().encode(table())
    assert np.array_equal(
        encoded.records.features,
        np.array([[30, 0, 1], [np.nan, 0, 0], [50, 0, 0]], np.float32),
        equal_nan=True,
    )
    assert encoded.records.features.dtype == np.float32
    assert encoded.records.target.tolist() == [0, 1, 1]
    assert list(encoded.people) == ["p1", "p2", "p1"]
    assert recipe().width == encoded.records.features.shape[1]


def test_columns_follow_the_recipe_and_not_the_table() -> None:
    turned = table().select(["outcome", "ward", "age", "patient"])
    assert np.array_equal(recipe().encode(turned).records.features, recipe().encode(table()).records.features, equal_nan=True)
    assert recipe(features=("ward", "age")).encode(table()).records.features[0].tolist() == [0, 1, 30]


@pytest.mark.parametrize(
    ("ages", "expected"),
    [
        (pa.array([1, 2, 3], pa.int64()), [1, 2, 3]),
        (pa.array([1, 2, 3], pa.uint8()), [1, 2, 3]),
        (pa.array([True, False, None]), [1, 0, np.nan]),
        (pa.array([0.5, None, float("nan")]), [0.5, np.nan, np.nan]),
        (pa.array([decimal.Decimal("1.5"), None, decimal.Decimal("2.5")]), [1.5, np.nan, 2.5]),
        (pa.array([None, None, None]), [np.nan] * 3),
        (pa.array([2**53 + 1, 0, 0]), [2.0**53, 0, 0]),
        (pa.array([1, 2, 1]).dictionary_encode(), [1, 2, 1]),
        (pa.chunked_array([[1], [2, 3]]), [1, 2, 3]),
    ],
)
def test_every_kind_of_number_becomes_float32(ages: Any, expected: list[float]) -> None:
    assert np.array_equal(
        recipe().encode(table(age=ages)).records.features[:, 0], np.array(expected, np.float32), equal_nan=True
    )


@pytest.mark.parametrize(
    ("outcomes", "labels"),
    [
        (pa.array([0, 1, 1]), ("0", "1")),
        (pa.array([0.0, 1.0, 1.0]), ("0", "1")),
        (pa.array([0.0, 1.0, 1.0]), ("0.0", "1.0")),
        (pa.array([False, True, True]), ("False", "True")),
        (pa.array(["0", "1", "1"]).dictionary_encode(), ("0", "1")),
        (pa.chunked_array([["0", "1"], ["1"]]), ("0", "1")),
    ],
)
def test_labels_are_compared_as_text(outcomes: Any, labels: tuple[str, str]) -> None:
    assert recipe(labels=labels).encode(table(outcome=outcomes)).records.target.tolist() == [0, 1, 1]


def test_a_whole_number_with_gaps_is_the_category_it_was_declared_as() -> None:
    encoded = recipe(categories={"ward": ("1", "2")}).encode(table(ward=pa.array([2.0, None, 1.0])))
    assert encoded.records.features[:, 1:].tolist() == [[0, 1], [0, 0], [1, 0]]


def test_an_empty_table_gives_no_records_of_the_right_width() -> None:
    encoded = recipe().encode(table().slice(0, 0))
    assert encoded.records.features.shape == (0, 3)
    assert len(encoded.people) == len(encoded.records) == 0


@given(
    st.lists(st.tuples(st.integers(-1000, 1000) | st.none(), st.sampled_from(["A", "B", "C", None])), min_size=1, max_size=30)
)
def test_a_record_is_encoded_alike_whatever_stands_beside_it(rows: list[tuple[int | None, str | None]]) -> None:
    whole = pa.table(
        {
            "patient": [str(number) for number in range(len(rows))],
            "age": pa.array([age for age, _ in rows], pa.int64()),
            "ward": pa.array([ward for _, ward in rows], pa.string()),
            "outcome": ["home"] * len(rows),
        }
    )
    together = recipe().encode(whole).records.features
    alone = np.concatenate([recipe().encode(whole.slice(row, 1)).records.features for row in range(len(rows))])
    assert np.array_equal(together, alone, equal_nan=True)


# --- findings ---


def test_all_findings_come_at_once_and_show_no_person() -> None:
    bad = table(patient=["secret-1", None, "secret-3"], age=["old", "young", "old"], outcome=["home", "morgue", None]).drop(
        ["ward"]
    )
    with pytest.raises(DataError) as caught:
        recipe().encode(bad)
    message = str(caught.value)
    assert "missing columns ['ward']; the table has patient, age, outcome" in message
    assert "feature 'age' is string, expected numbers" in message
    assert "'outcome' has 1 undeclared labels in 1 records, in rows 2 (the first is 1); declared: ['home', 'icu']" in message
    assert "morgue" not in message, "in a row that is shifted it is somebody's identifier"
    assert "'outcome' is missing in 1 records" in message
    assert "person 'patient' is missing in 1 records" in message
    assert "secret" not in message


@pytest.mark.parametrize(
    "people", [[1.0, float("nan"), 2.0], pa.array([1, None, 2]), pa.array(["a", None, "b"]).dictionary_encode()]
)
def test_a_record_of_nobody_is_refused(people: Any) -> None:
    with pytest.raises(DataError, match="person 'patient' is missing in 1 records"):
        recipe().encode(table(patient=people))


def test_infinite_values_are_refused() -> None:
    with pytest.raises(DataError, match="'age' has 2 infinite values"):
        recipe().encode(table(age=[float("inf"), 1e300, 1.0]))


def test_a_column_that_is_there_twice_is_refused() -> None:
    twice = table().append_column("age", pa.array([1, 2, 3]))
    with pytest.raises(DataError, match="column 'age' is there 2 times"):
        recipe().encode(twice)


def test_only_the_first_undeclared_labels_are_shown() -> None:
    many = pa.table({"patient": ["p"] * 9, "age": [1] * 9, "ward": ["A"] * 9, "outcome": [f"x{row}" for row in range(9)]})
    with pytest.raises(DataError, match=r"in 9 records, in rows 1, 2, 3, 4, 5 and others"):
        recipe().encode(many)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"epochs": 0}, "epochs=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"features": ()}, "features must name at least one"),
        ({"features": ("age", "age"), "categories": {}}, "none twice"),
        ({"features": "age", "categories": {}}, "sequence of strings"),
        ({"labels": ("home", "home")}, "labels must name"),
        ({"labels": (0, 1)}, "labels must be a sequence of strings"),
        ({"categories": {"ward": ()}}, "categories"),
        ({"categories": {"street": ("A",)}}, r"categories are declared for \['street'\]"),
        ({"person": "age"}, "person 'age' is one of the features"),
        ({"target": "age"}, "target 'age' is one of the features"),
        ({"target": "patient"}, "same column"),
    ],
)
def test_a_recipe_that_contradicts_itself_is_refused(change: dict[str, Any], finding: str) -> None:
    with pytest.raises(RecipeError, match=finding):
        recipe(**change)


# --- facts ---


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 3},
        {"batch_size": 5},
        {"features": ("ward", "age")},
        {"labels": ("icu", "home")},
        {"categories": {"ward": ("B", "A")}},
        {"categories": {}},
        {"person": "someone"},
        {"target": "result"},
        {"learner": "other"},
    ],
)
def test_everything_that_shapes_training_is_a_fact(change: dict[str, Any]) -> None:
    assert canonical(recipe().facts()) != canonical(replace(recipe(), **change).facts())


def test_facts_say_the_same_in_every_spelling() -> None:
    assert recipe(features=["age", "ward"], labels=["home", "icu"], categories={"ward": ["A", "B"]}).facts() == recipe().facts()


# --- standardize ---


def test_standardize_leaves_missing_values_out_and_puts_the_mean_in() -> None:
    fitted = standardize(torch.tensor([[1.0, 5.0], [3.0, 5.0], [float("nan"), 5.0]]))
    given_later = torch.tensor([[2.0, 5.0], [4.0, 7.0], [float("nan"), float("nan")]])
    assert fitted(given_later).tolist() == [[0, 0], [2, 2], [0, 0]]


@pytest.mark.parametrize("column", [[0.1] * 7, [float("nan")] * 3, [1e6] * 5, [4.0]])
def test_a_column_without_spread_keeps_its_scale(column: list[float]) -> None:
    fitted = standardize(torch.tensor(column)[:, None])
    assert fitted.state_dict()["scale"].tolist() == [1.0]
    assert torch.isfinite(fitted(torch.tensor([[0.0], [float("nan")]]))).all()
