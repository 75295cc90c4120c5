"""What models come from, by stages, edges and inputs, and what a run says that it started from."""

from __future__ import annotations

import pytest

from tests.registry import Elsewhere
from tests.small_project import TRAIN, Project, tracked
from unlearning.domain.clocks import utc_now
from unlearning.domain.entities import Adoption
from unlearning.domain.versions import DataVersion, ModelVersion, Tracked
from unlearning.lineage import adoption, follow, origins
from unlearning.lineage.origins import model

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own, where a test calls it itself

OUTCOME, A, B, C = ModelVersion("outcome", 1), ModelVersion("a", 1), ModelVersion("b", 1), ModelVersion("c", 1)
DATA = DataVersion(TRAIN, "d" * 64, "0" * 32, None, 4, 3)


def adopted(project: Project, version: ModelVersion, stage: str) -> None:
    adoption.record(project.workspace, Adoption(version, DATA, ((TRAIN, "patient"),), "retrain", stage), now=utc_now())


def test_a_model_comes_from_its_stage_and_from_what_feeds_that_also_over_versions_that_nobody_asks_about(
    project: Project,
) -> None:
    adopted(project, A, "evaluate")
    for parent, child in ((C, B), (B, A)):
        project.workspace.lineage.add_edge(parent, child, "distilled")
    found = origins.made_from(project.workspace, [OUTCOME, A, C])
    assert found[model("outcome")] == {"stage train", "stage prepare"}
    assert found[model("a")] == {"stage evaluate", "stage prepare", "model b/1"}
    assert found["model b/1"] == {model("c")}
    assert {model("c"), model("outcome"), "stage train"} <= found["stage evaluate"]
    assert found["stage train"] == {"stage check", "stage prepare"}


def test_a_copy_comes_from_what_its_original_comes_from_and_what_people_say_counts_before_what_mlflow_says(
    project: Project,
) -> None:
    for parent, child, kind in ((A, B, "copied"), (C, A, "fine_tuned"), (C, A, "distilled")):
        project.workspace.lineage.add_edge(parent, child, kind)
    assert origins.parents(project.workspace, [B]) == origins.parents(project.workspace, [A]) == {C: "distilled"}
    assert origins.parents(project.workspace, [C]) == {}


def test_the_adopted_version_and_later_ones_say_what_a_model_is_made_from_now() -> None:
    later, here = ModelVersion("a", 3), Adoption(ModelVersion("a", 2), DATA, (), "retrain", "s")
    assert origins.since(here, [A, later, B]) == {here.model, later}


def test_a_run_says_what_it_started_from_by_inputs_by_its_tags_and_by_an_alias(project: Project) -> None:
    workspace = project.workspace
    others = Elsewhere.at(workspace.models.uri, project.root)
    parent_run = others.run(data=[Tracked(TRAIN, tracked(project.root, TRAIN))])
    weights, loose = others.logged(parent_run), others.logged(parent_run)
    parent = others.register("base", weights, parent_run)
    others.client.set_registered_model_alias("base", "live", str(parent.version))

    def said(version: ModelVersion) -> origins.Started:
        return origins.started(workspace, workspace.models.version(version.name, version.version))

    fine = {parent: "fine_tuned"}
    assert said(others.train("child", models=[weights])) == origins.Started(fine, {}, from_nothing=False)
    assert said(others.train("child", models=[loose])) == origins.Started({}, {loose: parent_run}, from_nothing=False)
    for named in ("base/1", "models:/base/1", "base@live", "models:/base@live"):
        tags = {"unlearning.derived_from": named, "unlearning.derived_kind": "distilled"}
        tagged = others.train("child", tags=tags)
        assert said(tagged) == origins.Started({parent: "distilled"}, {}, from_nothing=False), named
    assert said(others.train("child", tags={"unlearning.derived_from": "nothing"})).from_nothing
    nothing = others.train("child")
    assert said(nothing) == origins.Started({}, {}, from_nothing=False)

    others.client.set_model_version_tag("child", str(nothing.version), "unlearning.derived_from", "base@live")
    follow.note_edges(workspace)
    assert (parent, nothing, "fine_tuned") in workspace.lineage.edges()
    assert (parent, tagged, "distilled") not in workspace.lineage.edges()  # an alias in a tag of a run was of its moment
