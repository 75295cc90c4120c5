"""Step 3: what will be done, decided while nothing is changed."""

from __future__ import annotations

import pytest

from tests.erasure.steps.begun import begun, planned
from tests.small_project import HOLDOUT, TABLES, TRAIN, Project
from unlearning.domain.entities import ShapedVersion
from unlearning.domain.errors import WouldEmptyData
from unlearning.domain.events import PlanMade
from unlearning.domain.versions import ModelVersion
from unlearning.erasure.record_sets import RecordSets
from unlearning.erasure.steps.assess import assess_step
from unlearning.erasure.steps.plan import check_ready, plan_step, wanted


def test_a_plan_names_the_version_to_replace_the_methods_and_the_tables_as_they_are(project: Project) -> None:
    person = project.cells()[0, 1][0]
    erasure = planned(project, person)
    plan = erasure.plan
    assert plan.own is not None
    assert (plan.own.parent, plan.own.methods, plan.own.train) == (ModelVersion("outcome", 1), ("sisa", "retrain"), TRAIN)
    assert plan.own.retrain_model
    assert plan.tokens == (project.token(person),)
    assert [version.path for version in plan.before] == list(TABLES)
    assert plan.adopted == ()


def test_who_shaped_no_model_costs_no_training(project: Project) -> None:
    plan = planned(project, project.people(HOLDOUT)[0]).plan
    assert plan.own is not None
    assert not plan.own.retrain_model


def test_a_plan_is_made_once(project: Project) -> None:
    erasure = planned(project, project.cells()[0, 1][0])
    events = project.kinds()
    assert plan_step(erasure, RecordSets(erasure)) == erasure.done(PlanMade).plan
    assert project.kinds() == events


def test_an_erasure_that_would_leave_no_training_record_is_refused_before_anything_is_changed(project: Project) -> None:
    erasure = begun(project, *project.people(TRAIN))
    sets = RecordSets(erasure)
    assess_step(erasure, sets)
    with pytest.raises(WouldEmptyData, match=TRAIN):
        plan_step(erasure, sets)
    assert project.kinds()[-1] == "ErasureRefused"
    assert "PlanMade" not in project.kinds()


def test_a_project_with_a_served_version_is_ready_and_nothing_adopted_is_wanted_where_nothing_was_adopted(
    project: Project,
) -> None:
    check_ready(project.workspace)
    shaped = [ShapedVersion("theirs", 1, (), "", via="dataset input"), ShapedVersion("outcome", 1, (), "")]
    assert wanted(project.workspace, shaped) == ()
