"""Step 5: a candidate that never saw the people."""

from __future__ import annotations

from tests.erasure.steps.begun import planned
from tests.small_project import Project
from unlearning.erasure.erasure import trained_from
from unlearning.erasure.steps.redact import redact_step
from unlearning.erasure.steps.unlearn import unlearn_step
from unlearning.project.training import registration


def test_only_the_touched_shard_is_trained_once_and_made_again_when_its_state_is_lost(project: Project) -> None:
    erasure = planned(project, project.cells()[0, 1][0])
    redact_step(erasure)

    body = unlearn_step(erasure, "sisa")

    trained = trained_from(body["trained"])
    assert {part.shard for part in trained.parts if part.slices_trained} == {0}
    assert trained.changed_from(erasure.parent.trained) == {0}
    assert body["head"] == registration.head(trained)
    assert [part.key for part in trained.parts] == [shard.head for shard in erasure.retain.chain.shards]

    events = project.kinds()
    project.workspace.checkpoints.delete(trained.parts[0].key)
    assert unlearn_step(erasure, "sisa") == body
    assert trained.parts[0].key in project.workspace.checkpoints
    assert project.kinds() == events
