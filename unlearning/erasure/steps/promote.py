"""Step 7, promote: the candidate is registered with its lineage and the alias moves to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from unlearning.domain.chain import Trained
from unlearning.domain.errors import ParentMoved
from unlearning.domain.events import AliasMoved, VersionRegistered
from unlearning.domain.versions import ModelVersion
from unlearning.erasure.search import shaped_records
from unlearning.erasure.steps.redact import check_unmoved
from unlearning.project.tables import current_version
from unlearning.project.training import registration, stages

if TYPE_CHECKING:
    from unlearning.erasure.erasure import Erasure
    from unlearning.erasure.record_sets import RecordSets


def promote_step(erasure: Erasure, sets: RecordSets, trained: Trained, metrics: Mapping[str, float]) -> AliasMoved:
    """7: register the candidate and move the alias to it, unless alias or data moved meanwhile (ParentMoved)."""
    workspace, plan = erasure.workspace, erasure.own
    # No table may change while the alias moves: whoever redacts next finds the new version in the lineage.
    with workspace.ledger.exclusive(f"promote:{plan.model}"), workspace.ledger.exclusive("data"):
        if (done := erasure.said(AliasMoved)) is not None:
            return done
        behind = workspace.models.alias(plan.model, plan.alias)
        registered = erasure.said(VersionRegistered)
        ours = [plan.parent, *([ModelVersion(plan.model, registered.version)] if registered else [])]
        if behind not in ours and not (behind is None and erasure.withdrawn):
            raise ParentMoved(f"alias {plan.alias!r} of {plan.model!r} moved from {plan.parent} to {behind}; planning again")
        check_unmoved(erasure)
        registered = erasure.once(VersionRegistered, lambda: _register(erasure, sets, trained, metrics))
        new = ModelVersion(plan.model, registered.version)
        return erasure.once(AliasMoved, lambda: _move_alias(erasure, new, expected=behind))


def _register(erasure: Erasure, sets: RecordSets, trained: Trained, metrics: Mapping[str, float]) -> VersionRegistered:
    workspace, plan = erasure.workspace, erasure.own
    record = registration.register(
        workspace,
        trained,
        sets.retain,
        data=current_version(workspace, plan.train, workspace.recipe.person),
        metrics=metrics,
        suppressed_upto=erasure.plan.suppressed_upto,
        parent=plan.parent,
        erasure_id=erasure.erasure_id,
    )
    digest = workspace.models.files_digest(record.model)
    return VersionRegistered(version=record.model.version, run_id=record.run_id, files_digest=digest)


def _move_alias(erasure: Erasure, new: ModelVersion, *, expected: ModelVersion | None) -> AliasMoved:
    workspace, plan = erasure.workspace, erasure.own
    workspace.models.move_alias(plan.model, plan.alias, expected=expected, to=new)
    workspace.models.tag(plan.parent, {"unlearning.superseded_by": str(new)})
    served = workspace.models.files_digest(workspace.models.behind(plan.model, plan.alias))
    return AliasMoved(
        alias=plan.alias,
        from_version=plan.parent.version,
        to_version=new.version,
        served_digest=served,
        more=_others_left(erasure),
    )


def _others_left(erasure: Erasure) -> bool:
    """Another own model still knows the people: its turn comes, or it was refused."""
    others = (erasure.of(name) for name in erasure.plan.retrained if name != erasure.own.model)
    return any(one.said(AliasMoved) is None for one in others)


def check_served(erasure: Erasure, sets: RecordSets) -> None:
    """No version that holds the people may serve while it is deleted: what this erasure promoted serves instead.

    Raises ParentMoved when it promoted nothing because only data was redacted.
    """
    workspace, plan = erasure.workspace, erasure.own
    behind = workspace.models.alias(plan.model, plan.alias)
    if behind not in {record.model for record, _ in shaped_records(workspace, sets.before)}:
        return
    if not plan.retrain_model:
        raise ParentMoved(f"{behind} came behind alias {plan.alias!r} and holds the people; it will be planned again")
    clean = workspace.models.version(plan.model, erasure.done(AliasMoved).to_version).model
    workspace.models.move_alias(plan.model, plan.alias, expected=behind, to=clean)


def settle_step(erasure: Erasure, models: Collection[str] | None = None) -> list[str]:
    """After promotion: the reports of the DVC stages and `dvc.lock` say what is true now, as `dvc repro` would leave them.

    models: the own ones of which that can be said; None for all.
    """
    workspace = erasure.workspace
    changed = stages.refresh(workspace, models)
    if changed and workspace.settings.versioning.commit:
        workspace.data.commit(f"Record {erasure.erasure_id}", changed)
    return changed
