"""Step 5: a candidate that never saw the people."""

from __future__ import annotations

from tests.small_project import Project
from unlearning.erasure.erasure import Erasure, trained_from
from unlearning.erasure.steps.unlearn import unlearn_step
from unlearning.project.training import registration


def test_only_the_touched_shard_is_trained_once_and_made_again_when_its_state_is_lost(
    redacted: Project, erasure: Erasure
) -> None:
    body = unlearn_step(erasure, "sisa")

    trained = trained_from(body["trained"])
    assert {part.shard for part in trained.parts if part.slices_trained} == {0}
    assert trained.changed_from(erasure.parent.trained) == {0}
    assert body["head"] == registration.head(trained)
    assert [part.key for part in trained.parts] == [shard.head for shard in erasure.retain.chain.shards]

    events = redacted.kinds()
    redacted.workspace.checkpoints.delete(trained.parts[0].key)
    assert unlearn_step(erasure, "sisa") == body
    assert trained.parts[0].key in redacted.workspace.checkpoints
    assert redacted.kinds() == events
