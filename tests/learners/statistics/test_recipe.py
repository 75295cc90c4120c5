from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tests.small_statistics import CLASSIFICATIONS, REGRESSIONS, recipe
from unlearning.domain.errors import DataError, RecipeError
from unlearning.learners.statistics import StatisticsRecipe

CHURN = {
    "model": "lda",
    "features": ["age", "plan"],
    "categories": {"plan": ("basic", "plus")},
    "target": "churned",
    "person": "customer",
    "labels": ("no", "yes"),
    "ranges": {"age": (0, 120)},
}
TABLE = {"customer": [1, 2, 3], "age": [30.5, None, 120.0], "plan": ["plus", None, "basic"], "churned": ["no", "yes", "no"]}


def test_only_numbers_need_a_range() -> None:
    made = StatisticsRecipe(**CHURN)
    assert made.width == 3
    assert made.facts()["ranges"] == {"age": [0.0, 120.0]}
    records = made.encode(pa.table(TABLE)).records
    assert made.scale.units(records.features).tolist() == [[-29.5 / 60, 0, 1], [0, 0, 0], [1, 1, 0]]


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"model": "forest"}, "model is 'forest'; expected ridge, linear, gaussian_nb"),
        ({"model": "ridge"}, "ridge is a regression: it has no labels"),
        ({"labels": ()}, "lda is a classification: declare its labels"),
        ({"ranges": {}}, "'age' has no range"),
        ({"ranges": {"age": (0, 120), "plan": (0, 1)}}, r"ranges are declared for \['plan'\]"),
        ({"ranges": {"age": (120, 0)}}, r"ranges\['age'\] is no pair of finite numbers"),
        ({"ranges": (0, float("inf"))}, r"ranges\['age'\] is no pair"),
        ({"ranges": {"age": 120}}, r"ranges\['age'\] is no pair"),
        ({"model": "multinomial_nb", "ranges": (-1, 120)}, "begins below 0"),
        ({"bits": 25}, "bits is 25; expected a whole number from 1 to 24"),
        ({"bits": 20.0}, "bits is 20.0"),
        ({"components": -1}, "components is -1; expected a whole number from 0 to "),
        ({"components": 1}, "components are for ridge and linear, and the model is lda"),
        ({"alpha": 0}, "alpha is 0"),
        ({"alpha": float("nan")}, "alpha is nan"),
        ({"shrinkage": 1.5}, "shrinkage is 1.5"),
        ({"missing": {"age": 130}}, r"missing\['age'\] is out of the range"),
        ({"missing": {"plan": 0}}, r"missing is declared for \['plan'\]"),
    ],
)
def test_contradictions_are_refused(parts: dict, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        StatisticsRecipe(**{**CHURN, **parts})


def test_what_shapes_the_sums_is_in_the_facts() -> None:
    facts = StatisticsRecipe(**CHURN).facts()
    for change in ({"ranges": (0, 121)}, {"bits": 19}, {"missing": {"age": 1}}, {"shrinkage": 0.1}, {"model": "gaussian_nb"}):
        assert StatisticsRecipe(**{**CHURN, **change}).facts() != facts


def test_a_table_out_of_range_is_refused_naming_column_and_range_but_no_cell() -> None:
    with pytest.raises(DataError, match=r"feature 'age' \(0 to 120\) is out of its declared range in 1 records") as refused:
        StatisticsRecipe(**CHURN).encode(pa.table({**TABLE, "age": [30.5, 147.25, 1.0]}))
    assert "147" not in str(refused.value)


def test_a_target_out_of_range_is_refused() -> None:
    made = recipe("ridge", features=1, ranges={"x0": (0, 1), "target": (0, 10)})
    with pytest.raises(DataError, match=r"target 'target' \(0 to 10\) is out of its declared range in 2 records"):
        made.encode(pa.table({"x0": [0.5] * 3, "target": [11.0, -1, 3], "person": [1, 2, 3]}))


def test_a_table_of_more_records_than_the_sums_hold_is_refused() -> None:
    made = recipe("ridge", features=1, bits=24)
    rows = 2**15
    columns = {"x0": np.zeros(rows), "target": np.zeros(rows), "person": np.arange(rows)}
    with pytest.raises(DataError, match="32768 records may overflow the sums of feature 'x0'"):
        made.encode(pa.table(columns))


def test_a_model_is_for_one_task() -> None:
    assert {recipe(model).task for model in REGRESSIONS} == {"regression"}
    assert {recipe(model).task for model in CLASSIFICATIONS} == {"classification"}
