from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tests.small_convex import recipe
from unlearning.domain.errors import DataError, RecipeError


def test_whoever_it_is_the_inputs_have_a_norm_of_at_most_one():
    wide = recipe("logistic", categories={"x1": ["a", "b"]}, features=3)
    extreme = np.array([[32, 1, 0, 32], [-32, 0, 1, -32], [1e6, 0, 0, np.nan]], np.float32)
    norms = np.linalg.norm(wide.inputs(extreme), axis=1)
    assert (norms <= 1 + 1e-12).all()
    assert norms[0] == pytest.approx(1)


def test_what_it_wants_of_a_record():
    from unlearning.domain.protocols import Records

    nothing = np.zeros((3, 4), np.float32)
    several, two = recipe("logistic"), recipe("logistic", labels=2)
    assert several.wanted(Records(nothing, np.array([2, 0, 1]))).tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    assert two.wanted(Records(nothing, np.array([1, 0, 1]))).tolist() == [[1], [0], [1]]
    assert recipe("linear").wanted(Records(nothing, np.array([32.0, 0, -16]))).tolist() == [[1], [0], [-0.5]]


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"model": "ridge"}, "model is 'ridge'; expected logistic or linear"),
        ({"labels": ["one"]}, "labels name one; expected at least two"),
        ({"penalty": 0.0}, "penalty is 0.0; expected a number above 0"),
        ({"noise": float("inf")}, "noise is inf; expected a number above 0"),
        ({"ranges": (1.0, 0.0)}, "no pair of finite numbers"),
    ],
)
def test_a_recipe_that_contradicts_itself_says_where(parts, said):
    from dataclasses import replace

    with pytest.raises(RecipeError, match=said):
        replace(recipe("logistic"), **parts)
    with pytest.raises(RecipeError, match="linear is a regression: it has no labels"):
        replace(recipe("linear"), labels=["a", "b"])


def test_a_number_out_of_its_range_is_refused_without_its_value():
    table = pa.table({"x0": [0.0, 99.5], "target": [1.0, 2.0], "person": ["a", "b"]})
    with pytest.raises(DataError, match=r"feature 'x0' \(-32 to 32\) is out of its declared range in 1 records") as caught:
        recipe("linear", features=1).encode(table)
    assert "99.5" not in str(caught.value)
