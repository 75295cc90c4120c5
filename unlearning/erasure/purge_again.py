"""Purging later: erasures whose purge is still open, what was out of reach then, what came back since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unlearning.domain import lifecycle
from unlearning.domain.clocks import Clock, utc_now
from unlearning.domain.entities import ErasureRequest, plain
from unlearning.domain.errors import WrongUse
from unlearning.domain.traces import Residual
from unlearning.erasure.erasure import Erasure
from unlearning.erasure.steps import certify
from unlearning.erasure.steps.purge import purge_step
from unlearning.project.requests import chosen
from unlearning.traces import deletion, within_reach
from unlearning.traces.within_reach import Reach

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace


def preview(workspace: Workspace, requests: Sequence[str], *, derived: bool = False) -> dict[str, Any]:
    """What a purge would delete now, by place; changes nothing. Raises WrongUse, NotFound, Unavailable."""
    free, kept = _without_held(workspace, _purgeable(workspace, requests))
    found = deletion.traces_from(deletion.find(Reach(workspace), _tokens(free), derived=derived))
    going = [{"place": place, "count": len(traces), "names": [t.name for t in traces]} for place, traces in found.items()]
    return {"dry_run": True, "would_go": going, "went": [], "residuals": kept, "certificates": []}


def purge(workspace: Workspace, requests: Sequence[str], *, derived: bool = False, clock: Clock = utc_now) -> dict[str, Any]:
    """Finish open purges, search and delete once more, and renew the certificates of what had residuals.

    derived: also delete what stages made from their data and nobody can read; `dvc repro` makes it again.
    Raises WrongUse for a request that is not erased yet, NotFound, Unavailable: run again when the place answers.
    """
    people = _purgeable(workspace, requests)
    went: list[Mapping[str, Any]] = []
    certificates = []
    for erasure_id in dict.fromkeys(one.erasure_id for one in people if one.erasure_id and one.state == "purging"):
        erasure = Erasure(workspace, erasure_id, clock)
        with workspace.ledger.exclusive(erasure_id):
            went += purge_step(erasure)["removed"]
            certificates.append(certify.certify_step(erasure)["path"])
    free, kept = _without_held(workspace, people)
    done = deletion.again(workspace, _tokens(free), derived=derived)
    for erasure_id in dict.fromkeys(one.erasure_id for one in people if one.erasure_id and _left_something(one)):
        erasure = Erasure(workspace, erasure_id, clock)
        with workspace.ledger.exclusive(erasure_id):
            workspace.ledger.append("PurgedAgain", erasure_id, done, at=erasure.now())
            certificates.append(_renew(erasure)["path"])
    return {
        "dry_run": False,
        "would_go": [],
        "went": [*went, *done["removed"]],
        "residuals": [*done["residuals"], *kept],
        "certificates": certificates,
    }


def _renew(erasure: Erasure) -> Mapping[str, Any]:
    body = certify.issue(erasure)
    erasure.workspace.ledger.append("CertificateIssued", erasure.erasure_id, body, at=erasure.now())
    return body


def _purgeable(workspace: Workspace, requests: Sequence[str]) -> list[ErasureRequest]:
    """The named requests, or all whose erasure reached its purge."""
    if not requests:
        everyone = lifecycle.fold(workspace.ledger.events()).values()
        return [one for one in everyone if one.state in within_reach.PURGED]
    named = chosen(workspace, requests)
    if early := [one for one in named if one.state not in within_reach.PURGED]:
        listed = ", ".join(f"{one.request_id} ({one.state})" for one in early)
        raise WrongUse(f"{listed}: not erased yet, so the data is still in use; run `unlearn erase` first")
    return named


def _without_held(workspace: Workspace, people: Sequence[ErasureRequest]) -> tuple[list[ErasureRequest], list[dict[str, Any]]]:
    """Those whose data may go, and what is said of the others: they came back, and their new request is on hold."""
    held = {one.token for one in lifecycle.fold(workspace.ledger.events()).values() if one.state == "on_hold"}
    kept = {one.token for one in people} & held
    said = Residual(
        place="people with a legal hold",
        level="logical",
        outcome="residual",
        count=len(kept),
        why="they were erased and came back, and their new request is on hold: nothing of theirs is deleted until its release",
        remedy="`unlearn release` their requests, then `unlearn erase`",
    )
    return [one for one in people if one.token not in held], [plain(said)] if kept else []


def _left_something(request: ErasureRequest) -> bool:
    return request.state == "completed_with_residuals"


def _tokens(requests: Sequence[ErasureRequest]) -> frozenset[str]:
    return frozenset(one.token for one in requests)
