"""Models that ordinary scikit-learn and PyTorch code trained, under an erasure from request to certificate."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests import adopted
from tests.adopted import CHURN, RAW
from tests.registry import Elsewhere
from tests.small_project import Project, copy, patient, remote_objects, tracked
from unlearning.domain.clocks import utc_now
from unlearning.domain.versions import ModelVersion, Tracked
from unlearning.entrypoints.cli import main
from unlearning.erasure import watch
from unlearning.lineage import follow
from unlearning.project.holdings import adoptions
from unlearning.stores.dvc.snapshots import Snapshot


@pytest.fixture(scope="module")
def two_models(template: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return adopted.add(copy(template, tmp_path_factory.mktemp("adopted") / "project"))


@pytest.fixture
def theirs(two_models: Project, tmp_path: Path) -> Project:
    return copy(two_models, tmp_path / "project")


def run(project: Project, *arguments: str, fails: int = 0) -> Any:
    done = CliRunner().invoke(main, [*arguments, "--root", str(project.root), "--json"])
    assert done.exit_code == fails, done.output
    return json.loads(done.stdout)


def adopt(project: Project, model: str, *more: str, fails: int = 0) -> Mapping[str, Any]:
    return run(project, "adopt", model, "--data", CHURN, "--subject-column", "customer", *more, fails=fails)


def versions(project: Project, model: str) -> list[int]:
    return [one.model.version for one in project.workspace.models.versions(model)]


# --- adopting --------------------------------------------------------------------------------------------------------


def test_adopting_records_who_shaped_a_version_and_how_it_is_made_again(theirs: Project) -> None:
    told = adopt(theirs, "churn/1", "--minimum", "accuracy=0.2")
    assert told["flavours"] == ["python_function", "sklearn"]
    assert (told["policy"], told["stage"], told["redacts"]) == ("retrain", "churn", [RAW, CHURN])
    assert told["data_version"]["people"] == adopted.CUSTOMERS
    assert told["aliases"] == ["live"]
    found = run(theirs, "impact", "--subject", patient(2))
    assert {f"{one['name']}/{one['version']}": one["via"] for one in found["model_versions"] if one["via"]} == {
        "churn/1": "adopted data/churn.csv"
    }
    nodes = {node["label"] for node in run(theirs, "lineage", "churn/1")["nodes"]}
    assert {"churn/1", told["data_version"]["name"], "@live"} <= nodes


def test_adopting_twice_is_adopting_once(theirs: Project) -> None:
    assert adopt(theirs, "churn/1") == adopt(theirs, "churn/1")
    assert theirs.kinds().count("ModelAdopted") == 1


def test_an_adopted_source_outlives_the_next_round_of_following(theirs: Project) -> None:
    adopt(theirs, "churn/1")
    follow.follow(theirs.workspace)
    sources = [one.how for one in theirs.workspace.followed.sources() if one.model == ModelVersion("churn", 1)]
    assert sources.count("adopted") == 1


@pytest.mark.parametrize("model", ["churn/1", "value/1"])  # its run context says what lay beside it; it logged its data set
def test_adopting_with_another_version_of_the_table_than_the_run_read_warns_and_names_the_revision(
    theirs: Project, model: str
) -> None:
    assert adopt(theirs, model)["warnings"] == []
    read = tracked(theirs.root, CHURN)
    rev = next(commit.rev for commit in theirs.workspace.data.snapshots(theirs.workspace.data.commits()) if _has(commit, read))
    (theirs.root / RAW).write_text((theirs.root / RAW).read_text() + "only-a-customer,1,2.0,1\n")
    theirs.workspace.data.add([RAW])
    adopted.reproduce(theirs, "clean")
    theirs.workspace.data.git.commit("A customer more", ["."])

    [warning] = adopt(theirs, model)["warnings"]
    shown = CliRunner().invoke(
        main, ["adopt", model, "--data", CHURN, "--subject-column", "customer", "--root", str(theirs.root)]
    )

    assert f"the run of {model} read {CHURN}@{read[:12]}, not the version that is here now" in warning
    assert warning.endswith(f"adopt it with --data {CHURN}@{rev[:12]}")
    assert f"warning: {warning}" in shown.output
    assert "only-a-customer" not in shown.output
    told = adopt(theirs, model, "--data", f"{CHURN}@{rev[:12]}")
    assert (told["warnings"], told["data_version"]["object"]) == ([], read)


def _has(commit: Snapshot, object_hash: str) -> bool:
    return Tracked(CHURN, object_hash) in commit.outs


@pytest.mark.parametrize(
    ("model", "more", "says"),
    [
        ("churn", (), "no MODEL/VERSION"),
        ("churn/9", (), "not found"),
        ("outcome/1", (), "trained here"),
        ("churn/1", ("--stage", "nothing"), "no stage 'nothing'"),
        ("churn/1", ("--stage", "prepare"), "does not read data/churn.csv"),
        ("churn/1", ("--policy", "negative_gradient"), "neither how it encodes records nor by which loss"),
        ("churn/1", ("--policy", "magic"), "expected retrain or none"),
        ("churn/1", ("--minimum", "accuracy"), "no METRIC=VALUE"),
        ("churn/1", ("--subject-column", "client"), "no person column 'client'; the table has "),
        ("churn/1", ("--data", "data/other.csv"), "data/other.csv"),
        ("churn/1", ("--data", f"{CHURN}@nowhere"), "nowhere"),
        ("churn/1", ("--data", "data/train.parquet"), "'patient' says whose record it is"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_anything_is_recorded(
    theirs: Project, model: str, more: tuple[str, ...], says: str
) -> None:
    before = theirs.kinds()
    assert says in adopt(theirs, model, *more, fails=2)["message"]
    assert theirs.kinds() == before
    assert adoptions(theirs.workspace) == {}


# --- erasing ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Carried:
    """A project after an erasure that made both models again, to be read only."""

    project: Project
    gone: set[str]
    """The objects of before."""
    report: dict[str, Any]


@pytest.fixture(scope="module")
def carried(two_models: Project, tmp_path_factory: pytest.TempPathFactory) -> Carried:
    project = copy(two_models, tmp_path_factory.mktemp("carried") / "project")
    adopt(project, "churn/1", "--minimum", "accuracy=0.2")
    adopt(project, "value/1")
    gone = {tracked(project.root, path) for path in (RAW, CHURN)}
    project.request(patient(3))
    [report] = project.erase()
    return Carried(project, gone, report)


def test_an_erasure_carries_adopted_models_from_the_request_to_the_certificate(carried: Carried) -> None:
    theirs, report = carried.project, carried.report

    assert {(one["name"], one["to_version"], tuple(one["aliases"])) for one in report["adopted"]} == {
        ("churn", 2, ("live",)),
        ("value", 2, ("live",)),
    }
    assert report["models"][0]["to_version"] == 2
    assert set(theirs.states().values()) <= {"completed", "completed_with_residuals"}
    assert not [one for one in report["residuals"] if "model versions" in one["place"]]
    for path in (RAW, CHURN):
        assert patient(3) not in (theirs.root / path).read_text()
        assert patient(4) in (theirs.root / path).read_text()
    assert not carried.gone & remote_objects(theirs.root)
    models = theirs.workspace.models
    assert (versions(theirs, "churn"), versions(theirs, "value")) == ([2], [2])
    assert models.aliases("churn") == {"live": 2}
    assert models.load(ModelVersion("churn", 2)) is not None
    assert adoptions(theirs.workspace)["churn"].model == ModelVersion("churn", 2)
    assert theirs.workspace.data.status() == []

    statement = _statement(theirs, report["certificate"])
    done = [one["result"] for one in statement["actions"] if one["target"] == "churn/2"]
    assert any("determinism not verified" in result for result in done)
    named = {one["name"] for one in statement["validation"]}
    assert {"churn/2: data version", "churn/2: accuracy", f"{CHURN}: data.redacted_absent"} <= named
    assert {table["after"]["path"] for table in statement["tables"]} >= {RAW, CHURN}


def _statement(project: Project, path: str) -> Mapping[str, Any]:
    document = json.loads((project.root / path).read_bytes())
    predicate: Mapping[str, Any] = json.loads(base64.b64decode(document["payload"]))["predicate"]
    return predicate


@pytest.mark.slow
def test_an_alias_of_an_adopted_model_that_is_moved_to_what_an_erased_person_shaped_is_moved_back(
    theirs: Project,
) -> None:
    adopt(theirs, "churn/1")
    old = Tracked(CHURN, tracked(theirs.root, CHURN))
    follow.follow(theirs.workspace)
    theirs.request(patient(3))
    theirs.erase()
    others = Elsewhere.at(theirs.workspace.models.uri, theirs.root)
    anew = others.train("churn", data=[old])
    said = others.train("churn")
    others.client.set_model_version_tag("churn", str(said.version), "unlearning.derived_from", "churn/1")
    copied = others.copy(anew, "value")
    for wrong, alias in ((anew, "live"), (said, "next"), (copied, "live")):
        others.client.set_registered_model_alias(wrong.name, alias, str(wrong.version))

    found = watch.watch(theirs.workspace, clock=utc_now)

    assert theirs.workspace.models.aliases("churn") == {"live": 2, "next": 2}
    assert theirs.workspace.models.aliases("value") == {}  # nobody adopted it: no version of it is clean
    flagged = {one.what for one in found if one.kind == "version"}
    assert flagged == {str(anew), str(said), str(copied)}
    reverted = [(e.subject, e.body["from"], e.body["to"]) for e in theirs.events() if e.kind == "AliasReverted"]
    assert sorted(reverted, key=str) == [("churn", 3, 2), ("churn", 4, 2), ("value", copied.version, None)]
    assert watch.watch(theirs.workspace, clock=utc_now)[-1].kind == "version"


@pytest.mark.slow
def test_a_person_who_is_only_in_an_adopted_table_leaves_the_own_model_alone(theirs: Project) -> None:
    (theirs.root / RAW).write_text((theirs.root / RAW).read_text() + "only-a-customer,1,2.0,1\n")
    theirs.workspace.data.add([RAW])
    adopted.reproduce(theirs, "churn")
    adopt(theirs, "churn/2")
    adopt(theirs, "value/1", "--data", f"{CHURN}@HEAD")  # trained before the customer came
    theirs.request("only-a-customer")
    [report] = theirs.erase()
    assert report["models"] == []
    assert [(one["name"], one["from_versions"], one["to_version"]) for one in report["adopted"]] == [("churn", [2], 3)]
    assert theirs.champion == 1
    assert "only-a-customer" not in (theirs.root / CHURN).read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("import mlflow", "raise SystemExit(3)\nimport mlflow", "DVC stage 'churn' failed"),
        ('registered_model_name="churn", ', "", "registered no new version"),
        ('("accuracy", ', '("other", ', "its run logged no such metric"),
        ('("accuracy", ', '("accuracy", -', "its run logged -"),
        (
            "with mlflow.start_run():",
            "with mlflow.start_run():\n    mlflow.log_input(OLD)",
            "it stands on data/churn.csv",
        ),
    ],
)
def test_no_version_that_cannot_be_shown_clean_is_promoted(theirs: Project, old: str, new: str, says: str) -> None:
    from unlearning.domain.errors import ValidationRefused

    source = f'mlflow.data.from_pandas(table, source="dvc://{CHURN}?rev=HEAD~1")'
    adopt(theirs, "churn/1", "--minimum", "accuracy=0.2")
    adopted.rewrite(theirs.root, "churn", old, new.replace("OLD", source))
    theirs.workspace.data.git.commit("Break it", ["."])
    theirs.request(patient(3))
    with pytest.raises(ValidationRefused, match=says):
        theirs.erase()
    assert theirs.workspace.models.aliases("churn") == {"live": 1}
    assert 1 in versions(theirs, "churn")
    assert set(theirs.states().values()) == {"failed"}
    assert theirs.champion == 2
    (theirs.root / "churn.py").write_text(adopted.SKLEARN)
    [report] = theirs.erase()
    assert [one["name"] for one in report["adopted"]] == ["churn"]
    assert 1 not in versions(theirs, "churn")


@pytest.mark.slow
def test_without_a_policy_the_table_is_redacted_and_the_model_is_listed_as_left(theirs: Project) -> None:
    told = adopt(theirs, "churn/1", "--policy", "none")
    assert (told["stage"], told["redacts"]) == (None, [RAW, CHURN])
    theirs.request(patient(3))
    [report] = theirs.erase()
    assert report["adopted"] == []
    assert patient(3) not in (theirs.root / CHURN).read_text()
    [left] = [one for one in report["residuals"] if "did not train" in one["place"]]
    assert "churn/1" in left["place"]
    assert versions(theirs, "churn") == [1]


@pytest.mark.slow
def test_the_version_that_took_its_place_is_looked_after_in_turn(theirs: Project) -> None:
    adopt(theirs, "churn/1")
    for number in (3, 4):
        theirs.request(patient(number))
        [report] = theirs.erase()
        assert [(one["name"], one["to_version"]) for one in report["adopted"]] == [("churn", number - 1)]
    assert theirs.workspace.models.aliases("churn") == {"live": 3}


@pytest.mark.slow
def test_a_killed_erasure_goes_on_where_it_stopped(theirs: Project) -> None:
    adopt(theirs, "churn/1")
    theirs.request(patient(3))

    def die(name: str) -> None:
        if name == "7 promote churn":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        theirs.erase(before=die)
    assert versions(theirs, "churn") == [1, 2]
    theirs.erase()
    assert versions(theirs, "churn") == [2]
    assert theirs.workspace.models.aliases("churn") == {"live": 2}


def test_no_identity_is_in_what_an_adoption_leaves_behind(carried: Carried) -> None:
    theirs = carried.project
    said = json.dumps([dict(event.body) for event in theirs.events()])
    assert patient(3) not in said
    with theirs.workspace.models.client() as client:
        tags = json.dumps([dict(one.tags) for one in client.search_model_versions()])
    assert patient(3) not in tags
