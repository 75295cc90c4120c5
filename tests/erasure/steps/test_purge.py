"""Step 8: what must not be deleted, and which checkpoints hold the people."""

from __future__ import annotations

import pytest

from tests.erasure.steps.begun import planned
from tests.small_project import HOLDOUT, Project
from unlearning.domain.clocks import utc_now
from unlearning.domain.errors import OnHold
from unlearning.domain.events import DataRedacted
from unlearning.erasure import decisions, left
from unlearning.erasure.erasure import Erasure
from unlearning.erasure.record_sets import RecordSets
from unlearning.erasure.steps import purge
from unlearning.erasure.steps.redact import redact_step
from unlearning.stores.tables import redaction
from unlearning.traces import deletion, twins
from unlearning.traces.old_revisions import known
from unlearning.traces.places.dvc_objects import OBJECTS
from unlearning.traces.within_reach import Reach


def test_a_legal_hold_keeps_everything_where_it_is(redacted: Project, erasure: Erasure, sets: RecordSets) -> None:
    [request] = erasure.requests
    decisions.hold(redacted.workspace, request.request_id, reason="a case", now=utc_now())
    stored = set(redacted.workspace.checkpoints.keys())
    with pytest.raises(OnHold):
        purge.purge_step(erasure, sets)
    assert set(redacted.workspace.checkpoints.keys()) == stored
    assert {"TracesFound", "Purged"}.isdisjoint(redacted.kinds())


def test_stale_are_the_states_that_saw_them_and_no_state_that_a_clean_version_needs(erasure: Erasure, sets: RecordSets) -> None:
    chain = erasure.workspace.lineage.model("outcome", 1).chain
    assert purge._stale(erasure, sets) == {chain.shards[0].head}


def test_who_shaped_no_model_left_no_state_and_nothing_elsewhere(project: Project) -> None:
    erasure = planned(project, project.people(HOLDOUT)[0])
    redact_step(erasure)
    assert purge._stale(erasure, RecordSets(erasure)) == frozenset()
    assert list(left.elsewhere(erasure)) == []


def test_what_the_erasure_made_of_a_table_is_its_twin_as_drawing_it_anew_gives(
    redacted: Project, erasure: Erasure, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach, tokens = Reach(redacted.workspace), frozenset(erasure.plan.tokens)
    objects = frozenset(trace.name for trace in deletion.find(reach, tokens).traces[OBJECTS])
    made = {before.object: after for before, after in zip(erasure.plan.before, erasure.done(DataRedacted).after, strict=True)}
    assert objects & made.keys()
    before = known(redacted.workspace)
    slow, fast, other = (
        twins._Maker(reach, gone, objects, frozenset(), done, {})
        for gone, done in ((tokens, {}), (tokens, made), (frozenset(), made))
    )
    assert all(slow.add(name, before) for name in objects)
    assert all(other.add(name, before) for name in objects)

    def redact(*_: object, **__: object) -> None:
        raise AssertionError("drawn again")

    monkeypatch.setattr(redaction, "redact", redact)
    assert all(fast.add(name, before) for name in objects & made.keys())
    assert fast.made == {name: twin for name, twin in slow.made.items() if name in made}
    assert all(other.made[name].new == name for name in objects)  # nobody left: what another erasure made is not their twin
