"""Who each row of a table belongs to, by token alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.histories import History
from unlearning.domain import hashing
from unlearning.domain.errors import DataError, NeedsReview
from unlearning.domain.partition import places
from unlearning.project.people import People, people_in
from unlearning.project.workspace import Workspace

PEOPLE = People(("a", "b", "c"), np.zeros((3, 4), np.uint64), np.array([0, 1, 1, 2, 0]), frozenset({"c", "d"}))


@pytest.fixture
def workspace(beginning: History, tmp_path: Path) -> Workspace:
    return beginning.copy(tmp_path / "project").workspace


def test_every_row_of_a_person_is_masked_and_no_other() -> None:
    assert PEOPLE.mask(["a"]).tolist() == [True, False, False, False, True]
    assert PEOPLE.mask(["a", "b"]).tolist() == [True, True, True, False, True]
    assert not PEOPLE.mask([]).any()
    assert not PEOPLE.mask(["stranger"]).any()


def test_somebody_who_shares_a_record_is_nobody_s_to_guess() -> None:
    for wanted, says in ((["c"], "1 of these people is named"), (["a", "c", "d"], "2 of these people are named")):
        with pytest.raises(NeedsReview, match=says):
            PEOPLE.mask(wanted)
    assert PEOPLE.everyone == {"a", "b", "c", "d"}


def test_a_table_s_people_have_the_tokens_and_places_of_the_keys_whatever_the_order_of_rows(workspace: Workspace) -> None:
    table = pa.table({"who": ["bob-2", "ann-1", "bob-2"], "x": [1, 2, 3]})
    found = people_in(workspace, table, "who")
    assert [found.tokens[code] for code in found.codes] == [
        hashing.token(workspace.keys.index, one, "text") for one in ("bob-2", "ann-1", "bob-2")
    ]
    inner = [hashing.fingerprint(one, "text") for one in ("bob-2", "ann-1", "bob-2")]
    assert np.array_equal(found.where[found.codes], places(hashing.keyed(workspace.keys.partition, inner)))
    assert found.shared == frozenset()


def test_several_people_in_one_cell_are_known_to_share_it(workspace: Workspace) -> None:
    found = people_in(workspace, pa.table({"who": ["ann-1;bob-2", "cid-3"]}), "who")
    assert found.shared == {hashing.token(workspace.keys.index, one, "text") for one in ("ann-1", "bob-2")}


def test_a_row_without_a_person_and_a_table_without_the_column_are_refused(workspace: Workspace) -> None:
    for table in (pa.table({"who": ["ann-1", None]}), pa.table({"x": [1]})):
        with pytest.raises(DataError):
            people_in(workspace, table, "who")
