"""What the steps read of data: the record sets of one attempt."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.erasure.steps.begun import planned
from tests.examples import example
from tests.histories import History
from tests.small_project import TRAIN, Project, columns
from unlearning.domain.events import DataRedacted, ErasureStarted, PlanMade
from unlearning.domain.planning.plan import Plan
from unlearning.domain.versions import DataVersion
from unlearning.erasure.erasure import Erasure
from unlearning.erasure.record_sets import RecordSets
from unlearning.erasure.steps.receive import receive
from unlearning.erasure.steps.redact import redact_step
from unlearning.stores.tables import tables

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_table_was_made_from_the_version_that_an_attempt_redacted(beginning: History, tmp_path: Path) -> None:
    workspace = beginning.copy(tmp_path / "project").workspace
    made = receive(workspace, ["ann-1"], regulation="gdpr", now=NOON)
    old = DataVersion("data/a.csv", "1" * 64, "a" * 32, None, 4, 3)
    new, other = replace(old, digest="2" * 64, rows=3), replace(old, digest="3" * 64)
    plan = Plan(erasure_id="erasure-1", tokens=(), before=(old,), suppressed_upto=0, own=None, adopted=())
    for fact in (
        ErasureStarted(requests=tuple(one.request_id for one in made)),
        PlanMade(plan=plan),
        example(DataRedacted, after=(new,), removed={"data/a.csv": 1}),
    ):
        workspace.ledger.append("erasure-1", fact, at=NOON)
    sets = RecordSets(Erasure(workspace, "erasure-1", lambda: NOON))
    assert sets._made_from(new) == old
    assert sets._made_from(other) == other
    assert sets.erasure.redacted == [(old, new)]


def test_the_records_to_forget_and_to_keep_are_all_that_were_trained_on(project: Project) -> None:
    person = project.cells()[0, 1][0]
    sets = RecordSets(planned(project, person))
    rows = columns()["patient"].count(person)
    assert len(sets.forget) == rows
    assert len(sets.retain.records) == tables.read(project.root / TRAIN).num_rows - rows
    everyone = np.concatenate([sets.forget.features, sets.retain.records.features])
    before = tables.read(project.root / TRAIN).select(["age", "dose", "score"]).to_pandas().to_numpy(dtype=np.float32)
    assert sorted(everyone.tolist()) == sorted(before.tolist())
    assert sets.parent.model == project.workspace.models.behind("outcome", "champion")


def test_once_the_tables_are_redacted_the_touched_shard_alone_is_read(project: Project) -> None:
    person = project.cells()[0, 1][0]
    erasure = planned(project, person)
    assert RecordSets(erasure).retain.shards is None
    redact_step(erasure)
    view = erasure.of("outcome")
    sets = RecordSets(erasure)
    held, everybody = sets.of(view).retain, sets.of(view)._everybody()
    assert held.shards == {0}
    assert (held.chain, held.rows, held.people, held.excluded) == (
        everybody.chain,
        everybody.rows,
        everybody.people,
        everybody.excluded,
    )
    assert 0 < len(held.records) < len(everybody.records)
    assert sets.chain(view) is held.chain


@pytest.mark.parametrize("kind", ["found", "before"])
def test_the_people_are_looked_for_once(project: Project, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from unlearning.erasure import record_sets

    person = project.cells()[0, 1][0]
    sets = RecordSets(planned(project, person))
    looked = getattr(sets, kind)
    monkeypatch.setattr(record_sets, "search", None)
    assert getattr(sets, kind) is looked
    assert looked.found == {project.token(person)}
