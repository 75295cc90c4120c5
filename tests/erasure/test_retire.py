"""Rows leave by age, people stay: what was trained, kept and stored of outdated rows is as if they had never been there."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.cli.conftest import plain_flows
from tests.small_project import HOLDOUT, SOURCE, TRAIN, Project, copy, create, remote_objects, tracked
from unlearning.certificate import envelope, retention
from unlearning.domain.clocks import utc_now
from unlearning.domain.codec import write
from unlearning.domain.errors import DataError, OnHold, Refused, SettingsError
from unlearning.domain.events import RetirementEnded, RetirementPlanned
from unlearning.entrypoints.flows import retire as flow
from unlearning.erasure import audit, decisions, retire
from unlearning.project.training import stages
from unlearning.stores.dvc.objects import ObjectStore
from unlearning.stores.tables import parts, redaction, tables
from unlearning.traces import old_revisions

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


# --- folders of parts -----------------------------------------------------------------------------------------------

OLD, NEW = f"{NOW - timedelta(days=730):%Y-%m-%d}", f"{NOW - timedelta(days=5):%Y-%m-%d}"
IN_PARTS = "data/records"


def in_a_column(number: int, old: bool) -> str:
    return f"day={number}/part-0.parquet"


def in_the_folders_name(number: int, old: bool) -> str:
    return f"recorded={OLD if old else NEW}/part-{number}.parquet"


def split(project: Project, name: Callable[[int, bool], str]) -> None:
    """The source as a folder of parts with dates, of which some are old."""
    table = tables.read(project.root / SOURCE)
    when = [OLD if number % 3 == 0 and number % 4 < 2 else NEW for number in range(len(table))]
    said = "recorded=" in name(0, True)
    for number in range(4):
        for old in {True, False} if said else {False}:
            chosen = [row for row in range(len(table)) if row % 4 == number and (not said or (when[row] == OLD) == old)]
            if chosen:
                piece = {column: table[column].take(chosen) for column in table.column_names}
                more = {} if said else {"recorded": [when[row] for row in chosen]}
                redaction.write({**piece, **more}, project.root / IN_PARTS / name(number, old))
    (project.root / IN_PARTS / "_SUCCESS").touch()
    data = project.workspace.data
    data.add([IN_PARTS])
    pipeline = project.root / "dvc.yaml"
    pipeline.write_text(pipeline.read_text().replace(SOURCE, IN_PARTS))
    (project.root / f"{SOURCE}.dvc").unlink()
    (project.root / SOURCE).unlink()
    project.configure({"data": {"source": IN_PARTS}, "retention": [{**RULE, "table": IN_PARTS}]})
    stages.prepare(project.workspace)
    data.adopt(["prepare"])
    data.push([IN_PARTS, TRAIN, HOLDOUT])
    data.git.commit("Split the records", ["."])


UNDATED = ["old versions of these tables without dates"]
"""Training and holdout table as they were before the source had dates."""


def rows_in(folder: Path) -> list[tuple[Any, ...]]:
    table = tables.read(folder, named=IN_PARTS)
    return list(zip(*(table.column(name).to_pylist() for name in ("patient", "age", "recorded")), strict=True))


def outdated_anywhere(project: Project) -> list[str]:
    """The slow truth: every list of a folder, in cache and remote, opened with its files, whoever knows of it."""
    found = []
    for store in (project.root / ".dvc/cache/files/md5", project.root / ".dvc-remote/files/md5"):
        for listing in store.glob("*/*.dir"):
            found += [str(listing) for one in rows_in(listing) if str(one[2]) == OLD]
        for file in (one for one in store.glob("*/*") if one.suffix != ".dir" and one.stat().st_size):
            table = tables.read(file, named=f"{file.name}.parquet")
            if "recorded" in table.column_names:
                found += [str(file)] * table["recorded"].to_pylist().count(OLD)
    return found


@pytest.fixture(params=[in_a_column, pytest.param(in_the_folders_name, marks=pytest.mark.slow)])
def in_parts(request: pytest.FixtureRequest, undated: Project, tmp_path: Path) -> Project:
    project = copy(undated, tmp_path / "project")
    split(project, request.param)
    return project


@pytest.fixture(scope="module")
def undated(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return create(tmp_path_factory.mktemp("undated") / "project", train=False)


def retired_untrained(project: Project) -> retire.Report:
    """The steps of the flow without a model."""
    it = retire.begin(project.workspace, clock=utc_now)
    assert it is not None
    retire.redact(it, clock=utc_now)
    return retire.report(it, retire.purge(it, clock=utc_now), retire.certify(it, clock=utc_now))


def test_of_a_folder_only_the_parts_that_lose_rows_are_rewritten_and_no_version_keeps_them(in_parts: Project) -> None:
    project = in_parts
    data, folder = project.workspace.data, project.root / IN_PARTS
    before, rows = {name: file.read_bytes() for name, file in parts.files(folder).items()}, rows_in(folder)
    losing = {name for name, (file, _) in parts.parts(folder, named=IN_PARTS).items() if outdated_in(file, name)}
    assert 0 < len(losing) < len(before) - 1
    assert outdated_anywhere(project)
    rev = data.git.head

    found = retired_untrained(project)

    assert [one.place for one in found.residuals] == UNDATED
    after = {name: file.read_bytes() for name, file in parts.files(folder).items()}
    assert {name for name in before if before[name] != after.get(name)} == losing
    assert rows_in(folder) == [one for one in rows if str(one[2]) != OLD], "the others stay, in their order"
    assert outdated_anywhere(project) == []
    shown = old_revisions.checkout(project.workspace, str(rev), into=project.root.parent / "old")
    assert (shown.twin, shown.missing) == (True, [])
    assert rows_in(project.root.parent / "old" / IN_PARTS) == rows_in(folder)
    assert old_revisions.verify(project.workspace) == []
    assert retire.begin(project.workspace, clock=utc_now) is None, "again is nothing"


def outdated_in(file: Path, name: str) -> bool:
    return OLD in name or OLD in tables.read(file).to_pydict().get("recorded", [])


def test_a_purge_of_parts_that_was_cut_off_anywhere_is_finished(in_parts: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project, delete, left = in_parts, ObjectStore.delete_object, [0]
    it = retire.begin(project.workspace, clock=utc_now)
    assert it is not None
    retire.redact(it, clock=utc_now)

    class Killed(BaseException):
        pass

    def dies(store: ObjectStore, name: str) -> bool:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return delete(store, name)

    monkeypatch.setattr(ObjectStore, "delete_object", dies)
    for left[0] in (1, 2, 4):
        with pytest.raises(Killed):
            retire.purge(it, clock=utc_now)
    monkeypatch.undo()
    assert [one.place for one in retire.purge(it, clock=utc_now).residuals] == UNDATED
    assert outdated_anywhere(project) == []
    assert old_revisions.verify(project.workspace) == []


@pytest.mark.slow
def test_a_part_that_another_folder_dates_otherwise_stays_and_is_told(undated: Project, tmp_path: Path) -> None:
    """One content under two dates: what is of now stays for the younger, so the old version cannot lose it."""
    project = copy(undated, tmp_path / "project")
    split(project, in_the_folders_name)
    folder = project.root / IN_PARTS
    shutil.copyfile(next(folder.glob(f"recorded={OLD}/*")), folder / f"recorded={NEW}/again.parquet")
    data = project.workspace.data
    data.add([IN_PARTS])
    data.push([IN_PARTS])
    data.git.commit("The same under another date", ["."])
    rows = rows_in(folder)

    found = retired_untrained(project)

    assert {one.place: one.count for one in found.residuals if one.place not in UNDATED} == {
        "outputs of now that are the same file as an old version of these tables": 1
    }
    assert rows_in(folder) == [one for one in rows if str(one[2]) != OLD]


def test_a_folder_that_is_called_by_people_is_refused_before_anything_changes(undated: Project, tmp_path: Path) -> None:
    project = copy(undated, tmp_path / "project")
    split(project, in_a_column)
    part = next(iter(parts.parts(project.root / IN_PARTS, named=IN_PARTS)))
    (project.root / IN_PARTS / "patient=Zq1").mkdir()
    (project.root / IN_PARTS / part).rename(project.root / IN_PARTS / "patient=Zq1/part-0.parquet")
    with pytest.raises(DataError, match="folders are called by people"):
        retire.look(project.workspace, now=NOW)


@pytest.mark.slow
def test_a_model_of_parts_is_trained_anew_and_an_erasures_twins_lose_the_rows_too(in_parts: Project) -> None:
    project = in_parts
    project.train()
    gone = next(one for one in project.people(TRAIN) if one in {row[0] for row in rows_in(project.root / IN_PARTS)})
    project.request(gone)
    [erased] = project.erase()
    assert erased["residuals"] == []
    assert outdated_anywhere(project), "twins of the erasure hold old rows of others"

    found = retired(project)

    assert [one.place for one in found.residuals] == UNDATED
    assert outdated_anywhere(project) == []
    assert project.champion == 3
    assert old_revisions.verify(project.workspace) == []
    assert audit.audit(project.workspace, []).intact
