"""Who was erased stays away: erased people come back with a data load, and every load notices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest

from tests.examples import example
from tests.small_project import HOLDOUT, SOURCE, TRAIN, Project, columns
from unlearning.domain import hashing, lifecycle
from unlearning.domain.clocks import utc_now
from unlearning.domain.errors import SubjectsReturned
from unlearning.domain.events import CertificateIssued, ErasureStarted, PlanMade, Purged
from unlearning.project.training import judging, stages
from unlearning.stores.tables import redaction, tables

RETURNED = "SubjectReturned"


def forget(project: Project, people: Sequence[str]) -> None:
    """An erasure as far as the ledger tells of it, on tables without the people."""
    requests = project.request(*people)
    for path in (SOURCE, TRAIN, HOLDOUT):
        table = tables.read(project.root / path)
        keep = np.array([str(one) not in people for one in table.column("patient").to_pylist()])
        redaction.redact(project.root / path, project.root / path, keep)
    names = [request.request_id for request in requests]
    workspace = project.workspace
    workspace.data.record([SOURCE, TRAIN, HOLDOUT])
    told = [ErasureStarted(requests=tuple(names)), example(PlanMade), example(Purged), example(CertificateIssued, residuals=0)]
    workspace.ledger.append_all([("erasure-1", fact) for fact in told], at=utc_now())


def bring_back(project: Project, path: str = SOURCE) -> None:
    """A data load with everyone of the beginning."""
    wanted = None if path == SOURCE else set(project.people(path))
    rows = columns()
    keep = [number for number, who in enumerate(rows["patient"]) if wanted is None or who in wanted or path == TRAIN]
    redaction.write({name: [values[number] for number in keep] for name, values in rows.items()}, project.root / path)
    project.workspace.data.record([path])


def returns(project: Project) -> list[dict[str, Any]]:
    return [dict(event.body) for event in project.events() if event.kind == RETURNED]


def rows_of(people: Iterable[str]) -> int:
    wanted = set(people)
    return sum(one in wanted for one in columns()["patient"])


@pytest.fixture
def erased(project: Project) -> list[str]:
    """Two people of the training table whose erasure has ended."""
    people = project.people(TRAIN)[:2]
    forget(project, people)
    return people


@pytest.mark.parametrize("stage", [stages.prepare, stages.check])
def test_a_load_that_brings_people_back_is_refused_with_their_number_and_nothing_else(
    project: Project, erased: list[str], stage: Any
) -> None:
    bring_back(project)
    before = {path: tables.digest(project.root / path) for path in (TRAIN, HOLDOUT)}

    with pytest.raises(SubjectsReturned, match=f"2 people who were erased came back with {rows_of(erased)} rows") as refused:
        stage(project.workspace)

    assert "on_return" in str(refused.value)
    assert not any(one in str(refused.value) for one in erased)
    assert {path: tables.digest(project.root / path) for path in (TRAIN, HOLDOUT)} == before


def hidden(project: Project, people: list[str]) -> list[str]:
    """Their suppression tokens."""
    workspace = project.workspace
    [tokens] = hashing.tokens(people, workspace.settings.subject.identifier, keys=[workspace.keys.suppression])
    return [token.hex() for token in tokens]


def test_the_return_is_written_down_once_with_tokens_of_the_suppression_key(project: Project, erased: list[str]) -> None:
    bring_back(project)
    for _ in range(2):
        with pytest.raises(SubjectsReturned):
            stages.prepare(project.workspace)

    [event] = returns(project)

    assert event["tokens"] == sorted(hidden(project, erased))
    assert (event["path"], event["people"], event["rows"], event["answer"]) == (SOURCE, 2, rows_of(erased), "refused")
    assert not any(one in str(event) for one in erased)


def test_with_drop_the_prepared_tables_leave_them_out_and_the_number_is_said(project: Project, erased: list[str]) -> None:
    project.configure({"policy": {"on_return": "drop"}})
    bring_back(project)

    made = stages.prepare(project.workspace)

    assert made["dropped"] == rows_of(erased)
    assert set(erased).isdisjoint(project.people(TRAIN) + project.people(HOLDOUT))
    assert [event["answer"] for event in returns(project)] == ["dropped"]
    project.workspace.data.record([TRAIN, HOLDOUT])
    assert stages.check(project.workspace)


def test_where_they_may_come_back_the_check_says_that_nobody_was_looked_for(project: Project, erased: list[str]) -> None:
    project.configure({"policy": {"on_return": "drop"}})
    bring_back(project)
    said = {}
    for path in (SOURCE, TRAIN):
        results = {one.name: one for one in judging.check_table(project.workspace, path, "patient").results}
        said[path] = results["data.suppressed_absent"].threshold
    assert said == {SOURCE: "0 of 0 people", TRAIN: f"0 of {len(project.people(TRAIN))} people"}
    assert set(erased) <= set(project.people(SOURCE))


@pytest.mark.parametrize("policy", ["fail", "drop"])
def test_a_training_never_sees_them(project: Project, erased: list[str], policy: str) -> None:
    project.configure({"policy": {"on_return": policy}})
    bring_back(project, TRAIN)
    assert set(erased) <= set(project.people(TRAIN))

    if policy == "fail":
        with pytest.raises(SubjectsReturned, match=TRAIN):
            stages.load(project.workspace)
        return
    work = stages.load(project.workspace)
    assert work.retain.excluded == rows_of(erased)
    assert [event["answer"] for event in returns(project)] == ["dropped"]


def test_the_list_goes_on_working_under_another_index_key(project: Project, erased: list[str]) -> None:
    bring_back(project)
    key = project.root / ".unlearning/keys/index.key"
    key.write_text("ab" * 32 + "\n")
    (project.root / ".unlearning/keys.json").unlink()  # or every command refuses another key

    with pytest.raises(SubjectsReturned, match="2 people"):
        stages.prepare(project.workspace)
    project.configure({"policy": {"on_return": "drop"}})
    bring_back(project, TRAIN)
    assert stages.load(project.workspace).retain.excluded == rows_of(erased)


def test_nobody_is_stopped_before_their_erasure_has_ended(project: Project) -> None:
    person = project.people(TRAIN)[0]
    project.request(person)

    stages.prepare(project.workspace)

    assert person in project.people(TRAIN)
    assert stages.load(project.workspace).retain.excluded == rows_of([person])
    assert returns(project) == []


def test_who_is_erased_is_told_by_both_keys(project: Project, erased: list[str]) -> None:
    events = project.events()
    assert lifecycle.fold(events).erased_index_tokens == {project.token(one) for one in erased}
    assert lifecycle.fold(events).erased == set(hidden(project, erased))
    still_open = [event for event in events[:-1] if event.kind != "Purged"]
    assert lifecycle.fold(still_open).erased == frozenset()
