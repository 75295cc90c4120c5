"""The nine steps on a whole small project: real Git, DVC, MLflow and Great Expectations, without Prefect."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.entrypoints.cli.commands import unlearn
from tests.small_project import (
    HOLDOUT,
    SOURCE,
    TABLES,
    TRAIN,
    Project,
    columns,
    copy,
    erased_person,
    patient,
    remote_objects,
    snapshot,
    tracked,
)
from tests.untouched import state
from unlearning.certificate import statement as certificate
from unlearning.domain.errors import ValidationRefused, WouldEmptyData
from unlearning.erasure import batches
from unlearning.learners.torch import TorchLearner
from unlearning.project.training import stages, train, training_set
from unlearning.stores.tables import redaction, tables

STEPS = ["ErasureStarted", "ImpactAssessed", "PlanMade", "DataRedacted", "CandidateTrained", "CandidateValidated"]
STEPS += ["VersionRegistered", "AliasMoved", "TracesFound", "Purged", "CertificateIssued"]


def statement(project: Project, path: str) -> dict[str, Any]:
    """What a certificate says, once it verifies against the project's public key."""
    envelope = certificate.read((project.root / path).read_bytes())
    found = certificate.verify(envelope, project.workspace.keys.public)
    assert not found.refused, found
    return json.loads(envelope.payload)


def test_an_erasure_ends_in_clean_data_a_promoted_version_and_a_certificate(project: Project) -> None:
    person = project.cells()[0, 1][0]
    project.request(person)

    (report,) = project.erase(replay=True)

    assert project.kinds()[3:] == STEPS
    for path in TABLES:
        assert person not in project.people(path)
        assert tracked(project.root, path) in remote_objects(project.root)
    (model,) = report["models"]
    assert (model["from_version"], model["to_version"], project.champion) == (1, 2, 2)
    assert (model["method"], model["guarantee"], model["replay_equal"]) == ("sisa", "exact", True)
    assert (model["shards_retrained"], model["shards_total"]) == (1, 4)
    assert list(project.states().values()) == ["completed"]
    assert statement(project, report["certificate"])
    assert project.workspace.data.status() == []


def test_a_replay_after_an_upgrade_says_another_environment_and_neither_passes_nor_fails(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, fit = torch.__version__, TorchLearner.fit  # the next version computes otherwise
    monkeypatch.setattr(torch, "__version__", "9.9.9")
    monkeypatch.setattr(TorchLearner, "fit", lambda *given, seed, **named: fit(*given, seed=seed + 1, **named))
    project.request(project.cells()[0, 1][0])

    (report,) = project.erase(replay=True)

    (model,), said = report["models"], f"torch {real} then, 9.9.9 now"
    exactness = next(check for check in model["checks"] if check["name"] == "exactness")
    assert (exactness["verdict"], said in exactness["how"]) == ("underpowered", True)
    assert (model["replay_equal"], model["replay"]["otherwise"], project.champion) == (False, [said], 2)
    done = statement(project, report["certificate"])["predicate"]["unlearning"]
    assert (done["replay"]["equal"], done["replay"]["differs"]) == (False, [said])
    assert done["madeElsewhere"] == [{"shards": [1, 2, 3], "differs": [said]}, {"shards": [0], "differs": [said]}]
    page = (project.root / report["certificate"]).with_suffix(".html").read_text()
    assert f"other bytes, in another environment ({said})" in page


def test_the_promoted_version_predicts_as_one_that_never_saw_the_person(erased_project: Project) -> None:
    workspace = erased_project.workspace
    table = tables.read(erased_project.root / TRAIN)
    fresh = train.make(workspace, training_set.training_set(workspace, table), method="retrain", save=False)

    served = workspace.lineage.model("outcome", 2).trained

    assert [(part.shard, part.digest) for part in served.parts] == [(part.shard, part.digest) for part in fresh.parts]


def test_the_second_run_changes_nothing(erased_project: Project) -> None:
    before, events = snapshot(erased_project.root), erased_project.events()

    assert erased_project.erase() == []

    assert erased_project.events() == events
    assert changed(before, snapshot(erased_project.root)) == set()


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


@pytest.fixture(scope="module")
def together(template: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, dict[str, Any]]:
    """Two people of one shard, and what a project looks like after an erasure of both."""
    project = copy(template, tmp_path_factory.mktemp("together") / "project")
    first, second = erased_person(project), project.cells()[0, 0][0]
    project.request(first, second)
    project.erase()
    return first, second, project.outcome()


def test_any_order_and_any_batching_ends_in_the_same_bytes(
    together: tuple[str, str, dict[str, Any]], erased_project: Project
) -> None:
    _, second, outcome = together

    erased_project.request(second)
    erased_project.erase()

    assert erased_project.outcome() == outcome


@pytest.mark.slow
def test_the_other_order_ends_in_the_same_bytes_too(together: tuple[str, str, dict[str, Any]], project: Project) -> None:
    first, second, outcome = together

    for person in (second, first):
        project.request(person)
        project.erase()

    assert project.outcome() == outcome


def test_a_person_of_the_holdout_alone_leaves_the_model_as_it_is(project: Project) -> None:
    person = project.people(HOLDOUT)[0]
    project.request(person)

    (report,) = project.erase()

    assert report["models"] == []
    assert project.champion == 1
    assert person not in project.people(SOURCE) + project.people(HOLDOUT)
    assert "CandidateTrained" not in project.kinds()
    assert statement(project, report["certificate"])
    assert project.workspace.data.status() == []


def drop_by_hand(project: Project, person: str) -> None:
    """What a user does who deletes rows and runs `dvc repro prepare check`, without an erasure."""
    workspace = project.workspace
    table = tables.read(project.root / SOURCE)
    keep = np.array([str(one) != person for one in table.column("patient").to_pylist()])
    redaction.redact(project.root / SOURCE, project.root / SOURCE, keep)
    workspace.data.record([SOURCE])
    stages.prepare(workspace)
    workspace.data.record([TRAIN, HOLDOUT])
    workspace.data.push(TABLES)


def test_a_row_deleted_by_hand_is_still_in_the_model_and_is_found(project: Project) -> None:
    person = project.cells()[3, 1][0]
    drop_by_hand(project, person)
    project.request(person)

    (report,) = project.erase(replay=True)

    assert report["models"][0]["to_version"] == project.champion == 2
    assert report["models"][0]["replay_equal"] is True
    assert {version["digest"] for version in report["impact"]["data_versions"]}
    assert list(project.states().values()) == ["completed"]
    assert statement(project, report["certificate"])


@pytest.mark.slow
def test_a_row_deleted_by_hand_before_the_last_training_leaves_the_model_as_it_is(project: Project) -> None:
    person = project.cells()[3, 1][0]
    drop_by_hand(project, person)
    project.train()
    assert project.champion == 2
    project.request(person)

    (report,) = project.erase()

    assert report["models"] == []
    assert project.champion == 2
    assert [version["version"] for version in report["impact"]["model_versions"]] == [1]
    assert statement(project, report["certificate"])


def test_a_stranger_gets_a_certificate_that_says_so(project: Project) -> None:
    before = {path: tables.digest(project.root / path) for path in TABLES}
    (request,) = project.request("a stranger")

    (report,) = project.erase()

    assert project.states() == {request.request_id: "not_found"}
    assert report["certificate"] is None
    (listed,) = report["requests"]
    assert "not_found" in json.dumps(statement(project, listed["certificate"]))
    assert {path: tables.digest(project.root / path) for path in TABLES} == before
    assert project.champion == 1


@dataclass(frozen=True)
class Run:
    """A project after one erasure, to be read only."""

    project: Project
    requests: list[str]
    reports: list[dict[str, Any]]
    cached: Path | None = None
    """A report of before in DVC's run cache."""


@pytest.fixture(scope="module")
def batch(template: Project, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Of somebody who asked twice, and of a stranger."""
    project = copy(template, tmp_path_factory.mktemp("batch") / "project")
    person = project.cells()[1, 1][0]
    known, unknown = project.request(person, "a stranger")
    (second,) = project.request(person)
    assert second.group == known.request_id
    return Run(project, [known.request_id, unknown.request_id, second.request_id], project.erase())


def test_a_stranger_in_a_batch_does_not_keep_the_others(batch: Run) -> None:
    (known, unknown, second), (report,) = batch.requests, batch.reports

    assert batch.project.states() == {known: "completed", unknown: "not_found", second: "completed"}
    assert batch.project.champion == 2
    certificates = {one["request_id"]: one["certificate"] for one in report["requests"]}
    assert certificates[known] == report["certificate"] != certificates[unknown]
    assert all(statement(batch.project, path) for path in certificates.values())


def test_a_second_request_of_a_person_ends_with_the_first(batch: Run) -> None:
    first, _, second = batch.requests

    assert len(batch.reports) == 1
    assert {batch.project.states()[one] for one in (first, second)} == {"completed"}
    assert batch.project.champion == 2


@pytest.fixture(scope="module")
def emptied(template: Project, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An erasure of everybody in one slice of a shard and in the whole of another, where DVC's run cache keeps a report."""
    project = copy(template, tmp_path_factory.mktemp("emptied") / "project")
    report = "reports/metrics.json"
    name = tracked(project.root, report)
    cached = project.root / ".dvc/cache/files/md5" / name[:2] / name[2:]
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.write_bytes((project.root / report).read_bytes())
    cells = project.cells()
    requests = project.request(*cells[0, 1], *cells[2, 0], *cells[2, 1])
    return Run(project, [one.request_id for one in requests], project.erase(replay=True), cached)


def test_what_the_run_cache_of_dvc_keeps_of_our_own_reports_is_no_residual(emptied: Run) -> None:
    assert emptied.cached is not None
    assert emptied.cached.exists()
    assert set(emptied.project.states().values()) == {"completed"}


def test_a_slice_whose_people_all_leave_is_empty(emptied: Run) -> None:
    (report,) = emptied.reports

    chain = emptied.project.workspace.lineage.model("outcome", 2).chain
    assert chain.shards[0].rows[1] == 0 < chain.shards[0].rows[0]
    assert report["models"][0]["replay_equal"] is True
    assert statement(emptied.project, report["certificate"])


def test_a_shard_whose_people_all_leave_has_no_vote(emptied: Run) -> None:
    project, (report,) = emptied.project, emptied.reports

    record = project.workspace.lineage.model("outcome", 2)
    assert report["models"][0]["shards_dropped"] == [2]
    assert [part.shard for part in record.trained.parts] == [0, 1, 3]
    assert record.chain.shards[2].empty
    features = project.workspace.recipe.features
    raw = tables.read(project.root / HOLDOUT).select(list(features)).to_pandas()
    assert len(project.workspace.models.predict(record.model, raw)) == len(raw)
    assert statement(project, report["certificate"])


def test_an_erasure_of_everyone_is_refused_and_changes_nothing(project: Project) -> None:
    project.request(*project.people(TRAIN))
    before = state(project.root)

    with pytest.raises(WouldEmptyData, match="would remove all"):
        project.erase()

    assert {name.partition(":")[0] for name in changed(before, state(project.root))} == {".unlearning/ledger.db"}
    assert set(project.states().values()) == {"failed"}


def test_an_erasure_that_is_refused_does_not_keep_the_next_one(project: Project) -> None:
    everyone = project.people(TRAIN)
    project.request(*everyone)
    with pytest.raises(WouldEmptyData):
        project.erase()
    (request,) = project.request(project.people(HOLDOUT)[0])

    with pytest.raises(WouldEmptyData):
        project.erase()

    assert project.states()[request.request_id] == "completed"


def test_a_refused_erasure_is_not_started_anew_under_a_process_that_is_at_work_on_it(project: Project) -> None:
    project.request(*project.people(TRAIN))
    with pytest.raises(WouldEmptyData):
        project.erase()
    workspace, before = project.workspace, project.kinds()
    [erasure_id] = {event.subject for event in project.events() if event.kind == "ErasureStarted"}

    with workspace.ledger.exclusive(erasure_id):
        batches.batches(project.workspace, [])
    assert project.kinds() == before

    batches.batches(workspace, [])
    assert project.kinds() == [*before, "ErasureStarted"]


@pytest.mark.slow
def test_a_refused_erasure_of_everyone_goes_on_once_there_is_other_data(project: Project) -> None:
    project.request(*project.people(TRAIN))
    with pytest.raises(WouldEmptyData):
        project.erase()
    redaction.write(columns(people=80), project.root / SOURCE)
    workspace = project.workspace
    workspace.data.record([SOURCE])
    stages.prepare(workspace)
    workspace.data.record([TRAIN, HOLDOUT])

    (report,) = project.erase(replay=True)

    assert report["models"][0]["replay_equal"] is True
    assert not {patient(number) for number in range(40)} & set(project.people(TRAIN))
    assert set(project.states().values()) == {"completed"}


# --- the ladder of the policy ---------------------------------------------------------------------------------------

HEURISTIC = {"methods": ["negative_gradient", "retrain"]}


def candidates(project: Project) -> list[tuple[str, bool]]:
    return [(e.body["method"], e.body["passed"]) for e in project.events() if e.kind == "CandidateValidated"]


def test_a_heuristic_that_fails_its_check_is_followed_by_a_retraining_and_leaves_no_state(whole_project: Project) -> None:
    project = whole_project
    project.configure({"policy": HEURISTIC, "checks": {"membership_margin": 0.0}})
    project.request(project.people(TRAIN)[0])

    (report,) = project.erase(replay=True)

    assert candidates(project) == [("negative_gradient", False), ("retrain", True)]
    assert (report["models"][0]["method"], report["models"][0]["replay_equal"]) == ("retrain", True)
    heuristic = next(e for e in project.events() if e.kind == "CandidateTrained" and e.body["method"] == "negative_gradient")
    served = {part.key for part in project.workspace.lineage.model("outcome", 2).trained.parts}
    assert set(project.workspace.checkpoints.keys()) == served
    assert {part["key"] for part in heuristic.body["trained"]["parts"]}.isdisjoint(served)
    assert statement(project, report["certificate"])


@pytest.mark.slow
def test_a_heuristic_that_gives_no_numbers_is_refused_and_the_next_method_runs(whole_project: Project) -> None:
    project = whole_project
    project.configure({"policy": {**HEURISTIC, "params": {"negative_gradient": {"learning_rate": 1e38}}}})
    project.request(project.people(TRAIN)[0])

    (report,) = project.erase()

    assert candidates(project) == [("negative_gradient", False), ("retrain", True)]
    assert (report["models"][0]["method"], report["models"][0]["unproven_in_a_row"]) == ("retrain", 0)
    failed = next(event for event in project.events() if event.kind == "CandidateValidated")
    assert failed.body["blocking"] == ["method"]
    assert "no longer finite" in failed.body["checks"][0]["how"]


def test_a_heuristic_that_passes_is_promoted_and_says_that_nothing_is_proven(whole_project: Project) -> None:
    project = whole_project
    project.configure({"policy": HEURISTIC, "checks": {"membership_margin": 0.5}})
    project.request(*project.people(TRAIN)[:4])

    (report,) = project.erase(replay=True)

    assert candidates(project) == [("negative_gradient", True)]
    (model,) = report["models"]
    assert (model["method"], model["guarantee"], model["replay_equal"]) == ("negative_gradient", "empirical", None)
    assert model["unproven_in_a_row"] == 1
    assert "unprovenInARow" not in statement(project, report["certificate"])["predicate"]["unlearning"]

    project.request(*project.people(TRAIN)[:4])
    (again,) = project.erase()

    assert again["models"][0]["unproven_in_a_row"] == 2
    assert statement(project, again["certificate"])["predicate"]["unlearning"]["unprovenInARow"] == 2


@pytest.mark.slow
def test_when_no_method_passes_the_requests_stay_open_until_one_does(project: Project) -> None:
    _forget_much(project)
    person = project.cells()[1, 0][0]
    (request,) = project.request(person)

    for on_failure, alias in (("keep", 1), ("withdraw", None)):
        project.configure({"policy": {"on_failure": on_failure}, "checks": {"agreement_minimum": 1.0}})
        with pytest.raises(ValidationRefused, match=r"agreement is 0\.\d+ ± 0\.\d+ \(standard error\), expected ≥ 1"):
            project.erase()

        assert candidates(project)[-2:] == [("sisa", False), ("retrain", False)]
        assert project.champion == alias
        assert project.states()[request.request_id] == "failed"
        assert person not in project.people(TRAIN)

    project.configure({"checks": {"agreement_minimum": 0.0}})
    (report,) = project.erase(replay=True)
    assert project.states()[request.request_id] == "completed"
    assert project.champion == report["models"][0]["to_version"] == 2
    assert report["impact"]["records"] > 0
    assert any(check["name"].startswith(TRAIN) for check in report["models"][0]["checks"])
    assert statement(project, report["certificate"])


def _forget_much(project: Project) -> None:
    """A candidate cannot agree with the version before on every record once labels are the other way round."""
    recipe = project.root / "recipes/outcome.py"
    recipe.write_text(recipe.read_text().replace("lr=0.1", "lr=5.0"))


# --- others at the same time ----------------------------------------------------------------------------------------


def test_an_alias_that_moves_meanwhile_is_planned_for_again(project: Project) -> None:
    person = project.cells()[1, 0][0]
    project.request(person)
    moved: list[Any] = []

    def train_again(step: str) -> None:
        if step == "7 promote" and not moved:
            moved.append(project.train())

    (report,) = project.erase(replay=True, before=train_again)

    assert [e.body["parent"]["version"] for e in project.events() if e.kind == "PlanMade"] == [1, 2]
    assert (moved[0]["version"], project.champion) == (2, 2)
    assert project.states() == {report["requests"][0]["request_id"]: "completed"}
    assert person not in project.people(TRAIN)
    assert statement(project, report["certificate"])
    assert project.workspace.data.status() == []


@pytest.mark.slow
@pytest.mark.parametrize("step", ["3 plan", "5 unlearn (sisa)", "7 promote"])
def test_two_erasures_at_once_end_as_one_after_the_other(
    project: Project, together: tuple[str, str, dict[str, Any]], step: str
) -> None:
    first, second, outcome = together
    (outer,), inner = project.request(first), []

    def another(name: str) -> None:
        if name == step and not inner:
            inner.extend(project.request(second))
            project.erase(inner[0].request_id)

    project.erase(outer.request_id, before=another)

    assert project.outcome() == outcome
    for request in (outer, *inner):
        found = next(e for e in project.events() if e.kind == "CertificateIssued" and e.subject == erasure_of(project, request))
        assert statement(project, found.body["path"])


def erasure_of(project: Project, request: Any) -> str:
    return next(e.subject for e in project.events() if e.kind == "ErasureStarted" and request.request_id in e.body["requests"])


def test_people_who_asked_are_left_out_of_training_before_their_erasure(project: Project) -> None:
    person = project.cells()[2, 0][0]
    project.request(person)

    made = project.train()

    assert person in project.people(TRAIN)
    assert made["version"] == 2
    assert made["excluded_records"] == sum(one == person for one in tables.read(project.root / TRAIN)["patient"].to_pylist())
    workspace = project.workspace
    (report,) = project.erase()
    assert report["models"] == []
    assert [version["version"] for version in report["impact"]["model_versions"]] == [1]
    again = training_set.training_set(workspace, tables.read(project.root / TRAIN)).chain
    assert again == workspace.lineage.model("outcome", 2).chain
    assert statement(project, report["certificate"])


def test_new_requests_wait_for_each_other_unless_they_are_named_or_everything_begins_at_once(project: Project) -> None:
    project.configure({"policy": {"batch": {"at_least": 2, "oldest_days": 7}}})
    first, second = project.people(TRAIN)[:2]
    [one] = project.request(first)
    workspace = project.workspace
    assert not batches.has_work(workspace, [])
    assert batches.batches(workspace, []) == []
    assert batches.has_work(workspace, [one.request_id])
    assert batches.has_work(workspace, [], at_once=True)
    said = unlearn(project.root, "erase", "--json")
    assert (said.code, said.document["waiting"]["people"]) == (0, 1)
    assert "when 2 people wait (1 do)" in unlearn(project.root, "status").out
    [other] = project.request(second)
    [erasure] = batches.batches(workspace, [])
    assert set(erasure.started.requests) == {one.request_id, other.request_id}
    assert batches.has_work(workspace, [])  # what has begun waits for nobody
