"""Rows leave by age, people stay: what was trained, kept and stored of outdated rows is as if they had never been there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.cli.conftest import plain_flows
from tests.small_project import HOLDOUT, SOURCE, TRAIN, Project, copy, create, remote_objects, tracked
from unlearning.certificate import envelope, retention
from unlearning.domain.codec import write
from unlearning.domain.errors import OnHold, Refused, SettingsError
from unlearning.domain.events import RetirementEnded, RetirementPlanned
from unlearning.entrypoints.flows import retire as flow
from unlearning.erasure import audit, decisions, retire
from unlearning.stores.tables import redaction, tables

NOW = datetime.now(UTC)
RULE = {"table": SOURCE, "column": "recorded", "after_days": 365}


def dated(table: Mapping[str, Any], file: Path) -> None:
    """Every third row is two years old, of every eleventh nobody knows; the others are of this month."""
    old, new = f"{NOW - timedelta(days=730):%Y-%m-%d}", f"{NOW - timedelta(days=5):%Y-%m-%d}"
    rows = len(table["patient"])
    when = [None if number % 11 == 0 else old if number % 3 == 0 else new for number in range(rows)]
    redaction.write({**table, "recorded": when}, file)


@pytest.fixture(scope="module")
def dated_template(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("dated") / "project"
    project = create(folder, write=dated)
    project.configure({"retention": [RULE]})
    project.workspace.data.git.commit("Say how long rows are kept", ["params.yaml"])
    return project


@pytest.fixture
def project_with_dates(dated_template: Project, tmp_path: Path) -> Project:
    return copy(dated_template, tmp_path / "project")


def rows_of(project: Project, path: str) -> list[tuple[Any, ...]]:
    table = tables.read(project.root / path)
    return list(zip(*(table.column(name).to_pylist() for name in ("patient", "age", "recorded")), strict=True))


def retired(project: Project) -> retire.Report:
    with plain_flows():
        return flow.retire.fn(root=str(project.root))


def check_record(project: Project, found: retire.Report) -> None:
    """It is signed, says what the plan did, and an audit knows it."""
    workspace = project.workspace
    assert found.certificate
    made = envelope.read((project.root / found.certificate).read_bytes())
    record = retention.verify(made, workspace.keys.public, now=datetime.now(UTC))
    assert record.verdict == "verified"
    said = {one["before"]["path"]: one["rule"]["rows"] for one in record.predicate["tables"]}
    assert said == {one.path: one.rows for one in found.outdated}
    assert record.predicate["serving"] == ["outcome/2"]
    assert audit.audit(workspace, []).intact


def test_outdated_rows_leave_everything_and_nobody_is_suppressed(project_with_dates: Project) -> None:
    project = project_with_dates
    before = {path: rows_of(project, path) for path in (SOURCE, TRAIN, HOLDOUT)}
    objects = {path: tracked(project.root, path) for path in before}
    old = f"{NOW - timedelta(days=730):%Y-%m-%d}"
    seen = {one.path: one for one in retire.look(project.workspace, now=NOW)}
    assert {path: one.rows for path, one in seen.items()} == {
        path: sum(r[2] == old for r in rows) for path, rows in before.items()
    }
    assert all(one.undated == sum(r[2] is None for r in before[one.path]) for one in seen.values())

    found = retired(project)

    assert (found.residuals, write(found)["residuals"]) == ((), [])
    check_record(project, found)
    for path, rows in before.items():
        assert rows_of(project, path) == [one for one in rows if one[2] != old], "the others stay, in their order"
    assert list(project.workspace.ledger.standing.suppressed()) == []
    assert set(project.people(SOURCE)) == {one[0] for one in before[SOURCE] if one[2] != old}
    assert project.champion == 2
    assert [str(one) for one in found.models] == ["outcome/2"]
    assert not remote_objects(project.root) & set(objects.values())
    workspace = project.workspace
    assert [one.model.version for one in workspace.models.versions("outcome")] == [2]
    chain = next(one.chain for one in workspace.lineage.models("outcome") if one.model.version == 2)
    assert set(workspace.checkpoints.keys()) <= set(chain.keys), "no state that an outdated row went into"
    assert workspace.data.status() == []
    for path, name in objects.items():  # old revisions stay reproducible, without these rows
        version = next(one for one in workspace.lineage.data_versions(path) if one.object == name)
        kept = tables.read(workspace.data.fetch(version), named=path)
        assert old not in kept.column("recorded").to_pylist()
        assert len(kept) == len(rows_of(project, path))
    kinds = project.kinds()
    assert [kinds.count(kind) for kind in ("RetirementPlanned", "RowsRetired", "RetirementEnded")] == [1, 1, 1]
    assert retired(project).retirement_id is None, "again is nothing"
    assert project.kinds() == kinds


@pytest.mark.slow
def test_what_was_cut_off_goes_on_with_the_same_days(project_with_dates: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project = project_with_dates

    class Killed(BaseException):
        pass

    def die(*_: Any, **__: Any) -> Any:
        raise Killed

    for where in ("record_tables", "_old_objects"):
        with monkeypatch.context() as patch:
            patch.setattr(retire, where, die)
            with pytest.raises(Killed):
                retired(project)
        assert project.workspace.ledger.of(RetirementEnded) == []
    assert project.champion == 2
    found = retired(project)
    assert found.residuals == ()
    assert len(project.workspace.ledger.of(RetirementPlanned)) == 1
    assert sum(found.removed.values()) > 0


@pytest.mark.slow
def test_nothing_is_deleted_while_a_version_that_learned_from_them_serves(
    project_with_dates: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = project_with_dates
    objects = remote_objects(project.root)
    project.configure({"checks": {"utility_tolerance": 0.0, "agreement_minimum": 1.0, "drift_maximum": 0.0}})
    monkeypatch.setattr("unlearning.project.training.stages._promote", lambda *_: None)
    with pytest.raises(Refused, match="outcome/1 learned from outdated rows and serves"):
        retired(project)
    assert objects <= remote_objects(project.root)
    assert project.champion == 1


def test_a_rule_that_cannot_be_followed_and_a_hold_change_nothing(project_with_dates: Project) -> None:
    project = project_with_dates
    [request] = project.request(project.people(TRAIN)[0])
    decisions.hold(project.workspace, request.request_id, reason="a case", now=NOW)
    events = len(project.events())
    with pytest.raises(OnHold, match=request.request_id):
        retired(project)
    for rules, words in (
        ([{**RULE, "table": "data/none.csv"}], "no table that erasures redact"),
        ([RULE, RULE], "two rules"),
    ):
        project.configure({"retention": rules})
        with pytest.raises(SettingsError, match=words):
            retire.look(project.workspace, now=NOW)
    assert len(project.events()) == events


@pytest.mark.slow
def test_somebody_is_erased_after_a_retirement_as_before(project_with_dates: Project) -> None:
    project = project_with_dates
    retired(project)
    person = project.people(TRAIN)[0]
    project.request(person)
    [done] = project.erase()
    assert done["residuals"] == []
    assert person not in project.people(TRAIN)
    assert project.champion == 3
