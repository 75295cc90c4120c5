"""Step 4: the tables without the people."""

from __future__ import annotations

import pytest

from tests.erasure.steps.begun import planned
from tests.small_project import HOLDOUT, SOURCE, TABLES, TRAIN, Project, columns, tracked
from unlearning.domain.clocks import utc_now
from unlearning.domain.errors import ParentMoved
from unlearning.domain.events import DataRedacted
from unlearning.erasure import decisions
from unlearning.erasure.erasure import Erasure
from unlearning.erasure.steps.redact import check_unmoved, redact_step
from unlearning.stores.tables import redaction, tables


def test_every_row_of_the_person_goes_and_every_other_stays_as_it_was(project: Project) -> None:
    person = project.cells()[0, 1][0]
    before = {path: tables.read(project.root / path) for path in TABLES}
    erasure = planned(project, person)
    done = redact_step(erasure)
    rows = columns()["patient"].count(person)
    assert done.removed == {SOURCE: rows, TRAIN: rows, HOLDOUT: 0}
    for path, table in before.items():
        keep = [one != person for one in table["patient"].to_pylist()]
        assert tables.read(project.root / path).equals(table.filter(keep))
    assert project.workspace.data.status() == []
    assert {before.path for before, _ in erasure.redacted} == {SOURCE, TRAIN}


def test_redacting_again_changes_nothing(redacted: Project, erasure: Erasure) -> None:
    objects, events = {path: tracked(redacted.root, path) for path in TABLES}, redacted.kinds()
    assert redact_step(erasure) == erasure.done(DataRedacted)
    assert {path: tracked(redacted.root, path) for path in TABLES} == objects
    assert redacted.kinds() == events


def test_a_table_that_changed_since_is_planned_for_again(redacted: Project, erasure: Erasure) -> None:
    check_unmoved(erasure)
    keep = [True] * tables.read(redacted.root / TRAIN).num_rows
    keep[0] = False
    redaction.redact(redacted.root / TRAIN, redacted.root / TRAIN, keep)
    redacted.workspace.data.record([TRAIN])
    with pytest.raises(ParentMoved, match=f"{TRAIN} changed since {erasure.erasure_id} redacted it"):
        check_unmoved(erasure)


def test_a_request_that_was_withdrawn_since_the_plan_is_not_redacted(project: Project) -> None:
    person = project.cells()[0, 1][0]
    erasure = planned(project, person)
    [request] = erasure.requests
    decisions.cancel(project.workspace, request.request_id, reason="a mistake", now=utc_now())
    with pytest.raises(ParentMoved, match="1 requests left"):
        redact_step(erasure)
    assert person in project.people(TRAIN)
