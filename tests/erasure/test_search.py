"""Where people are: in the tables, in old versions, in what those shaped."""

from __future__ import annotations

import numpy as np

from tests.small_project import HOLDOUT, SOURCE, TABLES, TRAIN, Project, columns
from unlearning.erasure.search import search, shaped_records
from unlearning.stores.tables import redaction, tables


def test_a_person_is_found_in_each_table_that_holds_them_with_every_record(project: Project) -> None:
    person = project.cells()[0, 1][0]
    token = project.token(person)
    found = search(project.workspace, [token])
    rows = columns()["patient"].count(person)
    assert [version.path for version in found.current] == list(TABLES)
    assert found.removed == {SOURCE: rows, TRAIN: rows, HOLDOUT: 0}
    assert (found.records, len(found.training["outcome"]), len(found.people)) == (rows, rows, 1)
    assert found.found == {token}
    assert found.lost == frozenset()
    assert [(str(record.model), tokens) for record, tokens in shaped_records(project.workspace, found)] == [
        ("outcome/1", {token})
    ]


def test_a_stranger_is_nowhere(project: Project) -> None:
    found = search(project.workspace, [project.token("nobody-of-that-name")])
    assert (found.found, found.versions, found.records) == (frozenset(), (), 0)
    assert found.training["outcome"].shape == found.people.shape == (0, 4)
    assert shaped_records(project.workspace, found) == []


def test_who_left_the_table_is_still_found_in_the_version_that_trained_the_model(project: Project) -> None:
    person = project.cells()[0, 1][0]
    token = project.token(person)
    for path in (SOURCE, TRAIN):
        keep = np.array([one != person for one in tables.read(project.root / path)["patient"].to_pylist()])
        redaction.redact(project.root / path, project.root / path, keep)
    project.workspace.data.record([SOURCE, TRAIN])
    found = search(project.workspace, [token])
    assert found.records == 0
    assert {version.path for version in found.versions} == {SOURCE, TRAIN}
    assert len(found.people) == 1  # their place follows from the old version that still exists
    assert [str(record.model) for record, _ in shaped_records(project.workspace, found)] == ["outcome/1"]
