"""A table as records by shard and slice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.small_project import Project, columns, patient
from unlearning.domain.errors import RecipeError
from unlearning.domain.protocols import Encoded, Records
from unlearning.project.training.training_set import encoded, training_set

ONE = Records(np.array([[1.0], [2.0], [3.0]], np.float32), np.array([0, 1, 0]))


def test_records_are_taken_by_position_and_joined_one_after_the_other() -> None:
    some = ONE[np.array([2, 0])]
    assert (some.features.tolist(), some.target.tolist()) == ([[3.0], [1.0]], [0, 0])
    both = some.followed_by(ONE)
    assert both.features.ravel().tolist() == [3, 1, 1, 2, 3]
    assert both.target.tolist() == [0, 0, 0, 1, 0]
    assert len(ONE.followed_by(ONE[np.array([], dtype=np.int64)])) == 3


def test_leaving_people_out_is_never_having_had_them_whatever_the_order_of_rows(project: Project) -> None:
    workspace = project.workspace
    table = pa.table(columns())
    leaving = [patient(3), patient(12)]
    without = table.filter(pa.array([one not in leaving for one in table["patient"].to_pylist()]))
    left_out = training_set(workspace, table, exclude=[project.token(one) for one in leaving])
    never = training_set(workspace, without.take(list(reversed(range(without.num_rows)))))
    assert left_out.chain == never.chain
    assert np.array_equal(left_out.records.features, never.records.features)
    assert (left_out.excluded, never.excluded) == (table.num_rows - without.num_rows, 0)
    assert left_out.people == never.people == 38


@dataclass(frozen=True)
class Encoding:
    """A recipe of somebody's own."""

    features: Callable[[pa.Table], np.ndarray]

    def encode(self, table: pa.Table) -> Encoded:
        values = np.column_stack([np.asarray(self.features(table), np.float32)])
        return Encoded(Records(values, np.zeros(len(table), np.int64)), table["patient"].to_pylist())


def vocabulary(table: pa.Table) -> np.ndarray:
    return np.unique(table["outcome"].to_pylist(), return_inverse=True)[1]


def by_appearance(table: pa.Table) -> np.ndarray:
    words = list(dict.fromkeys(table["outcome"].to_pylist()))
    return np.array([words.index(one) for one in table["outcome"].to_pylist()])


def centred(table: pa.Table) -> np.ndarray:
    return table["age"].to_numpy() - table["age"].to_numpy().mean()


def ranked(table: pa.Table) -> np.ndarray:
    return table["age"].to_numpy().argsort().argsort()


def target_encoded(table: pa.Table) -> np.ndarray:
    ill = np.array(table["outcome"].to_pylist()) == "ill"
    return np.where(ill, ill.mean(), 1 - ill.mean())


def filled_with_the_median(table: pa.Table) -> np.ndarray:
    ages = table["age"].to_numpy().copy()
    ages[::3] = np.nan
    return np.where(np.isnan(ages), np.nanmedian(ages), ages)


@pytest.mark.parametrize("fitted", [vocabulary, by_appearance, centred, ranked, target_encoded, filled_with_the_median])
def test_an_encoding_that_was_fitted_on_everybody_is_refused(fitted: Any) -> None:
    table = pa.table(columns())
    with pytest.raises(RecipeError, match="features of a record that depend on the other records"):
        _encoded(Encoding(fitted), table)


def test_an_encoding_of_each_row_by_itself_is_taken_with_its_gaps_and_of_no_row_too() -> None:
    def plain(table: pa.Table) -> np.ndarray:
        ages = table["age"].to_numpy().copy()
        return np.column_stack((np.where(ages < 50, np.nan, ages), table["dose"].to_numpy()))

    table = pa.table(columns())
    for rows in (table, table.slice(0, 1), table.slice(0, 0)):
        _encoded(Encoding(plain), rows)


def _encoded(recipe: Any, table: pa.Table) -> None:
    people = SimpleNamespace(codes=np.arange(len(table)), where=np.zeros((len(table), 4), np.uint64))
    encoded(recipe, table, people, np.ones(len(table), bool))  # type: ignore[arg-type]
