"""The DVC stages on a trained project: the second time changes nothing."""

from __future__ import annotations

from tests.small_project import HOLDOUT, SOURCE, TABLES, TRAIN, Project
from unlearning.project.training import stages
from unlearning.stores.tables import tables


def digests(project: Project) -> dict[str, str]:
    return {path: tables.digest(project.root / path) for path in TABLES}


def test_preparing_splits_people_and_not_rows_and_preparing_again_gives_the_same_bytes(project: Project) -> None:
    before = digests(project)
    rows = stages.prepare(project.workspace)
    assert digests(project) == before
    train, holdout = project.people(TRAIN), project.people(HOLDOUT)
    assert set(train).isdisjoint(holdout)
    assert {*train, *holdout} == set(project.people(SOURCE))
    assert rows["train"] + rows["holdout"] == tables.read(project.root / SOURCE).num_rows
    assert rows["dropped"] == 0


def test_a_version_that_these_records_made_already_is_found_before_anything_is_trained(project: Project) -> None:
    work = stages.load(project.workspace)
    assert work.done is not None
    assert str(work.done.model) == "outcome/1"
    assert work.parent == work.done
    [person, *_] = project.people(TRAIN)
    project.request(person)  # who asked is left out, so it is another training
    without = stages.load(project.workspace)
    assert without.done is None
    assert without.retain.excluded > 0
    assert without.retain.people == work.retain.people - 1


def test_evaluating_writes_the_same_report_every_time(project: Project) -> None:
    first = stages.evaluate(project.workspace)
    content = (project.root / "reports/metrics.json").read_bytes()
    assert stages.evaluate(project.workspace) == first
    assert (project.root / "reports/metrics.json").read_bytes() == content
    assert (first.model, first.version) == ("outcome", 1)
