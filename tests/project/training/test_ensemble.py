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
