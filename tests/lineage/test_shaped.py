"""Which versions people shaped, and which of those are superseded."""

from __future__ import annotations

from tests.small_project import HOLDOUT, TRAIN, Project, patient
from unlearning.domain.clocks import utc_now
from unlearning.domain.events import AdoptedPromoted, ErasureStarted, Superseded
from unlearning.domain.versions import ModelVersion
from unlearning.lineage.shaped import made_elsewhere, shaped, shaped_by, superseded, to_go

OUTCOME = ModelVersion("outcome", 1)


def test_who_was_in_the_training_table_shaped_the_version_and_who_was_held_out_did_not(project: Project) -> None:
    workspace = project.workspace
    inside, outside = (project.token(project.people(path)[0]) for path in (TRAIN, HOLDOUT))
    assert [record.model for record in shaped(workspace, [inside])] == [OUTCOME]
    assert shaped(workspace, [outside]) == shaped(workspace, []) == []
    [(record, tokens)] = shaped_by(workspace, {workspace.lineage.models()[0].data.digest: frozenset({inside})})
    assert (record.model, tokens) == (OUTCOME, {inside})
    assert shaped_by(workspace, {"0" * 64: frozenset({inside})}) == []


def test_nothing_may_be_left_of_versions_that_were_replaced_for_somebody(project: Project) -> None:
    workspace, people = project.workspace, frozenset({"ab" * 32})
    assert superseded(workspace) == {}
    replaced = (Superseded(3, "run-3"),)
    promoted = AdoptedPromoted(model="churn", version=4, replaced=replaced, aliases=(), tokens=tuple(people))
    [made] = project.request(patient(0))
    workspace.ledger.append("erasure-1", ErasureStarted(requests=(made.request_id,)), at=utc_now())
    workspace.ledger.append("erasure-1", promoted, at=utc_now())
    churn = ModelVersion("churn", 3)
    assert superseded(workspace) == {churn: ("run-3", people)}
    assert to_go(workspace, people) == [(churn, "run-3")]
    inside = project.token(project.people(TRAIN)[0])
    run = workspace.lineage.models()[0].run_id
    assert to_go(workspace, people | {inside}) == [(OUTCOME, run), (churn, "run-3")]


def test_a_version_that_no_erasure_had_made_came_from_elsewhere(project: Project) -> None:
    versions = project.workspace.models.versions("outcome")
    assert made_elsewhere(project.workspace, versions) == [OUTCOME]
    assert made_elsewhere(project.workspace, []) == []
