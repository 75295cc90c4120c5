"""The vote of constituents."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.fakes import FakeLearner, FakeState
from tests.small_project import HOLDOUT, Project
from unlearning.domain.chain import Part, Trained
from unlearning.domain.errors import Damaged
from unlearning.project.training.ensemble import Ensemble, read_records
from unlearning.stores.checkpoints import CheckpointStore
from unlearning.stores.tables import tables
from unlearning.testing import FEATURES, LABELS

INPUTS = np.arange(2 * FEATURES, dtype=np.float32).reshape(2, FEATURES)


def state(level: float) -> FakeState:
    weights = np.zeros((FEATURES + 1, LABELS))
    weights[-1, 0] = level
    return FakeState(np.zeros(FEATURES), weights, np.zeros_like(weights))


def test_the_answer_is_the_mean_of_the_votes_in_any_order() -> None:
    learner, votes = FakeLearner(), {0: state(0.0), 3: state(2.0)}
    expected = (learner.predict(votes[0], INPUTS) + learner.predict(votes[3], INPUTS)) / 2
    assert np.array_equal(Ensemble(learner, votes).predict(INPUTS), expected)
    assert np.array_equal(Ensemble(learner, dict(reversed(votes.items()))).predict(INPUTS), expected)
    np.testing.assert_allclose(expected.sum(axis=1), 1)


def test_constituents_come_from_the_store_and_one_that_left_it_is_named_with_the_next_step(tmp_path: Path) -> None:
    learner, store = FakeLearner(), CheckpointStore(str(tmp_path))
    keys = ("a" * 64, "b" * 64)
    digest = store.put(keys[0], learner.dumps(state(1.0)))
    workspace: Any = SimpleNamespace(checkpoints=store, learner=learner, own=SimpleNamespace(model="m"))
    here, gone = (Part(shard, key, digest, 1, 1, 0.1) for shard, key in enumerate(keys))
    found = Ensemble.of(workspace, Trained("sisa", "exact", (here,)))
    assert np.array_equal(found.predict(INPUTS), learner.predict(state(1.0), INPUTS))
    with pytest.raises(Damaged, match=r"shard 1 of 'm' has no checkpoint bbbbbbbbbbbb….*unlearn train"):
        Ensemble.of(workspace, Trained("sisa", "exact", (here, gone)))


def test_a_table_is_read_as_records_in_the_order_it_is_stored_in(project: Project) -> None:
    records = read_records(project.workspace, HOLDOUT)
    expected = project.workspace.recipe.encode(tables.read(project.root / HOLDOUT)).records
    assert np.array_equal(records.features, expected.features)
    assert np.array_equal(records.target, expected.target)


def test_of_a_table_with_more_rows_all_those_of_drawn_people_are_read(project: Project) -> None:
    everybody = tables.read(project.root / HOLDOUT)
    some = read_records(project.workspace, HOLDOUT, most=len(everybody) // 2)
    all_of_them = project.workspace.recipe.encode(everybody).records
    person = np.array(everybody[project.workspace.recipe.person].to_pylist())
    theirs = {one.tobytes() for one in some.features}
    whole = [who for who in np.unique(person) if {one.tobytes() for one in all_of_them.features[person == who]} <= theirs]
    assert 0 < len(some) < len(everybody)
    assert np.array_equal(some.features, all_of_them.features[np.isin(person, whole)])
    assert np.array_equal(some.target, all_of_them.target[np.isin(person, whole)])
    assert len(read_records(project.workspace, HOLDOUT, most=len(everybody))) == len(everybody)


class Counting(FakeLearner):
    """Says how often it was asked."""

    asked = 0

    def predict(self, state: Any, features: Any) -> Any:
        self.asked += 1
        return super().predict(state, features)


def test_two_versions_ask_whom_they_have_in_common_once_and_answer_as_each_alone() -> None:
    learner = Counting()
    shared, old, new = state(0.5), state(1.0), state(2.0)
    before = Ensemble(learner, {0: shared, 1: old}, {0: "a", 1: "b"})
    after = Ensemble(learner, {1: new, 0: shared, 2: old}, {1: "c", 0: "a", 2: "d"})
    alone = after.predict(INPUTS), before.predict(INPUTS)
    learner.asked = 0
    both = after.with_other(before, INPUTS)
    assert learner.asked == 4
    assert all(np.array_equal(one, other) for one, other in zip(both, alone, strict=True))
    assert after.with_other(None, INPUTS)[1] is None


def test_constituents_without_a_name_are_never_taken_for_one_another() -> None:
    learner = FakeLearner()
    one, other = Ensemble(learner, {0: state(0.5)}), Ensemble(learner, {0: state(2.0)})
    assert np.array_equal(one.with_other(other, INPUTS)[1], other.predict(INPUTS))
