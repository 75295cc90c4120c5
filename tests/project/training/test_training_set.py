"""A table as records by shard and slice."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tests.small_project import Project, columns, patient
from unlearning.domain.protocols import Records
from unlearning.project.training.training_set import training_set

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
