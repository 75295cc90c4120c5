"""What a clean version may be made from: only what nobody who was erased shaped, and what is known has to be said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from tests.erasure.steps.begun import planned
from tests.registry import Elsewhere
from tests.small_project import TRAIN, Project
from unlearning.domain.clocks import utc_now
from unlearning.domain.entities import Adoption
from unlearning.domain.versions import DataVersion
from unlearning.erasure.steps import parentage
from unlearning.lineage import adoption

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own, where a test calls it itself

DATA = DataVersion(TRAIN, "d" * 64, "0" * 32, None, 4, 3)


@pytest.mark.parametrize(
    ("parent", "tags", "reads", "verdict"),
    [
        (None, {}, "", None),
        (None, {}, "base", "passed"),
        (None, {}, "outcome", "failed"),
        ("base", {}, "base", "passed"),
        ("base", {}, "", "failed"),
        ("base", {"unlearning.derived_from": "nothing"}, "", "passed"),
        ("base", {"unlearning.derived_from": "base/1"}, "", "passed"),
        ("base", {"unlearning.derived_from": "outcome/1"}, "base", "failed"),
        ("base", {}, "beside outcome", "failed"),
    ],
)
def test_what_a_run_read_decides(
    project: Project, parent: str | None, tags: Mapping[str, str], reads: str, verdict: str | None
) -> None:
    others = Elsewhere.at(project.workspace.models.uri, project.root)
    clean = others.train("base")
    source = project.workspace.models.version("outcome", 1)
    beside = others.logged(str(source.run_id))
    inputs: dict[str, Sequence[str]] = {
        "": [],
        "base": [project.workspace.models.version("base", 1).source.removeprefix("models:/")],
        "outcome": [source.source.removeprefix("models:/")],
        "beside outcome": [beside],
    }
    old, new = others.train("child"), others.train("child", models=inputs[reads], tags=tags)
    if parent:
        project.workspace.lineage.add_edge(clean, old, "distilled")
    adopted = Adoption(old, DATA, ((TRAIN, "patient"),), "retrain", "evaluate")
    adoption.record(project.workspace, adopted, now=utc_now())
    erasure = planned(project, project.cells()[0, 1][0])
    made = [*parentage.checks(erasure, project.workspace.models.version("child", new.version))]
    assert [one.verdict for one in made] == ([verdict] if verdict else [])
    if verdict == "passed" and tags.get("unlearning.derived_from") != "nothing":
        kind = "distilled" if parent else "fine_tuned"
        assert parentage.edges(project.workspace, new) == [(clean, new, kind)]
