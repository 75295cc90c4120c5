"""The nine steps of an erasure: read, decide, write, append an event.

Each step looks for its own event first, so a run that died anywhere goes on where it stopped, and a second run changes nothing.
Steps 4 to 7 need the old data and the old model; step 8 is the point of no return and comes after the new version serves.
Step 1 is in `receiving.py`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearning import (
    certifying,
    holds,
    lifecycle,
    planning,
    plugins,
    purging,
    registration,
    remaking,
    stages,
    training,
    validation,
)
from unlearning.assessment import assess, current_version, index_table, parent_of, record_of, require_index_key, shaped_records
from unlearning.entities import DataVersion, ErasureRequest, ModelRecord, ModelVersion, Trained, plain
from unlearning.erasure import Clock, Erasure, utc_now
from unlearning.errors import NotFound, ParentMoved, ValidationRefused, WouldEmptyData
from unlearning.planning import Plan
from unlearning.receiving import chosen
from unlearning.stores import spool, table_parts, tables
from unlearning.training import Map, make, people_in
from unlearning.workspace import Workspace

# --- 1 receive is in receiving.py; 2 assess, 3 plan ------------------------------------------------------------------


def has_work(workspace: Workspace, request_ids: Sequence[str]) -> bool:
    """Whether `batches` would find anything to do; changes nothing. Raises NotFound for an unknown id."""
    return bool(_unended(workspace, request_ids) or _half_done(workspace, utc_now))


def _unended(workspace: Workspace, request_ids: Sequence[str]) -> list[ErasureRequest]:
    return [request for request in chosen(workspace, request_ids) if request.state not in lifecycle.ENDED]


def batches(workspace: Workspace, request_ids: Sequence[str], *, clock: Clock = utc_now) -> list[Erasure]:
    """What there is to do: what a killed run left half done, other unfinished erasures, then a new one over fresh requests."""
    with workspace.ledger.exclusive("batches"):
        requests = _unended(workspace, request_ids)
        require_index_key(workspace, {request.token for request in requests})
        unfinished = dict.fromkeys(request.erasure_id for request in requests if request.erasure_id)
        fresh = sorted({request.group for request in requests if not request.erasure_id})
        half_done = _half_done(workspace, clock)
        started = [*half_done, *(Erasure(workspace, one, clock) for one in unfinished if one)]
        started = list({erasure.erasure_id: erasure for erasure in started}.values())
        for erasure in started:
            if erasure.refused:
                start(erasure, erasure.started["requests"])
        if fresh:
            if not started:
                _check_ready(workspace)
            started.append(Erasure(workspace, planning.erasure_id(fresh), clock))
            start(started[-1], fresh)
    return started


def _half_done(workspace: Workspace, clock: Clock) -> list[Erasure]:
    """Erasures to be finished whoever is asked for: tables half rewritten first, then what only lacks its certificate.

    Nothing else can be planned while a table is not what DVC recorded, and a certificate is about the tables of its erasure.
    """
    requests = lifecycle.fold(workspace.ledger.events()).values()
    waiting = dict.fromkeys(
        request.erasure_id
        for request in requests
        if request.state == "purging" or (request.state == "not_found" and request.certificate is None)
    )
    open_ones = dict.fromkeys(request.erasure_id for request in requests if request.state not in lifecycle.ENDED)
    redacting = [Erasure(workspace, one, clock) for one in open_ones if one]
    return [
        *(erasure for erasure in redacting if erasure.redacting),
        *(Erasure(workspace, one, clock) for one in waiting if one),
    ]


def _check_ready(workspace: Workspace) -> None:
    """Raises WrongUse for a project that no erasure can begin in, before anything is recorded.

    Not asked while an erasure is unfinished: a killed one may have left a table that only it can put right.
    """
    for path in workspace.tables:
        current_version(workspace, path)
    _usable_methods(workspace, record_of(workspace, parent_of(workspace)))


def start(erasure: Erasure, requests: Sequence[str]) -> None:
    """Open a batch, or open it anew: steps done before this event no longer count, they are decided again."""
    ledger, settings = erasure.workspace.ledger, erasure.workspace.settings
    body = {"requests": list(requests), "model": settings.model, "alias": settings.alias}
    received = [event.at for event in ledger.events(kinds=["RequestReceived"]) if event.subject in requests]
    ledger.append("ErasureStarted", erasure.erasure_id, body, at=erasure.now(after=received))


def assess_step(erasure: Erasure) -> Mapping[str, Any]:
    """2: find everything the people are in; nothing is changed. People of whom there is no record leave the batch here."""

    def body() -> dict[str, Any]:
        return dict(plain(assess(erasure.workspace, erasure.tokens, erasure.found)))

    impact = erasure.once("ImpactAssessed", body)
    unknown = [request for request in erasure.requests if request.token in impact["not_found"]]
    for request in unknown:
        if request.state != "not_found":
            erasure.workspace.ledger.append("SubjectNotFound", request.request_id, {}, at=erasure.now())
    return impact


def plan_step(erasure: Erasure) -> Mapping[str, Any]:
    """3: decide what will be done, from which parent, with which methods; still nothing is changed."""
    workspace, settings = erasure.workspace, erasure.workspace.settings

    def body() -> Mapping[str, Any]:
        found, parent = erasure.found, erasure.withdrawn or parent_of(workspace)
        record = record_of(workspace, parent)
        train = next(version for version in found.current if version.path == settings.data.train)
        trains = {train.path, *(adoption.data.path for adoption in workspace.adoptions.values())}
        try:
            for table in (version for version in found.current if version.path in trains):
                planning.check_something_remains(table=table.path, rows=table.rows, removed=found.removed[table.path])
        except WouldEmptyData as error:
            _record_refusal(erasure, str(error), alias="keep")
            raise
        made: Mapping[str, Any] = plain(
            Plan(
                erasure_id=erasure.erasure_id,
                model=settings.model,
                alias=settings.alias,
                parent=parent,
                methods=_usable_methods(workspace, record),
                tokens=tuple(sorted(found.found)),
                before=found.current,
                train=settings.data.train,
                suppressed_upto=workspace.ledger.head()[0],
                retrain_model=any(shaped.model == parent for shaped, _ in shaped_records(workspace, found)),
                adopted=remaking.wanted(workspace, erasure.body("ImpactAssessed")["model_versions"]),
            )
        )
        return made

    return erasure.once("PlanMade", body)


def _usable_methods(workspace: Workspace, parent: ModelRecord) -> tuple[str, ...]:
    """The ladder of the policy; a method that cannot serve this model says so before anything is changed."""
    for name in workspace.settings.policy.methods:
        plugins.method(name).plan(
            training.assignment(
                workspace, parent.chain, method=name, parent=[part.key for part in parent.trained.parts], forget=(0, 1)
            )
        )
    return tuple(workspace.settings.policy.methods)


# --- 4 redact --------------------------------------------------------------------------------------------------------


def redact_step(erasure: Erasure) -> Mapping[str, Any]:
    """4: the tables without the people, as new DVC versions. Made from the planned versions, so that it can run again."""
    with erasure.workspace.ledger.exclusive(holds.LOCK):

        def body() -> Mapping[str, Any]:
            _check_batch(erasure)
            return _redact(erasure)

        return erasure.once("DataRedacted", body)


def _check_batch(erasure: Erasure) -> None:
    """Raises ParentMoved when a request was withdrawn or exempted since the plan was made."""
    if left := set(erasure.plan.tokens) - set(erasure.tokens):
        raise ParentMoved(f"{len(left)} requests left {erasure.erasure_id} since it was planned; it will be planned again")


def _redact(erasure: Erasure) -> Mapping[str, Any]:
    workspace, plan = erasure.workspace, erasure.plan
    with workspace.ledger.exclusive("data"):
        keep = {before.path: _keep(erasure, before) for before in plan.before}
        changed = [before for before in plan.before if not keep[before.path].all()]
        for before in plan.before:
            index_table(workspace, before, _planned(erasure, before))
        for before in changed:
            _write_redacted(erasure, before, keep[before.path])
        after = _record_tables(erasure, changed)
    return {
        "removed": {path: int((~kept).sum()) for path, kept in keep.items()},
        "after": [plain(version) for version in after],
    }


def _planned(erasure: Erasure, before: DataVersion) -> Path:
    """The file of a planned version; raises ParentMoved when another erasure purged it since."""
    try:
        return erasure.workspace.data.fetch(before)
    except NotFound as error:
        raise ParentMoved(f"{before.path} was purged since the erasure was planned; it will be planned again") from error


def _keep(erasure: Erasure, before: DataVersion) -> NDArray[np.bool_]:
    """(n,) true for the rows of a planned version that stay."""
    workspace = erasure.workspace
    column = workspace.person_in(before.path)
    table = tables.read(_planned(erasure, before), person=column, named=before.path)
    return ~people_in(workspace, table, column).mask(erasure.plan.tokens)


def _write_redacted(erasure: Erasure, before: DataVersion, keep: NDArray[np.bool_]) -> None:
    """Replace the file in the workspace, or the parts of a folder that change, unless someone else changed it meanwhile."""
    workspace, out = erasure.workspace, erasure.workspace.path(before.path)
    with spool.spooled(workspace.path(".unlearning/tmp")) as folder:
        draft = folder / out.name
        tables.redact(_planned(erasure, before), draft, keep, named=before.path)
        if not table_parts.put_in_place(draft, out, before=_planned(erasure, before)):
            raise ParentMoved(f"{before.path} changed since the erasure was planned; it will be planned again")


def _record_tables(erasure: Erasure, changed: Sequence[DataVersion]) -> list[DataVersion]:
    workspace, versioning = erasure.workspace, erasure.workspace.settings.versioning
    paths = [before.path for before in changed]
    if paths:
        workspace.data.record(paths)
        if versioning.commit:
            workspace.data.commit(f"Redact data for {erasure.erasure_id}", paths)
        if versioning.push:
            workspace.data.push(paths, remote=versioning.remote)
    after = [current_version(workspace, before.path) for before in erasure.plan.before]
    for before, version in zip(erasure.plan.before, after, strict=True):
        index_table(workspace, version, workspace.path(version.path), parent=before.digest)
    return after


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


def validate_step(erasure: Erasure, trained: Trained, replay: training.Replay | None = None) -> Mapping[str, Any]:
    """6: judge the new data and the candidate; says whether it may be promoted and, if not, why."""

    def body() -> Mapping[str, Any]:
        _check_unmoved(erasure)
        results = (
            *validation.data_checks(erasure, erasure.workspace.settings.data.tables),
            *validation.model_checks(
                erasure.workspace, trained, forget=erasure.forget, parent=erasure.parent.trained, replay=replay
            ),
        )
        blocking = validation.blocking(results, trained)
        return {
            "method": trained.method,
            "passed": not blocking,
            "blocking": [result.name for result in blocking],
            "checks": [{**plain(result), "passed": result.passed} for result in results],
            "metrics": validation.metrics(results),
            "replay": plain(replay) if replay else None,
        }

    return erasure.once("CandidateValidated", body, method=trained.method)


def refuse(erasure: Erasure, report: Mapping[str, Any]) -> ValidationRefused:
    """No method of the ladder passed: the requests stay open, the alias does what the policy says; the error to raise."""
    settings = erasure.workspace.settings
    if settings.policy.on_failure == "withdraw":
        erasure.workspace.models.withdraw_alias(settings.model, settings.alias)
    forbade = [check for check in report["checks"] if check["name"] in report["blocking"]]
    reason = "; ".join(f"{one['name']} is {_measured(one)}, expected {one['threshold']}" for one in forbade)
    _record_refusal(erasure, reason, alias=settings.policy.on_failure)
    where = "withdrawn" if settings.policy.on_failure == "withdraw" else "where it was"
    return ValidationRefused(
        f"{erasure.erasure_id}: no method of {', '.join(erasure.plan.methods)} passed the checks ({reason}); "
        f"the requests stay open and alias {settings.alias!r} is {where}. "
        "Look at `unlearn status`, correct data, recipe or thresholds, then run `unlearn erase` again"
    )


def _measured(check: Mapping[str, Any]) -> str:
    """A check's value, with its sampling error where it has one: it shows when a threshold is finer than the holdout."""
    error = check["details"].get("standard_error")
    return f"{check['value']:.4g} ± {error:.2g} (standard error)" if error else str(check["value"])


def _record_refusal(erasure: Erasure, reason: str, *, alias: str) -> None:
    """This attempt is over; the next run decides everything again."""
    body = {"reason": reason, "alias": alias}
    erasure.workspace.ledger.append("ErasureRefused", erasure.erasure_id, body, at=erasure.now())


# --- 7 promote -------------------------------------------------------------------------------------------------------


def promote_step(erasure: Erasure, trained: Trained, metrics: Mapping[str, float]) -> Mapping[str, Any]:
    """7: register the candidate and move the alias to it, unless alias or data moved meanwhile (ParentMoved)."""
    workspace, plan = erasure.workspace, erasure.plan
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
    workspace = erasure.workspace
    record = registration.register(
        workspace,
        trained,
        erasure.retain,
        data=current_version(workspace, erasure.plan.train),
        metrics=metrics,
        suppressed_upto=erasure.plan.suppressed_upto,
        parent=erasure.plan.parent,
        erasure_id=erasure.erasure_id,
    )
    return {
        "version": record.model.version,
        "run_id": record.run_id,
        "files_digest": workspace.models.files_digest(record.model),
    }


def _move_alias(erasure: Erasure, new: ModelVersion, *, expected: ModelVersion | None) -> Mapping[str, Any]:
    workspace, plan = erasure.workspace, erasure.plan
    workspace.models.move_alias(plan.model, plan.alias, expected=expected, to=new)
    workspace.models.tag(plan.parent, {"unlearning.superseded_by": str(new)})
    served = workspace.models.files_digest(workspace.models.behind(plan.model, plan.alias))
    return {"alias": plan.alias, "from": plan.parent.version, "to": new.version, "served_digest": served}


def settle_step(erasure: Erasure) -> list[str]:
    """After promotion: the reports of the DVC stages and `dvc.lock` say what is true now, as `dvc repro` would leave them."""
    workspace = erasure.workspace
    changed = stages.refresh(workspace)
    if changed and workspace.settings.versioning.commit:
        workspace.data.commit(f"Record {erasure.erasure_id}", changed)
    return changed


# --- 8 purge, 9 certify ----------------------------------------------------------------------------------------------


def purge_step(erasure: Erasure) -> Mapping[str, Any]:
    """8: delete what holds the people and can be deleted; what is left is listed, never left out. No way back from here."""

    def body() -> Mapping[str, Any]:
        holds.require_free(erasure.erasure_id, erasure.requests)
        _check_served(erasure)
        return purging.purge(erasure)

    with erasure.workspace.ledger.exclusive(holds.LOCK):
        return erasure.once("Purged", body)


def _check_served(erasure: Erasure) -> None:
    """No version that holds the people may serve while it is deleted: what this erasure promoted serves instead.

    Raises ParentMoved when it promoted nothing because only data was redacted.
    """
    workspace, plan = erasure.workspace, erasure.plan
    behind = workspace.models.alias(plan.model, plan.alias)
    if behind not in {record.model for record, _ in shaped_records(workspace, erasure.before)}:
        return
    if not plan.retrain_model:
        raise ParentMoved(f"{behind} came behind alias {plan.alias!r} and holds the people; it will be planned again")
    clean = workspace.models.version(plan.model, erasure.body("AliasMoved")["to"]).model
    workspace.models.move_alias(plan.model, plan.alias, expected=behind, to=clean)


def certify_step(erasure: Erasure) -> Mapping[str, Any]:
    """9: sign what was done and measured; people of whom no record was found get a certificate that says so."""
    certifying.issue_not_found(erasure)
    return erasure.once("CertificateIssued", lambda: certifying.issue(erasure))
