"""Step 5: a candidate that never saw the people."""

from __future__ import annotations

from tests.small_project import Project
from unlearning.domain.events import CandidateTrained
from unlearning.erasure.erasure import Erasure
from unlearning.erasure.record_sets import RecordSets
from unlearning.erasure.steps.unlearn import unlearn_step
from unlearning.project.training import registration


def test_only_the_touched_shard_is_trained_once_and_made_again_when_its_state_is_lost(
    redacted: Project, erasure: Erasure, sets: RecordSets
) -> None:
    trained = unlearn_step(erasure, sets, "sisa")

    assert {part.shard for part in trained.parts if part.slices_trained} == {0}
    assert trained.changed_from(sets.parent.trained) == {0}
    written = erasure.done(CandidateTrained, method="sisa")
    assert (written.trained, written.head) == (trained, registration.head(trained))
    assert [part.key for part in trained.parts] == [shard.head for shard in sets.retain.chain.shards]

    events = redacted.kinds()
    redacted.workspace.checkpoints.delete(trained.parts[0].key)
    assert unlearn_step(erasure, sets, "sisa") == trained
    assert trained.parts[0].key in redacted.workspace.checkpoints
    assert redacted.kinds() == events
