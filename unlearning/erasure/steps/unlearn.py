"""Steps 3 to 7 for the model that the project trains itself: which methods, a candidate, the judgement on it, its promotion.

`remaking.py` is the same for models that were trained elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unlearning.domain.entities import ModelRecord, ModelVersion, Trained, plain
from unlearning.domain.errors import ParentMoved, ValidationRefused
from unlearning.domain.planning.plan import OwnPlan
from unlearning.erasure.steps.assess import Search, current_version, parent_of, record_of, shaped_records
from unlearning.project import plugins
from unlearning.project.training import judging, registration, train
from unlearning.project.training.train import Map, make

if TYPE_CHECKING:
    from unlearning.erasure.erasure import Erasure
    from unlearning.project.workspace import Workspace

# --- 3 plan ----------------------------------------------------------------------------------------------------------


def check_ready(workspace: Workspace) -> None:
    """Raises WrongUse when no version serves that was trained here, or a method of the policy cannot serve it."""
    _usable_methods(workspace, record_of(workspace, parent_of(workspace)))


def plan(workspace: Workspace, found: Search, *, withdrawn: ModelVersion | None) -> OwnPlan:
    """What becomes of the own model. withdrawn: the version whose alias an earlier attempt took away."""
    own, parent = workspace.own, withdrawn or parent_of(workspace)
    return OwnPlan(
        model=own.model,
        alias=own.alias,
        parent=parent,
        methods=_usable_methods(workspace, record_of(workspace, parent)),
        train=own.data.train,
        retrain_model=any(shaped.model == parent for shaped, _ in shaped_records(workspace, found)),
    )


def _usable_methods(workspace: Workspace, parent: ModelRecord) -> tuple[str, ...]:
    """The ladder of the policy; a method that cannot serve this model says so before anything is changed."""
    for name in workspace.settings.policy.methods:
        plugins.method(name).plan(
            train.assignment(
                workspace, parent.chain, method=name, parent=[part.key for part in parent.trained.parts], forget=(0, 1)
            )
        )
    return tuple(workspace.settings.policy.methods)


# --- 5 unlearn -------------------------------------------------------------------------------------------------------


def unlearn_step(erasure: Erasure, method: str, *, map: Map = map) -> Mapping[str, Any]:
    """5: a candidate that never saw the people, by one method of the ladder."""

    def body() -> Mapping[str, Any]:
        _check_unmoved(erasure)
        began = time.perf_counter()
        trained = _train(erasure, method, map)
        return {
            "method": method,
            "trained": plain(trained),
            "head": registration.head(trained),
            "training_seconds": round(time.perf_counter() - began, 3),
        }

    made = erasure.once("CandidateTrained", body, method=method)
    if erasure.progress.step_done("AliasMoved") is None and not _kept(erasure, made):
        _check_unmoved(erasure)
        _train(erasure, method, map)
    return made


def _train(erasure: Erasure, method: str, map: Map) -> Trained:
    return make(
        erasure.workspace,
        erasure.retain,
        method=method,
        forget=erasure.forget,
        parent=[part.key for part in erasure.parent.trained.parts],
        map=map,
    )


def _kept(erasure: Erasure, made: Mapping[str, Any]) -> bool:
    """The candidate's states are still stored: another erasure may have purged them before this one was promoted."""
    return all(part["key"] in erasure.workspace.checkpoints for part in made["trained"]["parts"])


def _check_unmoved(erasure: Erasure) -> None:
    """Raises ParentMoved when another erasure, or a user, changed a table after this erasure redacted it."""
    for after in erasure.body("DataRedacted")["after"]:
        if current_version(erasure.workspace, after["path"]).digest != after["digest"]:
            raise ParentMoved(f"{after['path']} changed since {erasure.erasure_id} redacted it; it will be planned again")


# --- 6 validate ------------------------------------------------------------------------------------------------------


def validate_step(erasure: Erasure, trained: Trained, replay: train.Replay | None = None) -> Mapping[str, Any]:
    """6: judge the new data and the candidate; says whether it may be promoted and, if not, why."""

    def body() -> Mapping[str, Any]:
        _check_unmoved(erasure)
        results = (
            *judging.data_checks(erasure, erasure.workspace.own.data.tables),
            *judging.model_checks(
                erasure.workspace, trained, forget=erasure.forget, parent=erasure.parent.trained, replay=replay
            ),
        )
        blocking = judging.blocking(results, trained)
        return {
            "method": trained.method,
            "passed": not blocking,
            "blocking": [result.name for result in blocking],
            "checks": [{**plain(result), "passed": result.passed} for result in results],
            "metrics": judging.metrics(results),
            "replay": plain(replay) if replay else None,
        }

    return erasure.once("CandidateValidated", body, method=trained.method)


def refuse(erasure: Erasure, report: Mapping[str, Any]) -> ValidationRefused:
    """No method of the ladder passed: the requests stay open, the alias does what the policy says; the error to raise."""
    own, answer = erasure.own, erasure.workspace.settings.policy.on_failure
    if answer == "withdraw":
        erasure.workspace.models.withdraw_alias(own.model, own.alias)
    forbade = [check for check in report["checks"] if check["name"] in report["blocking"]]
    reason = "; ".join(f"{one['name']} is {_measured(one)}, expected {one['threshold']}" for one in forbade)
    erasure.refuse(reason, alias=answer)
    where = "withdrawn" if answer == "withdraw" else "where it was"
    return ValidationRefused(
        f"{erasure.erasure_id}: no method of {', '.join(own.methods)} passed the checks ({reason}); "
        f"the requests stay open and alias {own.alias!r} is {where}. "
        "Look at `unlearn status`, correct data, recipe or thresholds, then run `unlearn erase` again"
    )


def _measured(check: Mapping[str, Any]) -> str:
    """A check's value, with its sampling error where it has one: it shows when a threshold is finer than the holdout."""
    error = check["details"].get("standard_error")
    return f"{check['value']:.4g} ± {error:.2g} (standard error)" if error else str(check["value"])


# --- 7 promote -------------------------------------------------------------------------------------------------------


def promote_step(erasure: Erasure, trained: Trained, metrics: Mapping[str, float]) -> Mapping[str, Any]:
    """7: register the candidate and move the alias to it, unless alias or data moved meanwhile (ParentMoved)."""
    workspace, plan = erasure.workspace, erasure.own
    # No table may change while the alias moves: whoever redacts next finds the new version in the lineage.
    with workspace.ledger.exclusive(f"promote:{plan.model}"), workspace.ledger.exclusive("data"):
        if (done := erasure.progress.step_done("AliasMoved")) is not None:
            return done
        behind = workspace.models.alias(plan.model, plan.alias)
        registered = erasure.progress.step_done("VersionRegistered")
        ours = [plan.parent, *([ModelVersion(plan.model, registered["version"])] if registered else [])]
        if behind not in ours and not (behind is None and erasure.withdrawn):
            raise ParentMoved(f"alias {plan.alias!r} of {plan.model!r} moved from {plan.parent} to {behind}; planning again")
        _check_unmoved(erasure)
        registered = erasure.once("VersionRegistered", lambda: _register(erasure, trained, metrics))
        new = ModelVersion(plan.model, registered["version"])
        return erasure.once("AliasMoved", lambda: _move_alias(erasure, new, expected=behind))


def _register(erasure: Erasure, trained: Trained, metrics: Mapping[str, float]) -> Mapping[str, Any]:
    workspace, plan = erasure.workspace, erasure.own
    record = registration.register(
        workspace,
        trained,
        erasure.retain,
        data=current_version(workspace, plan.train),
        metrics=metrics,
        suppressed_upto=erasure.plan.suppressed_upto,
        parent=plan.parent,
        erasure_id=erasure.erasure_id,
    )
    return {
        "version": record.model.version,
        "run_id": record.run_id,
        "files_digest": workspace.models.files_digest(record.model),
    }


def _move_alias(erasure: Erasure, new: ModelVersion, *, expected: ModelVersion | None) -> Mapping[str, Any]:
    workspace, plan = erasure.workspace, erasure.own
    workspace.models.move_alias(plan.model, plan.alias, expected=expected, to=new)
    workspace.models.tag(plan.parent, {"unlearning.superseded_by": str(new)})
    served = workspace.models.files_digest(workspace.models.behind(plan.model, plan.alias))
    return {"alias": plan.alias, "from": plan.parent.version, "to": new.version, "served_digest": served}


def check_served(erasure: Erasure) -> None:
    """No version that holds the people may serve while it is deleted: what this erasure promoted serves instead.

    Raises ParentMoved when it promoted nothing because only data was redacted.
    """
    workspace, plan = erasure.workspace, erasure.own
    behind = workspace.models.alias(plan.model, plan.alias)
    if behind not in {record.model for record, _ in shaped_records(workspace, erasure.before)}:
        return
    if not plan.retrain_model:
        raise ParentMoved(f"{behind} came behind alias {plan.alias!r} and holds the people; it will be planned again")
    clean = workspace.models.version(plan.model, erasure.body("AliasMoved")["to"]).model
    workspace.models.move_alias(plan.model, plan.alias, expected=behind, to=clean)
