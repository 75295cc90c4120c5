"""The recipe of boosted trees."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.small_boosting import LIBRARIES, recipe
from unlearning.domain.errors import RecipeError
from unlearning.domain.hashing import digest


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"library": "sklearn"}, "expected one of xgboost, lightgbm, catboost"),
        ({"rounds": 0}, "rounds=0; expected at least 1"),
        ({"labels": ("one",)}, "labels has one value"),
        ({"parameters": {"seed": 1}}, "every stage has a seed of its own"),
        ({"features": ["x", "x"]}, "none twice"),
    ],
)
def test_contradictions_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        replace(recipe("xgboost"), **change)


def test_facts_are_plain_and_hold_what_shapes_training() -> None:
    one = recipe("xgboost")
    for other in (replace(one, rounds=13), replace(one, parameters={}), replace(one, library="lightgbm", parameters={})):
        assert digest(other.facts()) != digest(one.facts())


@pytest.mark.parametrize("library", LIBRARIES)
def test_categories_are_positions_or_for_catboost_columns_and_gaps_stay(library: str) -> None:
    small = replace(recipe(library), features=["age", "ward"], categories={"ward": ("a", "b")}, labels=())
    table = pa.table({"age": [1.0, None], "ward": ["b", "never declared"], "label": [1.0, 2.0], "person": ["x", "y"]})
    features = small.encode(table).records.features
    expected = [[1, 0, 1], [np.nan, 0, 0]] if library == "catboost" else [[1, 1], [np.nan, np.nan]]
    np.testing.assert_array_equal(features, expected)
    assert small.width == features.shape[1]
