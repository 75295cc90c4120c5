"""A project whose registered models are all trained by stages of its own: adopted, and looked after without any recipe."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests import adopted
from tests.adopted import CHURN, RAW
from tests.entrypoints.cli.conftest import plain_flows
from tests.remedied.conftest import trained_elsewhere
from tests.remedied.helping import filled, printed
from tests.remedied.helping import run as remedied
from tests.small_project import Project, copy, patient, remote_objects, tracked
from unlearning.domain.errors import SettingsError, ValidationRefused
from unlearning.domain.versions import ModelVersion
from unlearning.entrypoints.cli import main
from unlearning.project import settings, suppression
from unlearning.project.holdings import Holdings


@pytest.fixture
def theirs(engineer: Project, tmp_path: Path) -> Project:
    return copy(engineer, tmp_path / "project")


def run(project: Project, *arguments: str, fails: int = 0, types: str | None = None) -> Any:
    with plain_flows():
        done = CliRunner().invoke(main, [*arguments, "--root", str(project.root), "--json"], input=types)
    assert done.exit_code == fails, done.output
    return json.loads(done.stdout)


def adopt(project: Project, *more: str) -> Any:
    return run(project, "adopt", "churn/1", "--data", CHURN, "--subject-column", "customer", *more)


def as_mlflow_does(project: Project) -> None:
    """What is made from now on leaves nothing that no reader opens."""
    (project.root / "churn.py").write_text(adopted.as_mlflow_does(adopted.SKLEARN))
    project.workspace.data.git.commit("The format that MLflow chooses", ["."])


def versions(project: Project) -> list[int]:
    return [one.model.version for one in project.workspace.models.versions("churn")]


# --- the whole job ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    """A project of which one person was erased, and what its commands said on the way."""

    project: Project
    gone: set[str]
    """The objects of before."""
    raw: bytes
    gaps: tuple[Any, Any]
    """What `follow` said before and after the adoption."""
    impact: Any
    report: Any


@pytest.fixture(scope="module")
def done(engineer: Project, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """The whole job, as far as the certificate; to be copied."""
    project = copy(engineer, tmp_path_factory.mktemp("done") / "project")
    as_mlflow_does(project)
    before = run(project, "follow")["gaps"]
    adopt(project, "--minimum", "accuracy=0.2")
    gaps = before, run(project, "follow")["gaps"]
    gone, raw = {tracked(project.root, path) for path in (RAW, CHURN)}, (project.root / RAW).read_bytes()
    run(project, "request", "--file", "-", types=patient(3))
    return Done(project, gone, raw, gaps, run(project, "impact"), run(project, "erase"))


@pytest.fixture
def after(done: Done, tmp_path: Path) -> Project:
    """That project, of the test's own."""
    return copy(done.project, tmp_path / "project")


def test_the_whole_job_needs_no_recipe(done: Done, after: Project) -> None:
    unknown = [any("no known person column" in gap["why"] for gap in gaps) for gaps in done.gaps]
    assert unknown == [True, False]

    assert [(one["name"], one["version"], one["aliases"]) for one in done.impact["model_versions"]] == [("churn", 1, ["live"])]
    assert (done.impact["records"], done.impact["shards_total"], done.impact["method"]) == (1, 0, None)

    report = done.report
    assert report["models"] == []
    assert [(one["name"], one["from_versions"], one["to_version"]) for one in report["adopted"]] == [("churn", [1], 2)]
    assert (report["residuals"], set(after.states().values())) == ([], {"completed"})
    for path in (RAW, CHURN):
        assert patient(3) not in (after.root / path).read_text()
        assert patient(4) in (after.root / path).read_text()
    models = after.workspace.models
    assert (versions(after), models.aliases("churn")) == ([2], {"live": 2})
    assert models.load(ModelVersion("churn", 2)) is not None
    assert not done.gone & remote_objects(after.root)
    assert after.workspace.data.status() == []
    _twins_keep_everybody_else(after)
    _certified(after, report["certificate"])

    assert run(after, "sweep")["clean"]
    assert run(after, "watch")["clean"]
    assert run(after, "audit")["intact"]
    assert run(after, "erase")["certificate"] is None


def _twins_keep_everybody_else(project: Project) -> None:
    listed = run(project, "twins")
    assert {RAW, CHURN} >= {twin["path"] for twin in listed["twins"]} != set()
    assert listed["commits"] > 0


def _certified(project: Project, path: str) -> None:
    key = project.root / ".unlearning/keys/signing.pub"
    verified = CliRunner().invoke(main, ["verify", str(project.root / path), "--key", str(key), "--json"])
    assert verified.exit_code == 0, verified.output
    said = json.loads(verified.stdout)
    assert said["verdict"] == "verified"
    assert "churn/2 made again by DVC stages" in said["grade"]
    page = (project.root / path).with_suffix(".html").read_text()
    assert "was made again by its own stage without them" in page
    assert "this project trains no model of its own" in page
    assert "in place of churn/1; aliases moved: @live" in page
    assert "shards" not in page
    tags = project.workspace.models.version("churn", 2).tags
    assert {"unlearning.certificate", "unlearning.ledger_head"} <= tags.keys()


@pytest.mark.slow
def test_a_killed_erasure_goes_on_where_it_stopped(theirs: Project) -> None:
    as_mlflow_does(theirs)
    adopt(theirs)
    theirs.request(patient(3))

    def die(name: str) -> None:
        if name == "5 retrain churn":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        theirs.erase(before=die)
    assert patient(3) not in (theirs.root / RAW).read_text()
    assert (versions(theirs), theirs.workspace.models.aliases("churn")) == ([1], {"live": 1})
    theirs.erase()
    assert (versions(theirs), theirs.workspace.models.aliases("churn")) == ([2], {"live": 2})
    assert theirs.kinds().count("DataRedacted") == 1
    assert set(theirs.states().values()) == {"completed"}


@pytest.mark.slow
def test_a_refused_candidate_leaves_alias_and_versions_and_a_later_run_succeeds(theirs: Project) -> None:
    as_mlflow_does(theirs)
    adopt(theirs, "--minimum", "accuracy=1.5")
    theirs.request(patient(3))
    with pytest.raises(ValidationRefused, match=r"expected ≥ 1\.5"):
        theirs.erase()
    assert theirs.workspace.models.aliases("churn") == {"live": 1}
    assert 1 in versions(theirs)
    assert set(theirs.states().values()) == {"failed"}
    adopt(theirs, "--minimum", "accuracy=0.2")
    theirs.erase()
    assert set(theirs.states().values()) == {"completed"}
    assert 1 not in versions(theirs)


def test_without_a_policy_the_data_is_redacted_and_the_model_is_listed_as_left(theirs: Project) -> None:
    adopt(theirs, "--policy", "none")
    theirs.request(patient(3))
    [report] = theirs.erase()
    assert report["adopted"] == []
    assert patient(3) not in (theirs.root / CHURN).read_text()
    [left] = [one for one in report["residuals"] if one["level"] == "model"]
    assert "churn/1" in left["place"]
    key = theirs.root / ".unlearning/keys/signing.pub"
    verified = CliRunner().invoke(main, ["verify", str(theirs.root / report["certificate"]), "--key", str(key)])
    assert "models that they shaped are listed as left" in verified.output
    assert "No model was made again." in (theirs.root / report["certificate"]).with_suffix(".html").read_text()


@pytest.mark.slow
def test_a_later_version_whose_data_nobody_knows_is_listed_as_left(theirs: Project) -> None:
    as_mlflow_does(theirs)
    adopt(theirs)
    late = trained_elsewhere(theirs.root, "churn")
    run(theirs, "request", "--file", "-", types=patient(3))

    report = run(theirs, "erase", fails=1)

    [left] = report["residuals"]
    assert left["place"] == f"versions of adopted models whose data nobody knows: {late}"
    assert set(theirs.states().values()) == {"completed_with_residuals"}
    assert late.version in versions(theirs)
    again = run(theirs, "purge", fails=1)["residuals"]  # which searches places, and this is in none
    assert [one["place"] for one in again] == [left["place"]]
    assert set(theirs.states().values()) == {"completed_with_residuals"}

    fill = {"MODEL/VERSION": str(late), "PATH": CHURN, "REV": "HEAD", "COLUMN": "customer"}
    with plain_flows():
        for line in printed(left["remedy"], "unlearn follow", "unlearn adopt", "unlearn purge"):
            remedied(theirs.root, filled(line, fill) + (" --policy none" if "adopt" in line else ""))
    assert set(theirs.states().values()) == {"completed"}


def test_erased_people_who_come_back_are_seen_by_the_check_and_by_watching(done: Done, after: Project) -> None:
    assert run(after, "check").keys() == {RAW, CHURN}
    (after.root / RAW).write_bytes(done.raw)
    after.workspace.data.add([RAW])
    assert "1 person who was erased came back" in run(after, "check", fails=1)["message"]
    assert suppression.look(after.workspace, RAW, "customer") is not None
    found = run(after, "watch", fails=1)["found"]
    assert {one["kind"] for one in found} >= {"data"}
    assert len(run(after, "request", "--returned")) == 1
    [report] = after.erase()
    assert report["adopted"] == []  # no stage has run on them since
    assert patient(3) not in (after.root / RAW).read_text()


# --- what is said when something is missing --------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["prepare", "train", "evaluate"])
def test_a_command_that_needs_a_recipe_says_so(theirs: Project, command: str) -> None:
    said = run(theirs, command, fails=2)["message"]
    assert "trains no model of its own" in said
    assert "unlearn adopt" in said
    assert theirs.kinds() == []


def test_before_anything_is_adopted_erasing_says_to_adopt_first(theirs: Project) -> None:
    assert run(theirs, "erase")["certificate"] is None
    theirs.request(patient(3))
    for command in ("erase", "impact", "check", "sweep"):
        assert "unlearn adopt" in run(theirs, command, fails=2)["message"]
    assert "ErasureStarted" not in theirs.kinds()
    assert "(adopted: none yet)" in run(theirs, "lineage", fails=2)["message"]


def test_init_writes_neither_stages_nor_a_recipe_and_again_changes_nothing(theirs: Project) -> None:
    assert not (theirs.root / "recipes").exists()
    assert "unlearn" not in (theirs.root / "dvc.yaml").read_text()
    assert "entrypoint: unlearning.entrypoints.flows.deployed.train" not in (theirs.root / "prefect.yaml").read_text()
    assert "entrypoint: unlearning.entrypoints.flows.deployed.erase" in (theirs.root / "prefect.yaml").read_text()
    assert {one["result"] for one in run(theirs, "init")["files"]} == {"kept"}
    assert "expected one" in run(theirs, "init", "--adopt-only", "--model", "x", fails=2)["message"]


def test_both_templates_say_the_same_of_what_both_have() -> None:
    from unlearning.entrypoints.scaffold.scaffold import ADOPT_ONLY, TEMPLATES

    whole = [line.strip() for line in (TEMPLATES / settings.FILE).read_text().splitlines()]
    theirs = [line.strip() for line in (TEMPLATES / ADOPT_ONLY).read_text().splitlines()]
    assert [
        line for line in theirs if line and line not in whole and not line.startswith(("model:", "recipe:", "checks:"))
    ] == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": "churn"}, "expected model and recipe, or null for both"),
        ({"data": {"train": "data/churn.csv"}}, "data says something of a model that this project trains"),
        ({"partition": {"shards": 2}, "alias": "live"}, "alias, partition says something"),
        ({"policy": {"on_return": "drop"}}, "needs `unlearn prepare`"),
        ({"subject": {"column": "clinic/patient"}}, "subject.column names people by 'clinic/patient'"),
    ],
)
def test_settings_that_only_an_own_model_has_are_refused(theirs: Project, changes: dict[str, Any], says: str) -> None:
    theirs.configure(changes)
    with pytest.raises(SettingsError, match=says.replace("(", r"\(")):
        settings.load(theirs.root)


def test_a_usual_column_is_used_where_nobody_named_another(theirs: Project) -> None:
    theirs.configure({"subject": {"column": "customer"}})
    assert Holdings.of(theirs.workspace).people_columns == ("customer",)
    proof = run(theirs, "prove", "--subject", patient(4), "--data", CHURN)
    assert (proof["subject_column"], proof["kind"]) == ("customer", "inclusion")
