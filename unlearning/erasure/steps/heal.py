"""After step 8: what an instant answer left behind its chain is trained, registered and promoted as a second version.

It is a training like any other: every key that is missing is made, judged against the version that serves. So it may run again,
or die anywhere: what was trained is stored. When it does not pass, the instant answer serves on, and the certificate says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from unlearning.domain.errors import ParentMoved
from unlearning.domain.events import ModelHealed
from unlearning.domain.versions import ModelVersion
from unlearning.erasure.steps.redact import check_unmoved
from unlearning.project.training import stages
from unlearning.project.training.registration import record_of
from unlearning.project.training.train import Map

if TYPE_CHECKING:
    from unlearning.erasure.erasure import Erasure, Made
    from unlearning.erasure.record_sets import RecordSets


def behind(erasure: Erasure, made: Made) -> bool:
    """Some constituents of the version that was promoted are older than its data."""
    record = record_of(erasure.workspace, made.new)
    return bool(record.trained.behind(record.chain))


def heal_step(erasure: Erasure, sets: RecordSets, made: Made, *, map: Map = map) -> ModelHealed:
    """Train what is missing of the version in view, and let it take over when it passes."""

    def body() -> ModelHealed:
        try:
            return _heal(erasure, sets, made, map)
        except ParentMoved as moved:  # somebody else decided what serves, or on what data
            return ModelHealed(version=None, promoted=False, checks=(), why=str(moved))

    return erasure.once(ModelHealed, body)


def _heal(erasure: Erasure, sets: RecordSets, made: Made, map: Map) -> ModelHealed:
    check_unmoved(erasure)
    workspace, own = erasure.workspace, made.own
    work = stages.Training(workspace, sets.retain, erasure.plan.suppressed_upto, record_of(workspace, made.new))
    trained = stages.fit(work, map=map)
    judged = stages.judge(work, trained)
    done = stages.register(work, trained, judged)
    version, promoted = ModelVersion(own.model, done.version), done.alias is not None
    failed = [check.name for check in done.checks if not check.passed]
    return ModelHealed(
        version=done.version,
        promoted=promoted,
        checks=tuple(done.checks),
        files_digest=workspace.models.files_digest(version),
        served_digest=workspace.models.files_digest(workspace.models.behind(own.model, own.alias)) if promoted else None,
        why=None if promoted else f"these checks did not pass: {', '.join(failed)}",
    )
