"""The nine steps of an erasure: read, decide, write, append an event.

Steps 5 to 7 make a clean version of each model: of the one that the project trains itself, if it does, in `candidate.py`, of
adopted ones in `remaking.py`. The others are here, but for step 1, which is in `receiving.py`.

Each step looks for its own event first, so a run that died anywhere goes on where it stopped, and a second run changes nothing.
Steps 4 to 7 need the old data and the old model; step 8 is the point of no return and comes after the new version serves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearning.domain import lifecycle
from unlearning.domain.entities import DataVersion, ErasureRequest, plain
from unlearning.domain.errors import NotFound, ParentMoved, WouldEmptyData
from unlearning.domain.planning import plan as planning
from unlearning.domain.planning.plan import Plan
from unlearning.erasure import decisions
from unlearning.erasure.erasure import Clock, Erasure, utc_now
from unlearning.erasure.steps import adopted, certify, purge, unlearn
from unlearning.erasure.steps.assess import assess, current_version, index_table, require_index_key
from unlearning.erasure.steps.receive import chosen
from unlearning.lineage import adoption
from unlearning.project.training import stages
from unlearning.project.training.train import people_in
from unlearning.project.workspace import Workspace
from unlearning.stores import spool
from unlearning.stores.tables import parts, tables

# --- 1 receive is in receiving.py; 2 assess, 3 plan ------------------------------------------------------------------


def has_work(workspace: Workspace, request_ids: Sequence[str]) -> bool:
    """Whether `batches` would find anything to do; changes nothing. Raises NotFound for an unknown id.

    Raises WrongUse, as `batches` does, when there is no table to erase from.
    """
    unended = _unended(workspace, request_ids)
    if unended and workspace.settings.own is None:
        adoption.check_ready(workspace)
    return bool(unended or _half_done(workspace, utc_now))


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
    if workspace.settings.own:
        unlearn.check_ready(workspace)
    else:
        adoption.check_ready(workspace)


def start(erasure: Erasure, requests: Sequence[str]) -> None:
    """Open a batch, or open it anew: steps done before this event no longer count, they are decided again."""
    ledger, own = erasure.workspace.ledger, erasure.workspace.settings.own
    body = {"requests": list(requests), **({"model": own.model, "alias": own.alias} if own else {})}
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
    """3: decide what will be done, of the own model and of adopted ones; still nothing is changed."""
    workspace = erasure.workspace

    def body() -> Mapping[str, Any]:
        found, own = erasure.found, workspace.settings.own
        made = unlearn.plan(workspace, found, withdrawn=erasure.withdrawn) if own else None
        _check_something_remains(erasure)
        return Plan(
            erasure_id=erasure.erasure_id,
            tokens=tuple(sorted(found.found)),
            before=found.current,
            suppressed_upto=workspace.ledger.head()[0],
            own=made,
            adopted=adopted.wanted(workspace, erasure.body("ImpactAssessed")["model_versions"]),
        ).body()

    return erasure.once("PlanMade", body)


def _check_something_remains(erasure: Erasure) -> None:
    """Raises WouldEmptyData when a table that trains a model would have no record left; the attempt is over then."""
    own, found = erasure.workspace.settings.own, erasure.found
    trains = {each.data.path for each in erasure.workspace.adoptions.values()} | ({own.data.train} if own else set())
    try:
        for table in (version for version in found.current if version.path in trains):
            planning.check_something_remains(table=table.path, rows=table.rows, removed=found.removed[table.path])
    except WouldEmptyData as error:
        erasure.refuse(str(error))
        raise


# --- 4 redact --------------------------------------------------------------------------------------------------------


def redact_step(erasure: Erasure) -> Mapping[str, Any]:
    """4: the tables without the people, as new DVC versions. Made from the planned versions, so that it can run again."""
    with erasure.workspace.ledger.exclusive(decisions.LOCK):

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
        if not parts.put_in_place(draft, out, before=_planned(erasure, before)):
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


# --- 5 unlearn, 6 validate, 7 promote are in candidate.py and remaking.py ----------------------------------------------


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
        decisions.require_free(erasure.erasure_id, erasure.requests)
        if erasure.plan.own:
            unlearn.check_served(erasure)
        return purge.purge(erasure)

    with erasure.workspace.ledger.exclusive(decisions.LOCK):
        return erasure.once("Purged", body)


def certify_step(erasure: Erasure) -> Mapping[str, Any]:
    """9: sign what was done and measured; people of whom no record was found get a certificate that says so."""
    certify.issue_not_found(erasure)
    return erasure.once("CertificateIssued", lambda: certify.issue(erasure))
