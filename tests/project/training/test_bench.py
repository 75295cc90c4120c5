"""Models to compare with: another seed and a store of their own, of which nothing is left."""

from __future__ import annotations

import numpy as np

from tests.small_project import TRAIN, Project
from unlearning.domain.tasks import CLASSIFICATION
from unlearning.project.people import read_with_people
from unlearning.project.training.bench import MOST_PASSES, bench, passes_until_known
from unlearning.project.training.training_set import encoded


def test_a_model_on_the_bench_is_trained_as_the_project_trains_and_leaves_nothing(template: Project) -> None:
    workspace = template.workspace
    table, people = read_with_people(workspace, workspace.path(TRAIN), "patient", named=TRAIN)
    records, where = encoded(workspace.recipe, table, people, np.ones(len(table), np.bool_))
    stored, chains = set(workspace.checkpoints.keys()), len(workspace.attempts.chains("outcome"))
    record = workspace.lineage.model("outcome", 1)
    assert record is not None
    with bench(workspace) as place:
        same = place.train(place.set_of(records, where))
        folder = place.workspace.checkpoints_url
        assert [part.digest for part in same.parts] == [part.digest for part in record.trained.parts]
        place.borrow(workspace.checkpoints, [part.key for part in record.trained.parts])
        model = place.answers(same)
    with bench(workspace, seed=9) as place:
        other = place.train(place.set_of(records, where))
        known = place.answers(other)
    assert {part.digest for part in other.parts}.isdisjoint(part.digest for part in same.parts)
    assert not workspace.path(folder).exists()
    assert set(workspace.checkpoints.keys()) == stored
    assert len(workspace.attempts.chains("outcome")) == chains

    assert passes_until_known(model, CLASSIFICATION, {}, records, np.inf) == 1
    assert passes_until_known(known, CLASSIFICATION, {0: records}, records, 0.0) == MOST_PASSES
