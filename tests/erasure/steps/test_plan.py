"""Step 3: what will be done, decided while nothing is changed."""

from __future__ import annotations

import pytest

from tests.erasure.steps.begun import begun, planned
from tests.registry import Elsewhere
from tests.small_project import HOLDOUT, TABLES, TRAIN, Project, tracked
from unlearning.domain.clocks import utc_now
from unlearning.domain.entities import Adoption, ShapedVersion
from unlearning.domain.errors import NeedsReview, WouldEmptyData
from unlearning.domain.events import PlanMade
from unlearning.domain.versions import ModelVersion, Tracked
from unlearning.erasure.record_sets import RecordSets
from unlearning.erasure.steps.assess import assess_step
from unlearning.erasure.steps.plan import check_ready, coming_from, plan_step, wanted
from unlearning.lineage import adoption


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
    assert wanted(project.workspace, shaped) == {}


# --- adopted models that come from each other ------------------------------------------------------------------------


def adopted(project: Project, *names: str, stage: str = "evaluate", policy: str = "retrain") -> None:
    """Models that were trained elsewhere, on the training table."""
    workspace, table = project.workspace, Tracked(TRAIN, tracked(project.root, TRAIN))
    with workspace.models.client() as client:
        known = client.get_experiment_by_name("elsewhere")
    uri = workspace.models.uri
    others = Elsewhere(uri, known.experiment_id, project.root) if known else Elsewhere.at(uri, project.root)
    data = next(one for one in workspace.lineage.data_versions(TRAIN) if one.object == table.object)
    for name in names:
        made = Adoption(others.train(name, data=[table]), data, ((TRAIN, "patient"),), policy, stage)
        adoption.record(workspace, made, now=utc_now())


def edge(project: Project, parent: str, child: str) -> None:
    project.workspace.lineage.add_edge(ModelVersion(parent, 1), ModelVersion(child, 1), "distilled")


def test_each_adopted_model_comes_once_after_all_that_it_comes_from_also_over_one_that_nobody_adopted(
    project: Project,
) -> None:
    adopted(project, "a", "b", "c")
    for parent, child in (("c", "between"), ("between", "a"), ("outcome", "c")):
        edge(project, parent, child)
    project.workspace.followed.mark_deleted(ModelVersion("between", 1))
    plan = planned(project, project.cells()[0, 1][0]).plan
    assert (sorted(plan.adopted), plan.before_own) == (["a", "b", "c"], 0)
    assert plan.adopted.index("c") < plan.adopted.index("a")


def test_the_own_model_is_made_after_an_adopted_one_that_it_comes_from_and_before_what_comes_from_it(project: Project) -> None:
    adopted(project, "before", stage="check")  # the own training reads what this stage makes
    adopted(project, "after", "later")
    edge(project, "before", "outcome")
    edge(project, "outcome", "after")
    plan = planned(project, project.cells()[0, 1][0]).plan
    assert plan.adopted[: plan.before_own] == ("before",)
    assert sorted(plan.adopted[plan.before_own :]) == ["after", "later"]


def test_what_comes_from_a_model_over_others_waits_for_it_and_nothing_else_does(project: Project) -> None:
    adopted(project, "before", "alone", stage="check")
    adopted(project, "after", "between")
    for parent, child in (("before", "outcome"), ("outcome", "between"), ("between", "after")):
        edge(project, parent, child)
    erasure = planned(project, project.cells()[0, 1][0])
    assert coming_from(erasure, ["before"]) == {"outcome", "between", "after"}
    assert coming_from(erasure, ["outcome"]) == {"between", "after"}
    assert coming_from(erasure, ["after"]) == frozenset()


@pytest.mark.parametrize("circle", [("a", "b"), ("a", "b", "c"), ("a", "outcome"), ("b", "outcome", "a")])
def test_a_circle_is_refused_by_name_before_anything_is_changed(project: Project, circle: tuple[str, ...]) -> None:
    adopted(project, "a", "b", "c")
    for parent, child in zip(circle, (*circle[1:], circle[0]), strict=True):
        edge(project, parent, child)
    with pytest.raises(NeedsReview) as refused:
        planned(project, project.cells()[0, 1][0])
    assert all(f"model {name}" in str(refused.value) for name in circle)
    assert project.kinds()[-1] == "ErasureRefused"


@pytest.mark.parametrize(
    ("stage", "policy", "says"),
    [
        ("gone", "retrain", "child cannot be made again: dvc.yaml has no stage 'gone'"),
        ("evaluate", "none", "child was made from parent/1, which these people shaped and nothing makes again"),
    ],
)
def test_what_would_be_refused_after_the_training_is_refused_before_it(
    project: Project, stage: str, policy: str, says: str
) -> None:
    adopted(project, "child", stage=stage)
    adopted(project, "parent", policy=policy)
    edge(project, "parent", "child")
    with pytest.raises(NeedsReview, match=says):
        planned(project, project.cells()[0, 1][0])
    assert "PlanMade" not in project.kinds()
