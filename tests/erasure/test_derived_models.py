"""Models that come from each other, under one erasure: in what order they are made again, and from what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests import adopted
from tests.adopted import CHURN, SCORES, STUDENT, TEACHER
from tests.entrypoints.cli.conftest import plain_flows
from tests.small_project import Project, copy, patient, tracked
from unlearning.domain.clocks import utc_now
from unlearning.domain.errors import NeedsReview, ValidationRefused
from unlearning.domain.events import AdoptedPromoted
from unlearning.domain.versions import ModelVersion
from unlearning.entrypoints.cli import main
from unlearning.erasure import watch

pytestmark = pytest.mark.timeout(900)  # several stages of somebody else's, each importing MLflow and scikit-learn


@pytest.fixture(scope="module")
def distilled(engineer: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A teacher and a student; to be copied."""
    return adopted.add_distilled(copy(engineer, tmp_path_factory.mktemp("distilled") / "project"))


@pytest.fixture
def theirs(distilled: Project, tmp_path: Path) -> Project:
    return copy(distilled, tmp_path / "project")


def run(project: Project, *arguments: str, fails: int = 0) -> Any:
    with plain_flows():
        done = CliRunner().invoke(main, [*arguments, "--root", str(project.root), "--json"])
    assert done.exit_code == fails, done.output
    return json.loads(done.stdout)


def adopt(project: Project, name: str, data: str = CHURN, *more: str) -> None:
    run(project, "adopt", f"{name}/1", "--data", data, "--subject-column", "customer", *more)


def distils(project: Project) -> None:
    project.workspace.lineage.add_edge(ModelVersion(TEACHER, 1), ModelVersion(STUDENT, 1), "distilled")


def edges(project: Project) -> set[tuple[str, str, str]]:
    return {(str(parent), str(child), kind) for parent, child, kind in project.workspace.lineage.edges()}


def of_nobody(project: Project) -> str:
    """The run of `churn/1`, which nobody adopted: nothing replaced it, so it is listed."""
    return str(project.workspace.models.version("churn", 1).run_id)


def pickles(project: Project) -> set[str]:
    """The logged models behind the versions that are there: no reader opens them, so they are listed too."""
    models = project.workspace.models
    every = [one.model for name in ("churn", TEACHER, STUDENT) for one in models.versions(name)]
    return {str(models.version(one.name, one.version).source).removeprefix("models:/") for one in every}


def left(project: Project) -> set[str]:
    """What a search still finds or cannot clear, by name."""
    return {name for place in run(project, "sweep", fails=1)["places"] for name in place["names"]}


def test_the_student_is_made_after_its_teacher_and_from_the_clean_one_though_nobody_followed(theirs: Project) -> None:
    for name in (STUDENT, TEACHER):
        adopt(theirs, name)
    assert edges(theirs) == set()
    theirs.request(patient(3))
    [report] = theirs.erase()

    assert [one["name"] for one in report["adopted"]] == [TEACHER, STUDENT]
    made = [event.fact.model for event in theirs.events() if isinstance(event.fact, AdoptedPromoted)]
    assert made == [TEACHER, STUDENT]
    assert (f"{TEACHER}/2", f"{STUDENT}/2", "fine_tuned") in edges(theirs), "read from the student's own run"
    assert f"{STUDENT}/2: model inputs" in {check["name"] for check in report["adopted"][1]["checks"]}
    assert set(theirs.states().values()) == {"completed_with_residuals"}
    assert left(theirs) == {of_nobody(theirs)} | pickles(theirs)
    found = watch.watch(theirs.workspace, clock=utc_now)
    assert not [one for one in found if one.what.startswith((TEACHER, STUDENT))]


def refused(project: Project, named: str, says: str) -> None:
    """An erasure whose student was made by a script that names its teacher like this."""
    old = repr(project.workspace.models.version(TEACHER, 1).source) if "OLD" in named else ""
    (project.root / "ann.py").write_text(adopted.LEARN.replace("NAMED", named.replace("OLD", old)))
    project.workspace.data.git.commit("Say it otherwise", ["."])
    with pytest.raises(ValidationRefused, match=says):
        project.erase()
    assert project.workspace.models.aliases(STUDENT) == {"live": 1}
    assert set(project.states().values()) == {"failed"}


@pytest.mark.slow  # what decides it is in steps/test_parentage.py
def test_a_run_that_names_no_parent_is_refused_and_what_reads_the_clean_one_is_not(theirs: Project) -> None:
    for name in (STUDENT, TEACHER):
        adopt(theirs, name)
    distils(theirs)
    theirs.request(patient(3))

    refused(theirs, adopted.UNNAMED, "it is known to come from zoe, and its run names no model")

    (theirs.root / "ann.py").write_text(adopted.LEARN.replace("NAMED", adopted.NAMED))
    theirs.workspace.data.git.commit("Say it as it is", ["."])
    theirs.erase()
    [clean] = theirs.workspace.models.aliases(STUDENT).values()
    assert clean > 1
    assert (f"{TEACHER}/2", f"{STUDENT}/{clean}", "distilled") in edges(theirs)


@pytest.mark.slow
@pytest.mark.parametrize(
    "named",
    [
        'mlflow.set_tag("unlearning.derived_from", "zoe/1")',
        'mlflow.set_tag("unlearning.derived_from", "models:/zoe/1")',
        adopted.NAMED.replace("teacher.source", "OLD"),
    ],
)
def test_a_tainted_parent_is_refused_however_it_is_named(theirs: Project, named: str) -> None:
    for name in (STUDENT, TEACHER):
        adopt(theirs, name)
    distils(theirs)
    theirs.request(patient(3))
    refused(theirs, named, "it was made from zoe/1, which erased people shaped")


@pytest.mark.slow
def test_the_scores_that_a_model_wrote_are_made_again_and_the_next_model_stands_on_the_new_ones(theirs: Project) -> None:
    (theirs.root / "ann.py").write_text(
        adopted.SKLEARN.replace(CHURN, SCORES)
        .replace('"churn"', '"ann"')
        .replace('[["visits", "spent"]]', '[["visits"]]')
        .replace('table["left"]', 'table["score"] > 0.5')
    )
    adopted.stage(theirs, STUDENT, [SCORES])
    adopted.reproduce(theirs, STUDENT)
    theirs.workspace.data.git.commit("The student reads scores", ["."])
    adopt(theirs, TEACHER)
    run(theirs, "adopt", f"{STUDENT}/2", "--data", SCORES, "--subject-column", "customer")
    before = (theirs.root / SCORES).read_text()
    theirs.request(patient(3))
    [report] = theirs.erase()

    assert [one["name"] for one in report["adopted"]] == [TEACHER, STUDENT]
    after = (theirs.root / SCORES).read_text()
    assert patient(3) in before
    assert patient(3) not in after
    assert patient(4) in after
    assert report["adopted"][1]["data"]["object"] == tracked(theirs.root, SCORES)
    assert theirs.workspace.data.status() == []
    for one, stages in zip(report["adopted"], (["clean", TEACHER], ["clean", TEACHER, STUDENT]), strict=True):
        assert one["stages"] == stages
    # by the teacher's own stage once: one clean version of it, beside the one that was purged
    assert [one.model.version for one in theirs.workspace.models.versions(TEACHER)] == [2]
    assert left(theirs) == {of_nobody(theirs)} | pickles(theirs)


def test_what_can_be_known_is_refused_before_anything_is_changed(theirs: Project) -> None:
    adopt(theirs, STUDENT)
    adopt(theirs, TEACHER, CHURN, "--policy", "none")
    distils(theirs)
    data = (theirs.root / CHURN).read_bytes()
    theirs.request(patient(3))
    with pytest.raises(NeedsReview, match=f"{STUDENT} was made from {TEACHER}/1, which these people shaped"):
        theirs.erase()
    adopt(theirs, TEACHER)
    theirs.workspace.lineage.add_edge(ModelVersion(STUDENT, 1), ModelVersion(TEACHER, 1), "fine_tuned")
    with pytest.raises(NeedsReview, match=r"model ann → .*model zoe|model zoe → .*model ann"):
        theirs.erase()
    assert (theirs.root / CHURN).read_bytes() == data
    assert "DataRedacted" not in theirs.kinds()
