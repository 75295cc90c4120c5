"""Purging later: erasures whose purge is still open, what was out of reach then, what came back since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unlearning.domain.clocks import Clock, utc_now
from unlearning.domain.entities import ErasureRequest
from unlearning.domain.errors import WrongUse
from unlearning.domain.events import PurgedAgain
from unlearning.domain.lifecycle import ERASED
from unlearning.domain.traces import Removed, Residual, left
from unlearning.erasure.erasure import Erasure
from unlearning.erasure.left import certified
from unlearning.erasure.record_sets import RecordSets
from unlearning.erasure.steps import certify
from unlearning.erasure.steps.purge import purge_step
from unlearning.project.requests import chosen
from unlearning.traces import deletion
from unlearning.traces.within_reach import Reach

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace


@dataclass(frozen=True)
class Outcome:
    """What a purge did, or would do."""

    dry_run: bool
    would_go: Sequence[Removed]
    went: Sequence[Removed]
    residuals: Sequence[Residual]
    """What is left or unverified, as the certificates count it, and what this purge found besides."""
    certificates: Sequence[str | None]


def preview(workspace: Workspace, requests: Sequence[str], *, derived: bool = False) -> Outcome:
    """What a purge would delete now, by place; changes nothing. Raises WrongUse, NotFound, Unavailable."""
    free, kept = _without_held(workspace, _purgeable(workspace, requests))
    going = deletion.listed(deletion.find(Reach(workspace), _tokens(free), derived=derived, trust_index=False).traces)
    known = left(certified(workspace, _purgeable(workspace, requests)), kept)
    return Outcome(dry_run=True, would_go=going, went=[], residuals=known, certificates=[])


def purge(workspace: Workspace, requests: Sequence[str], *, derived: bool = False, clock: Clock = utc_now) -> Outcome:
    """Finish open purges, search and delete once more, and renew the certificates of what had residuals.

    derived: also delete what stages made from their data and nobody can read; `dvc repro` makes it again.
    Raises WrongUse for a request that is not erased yet, NotFound, Unavailable: run again when the place answers.
    """
    people = _purgeable(workspace, requests)
    went: list[Removed] = []
    certificates = []
    for erasure_id in dict.fromkeys(one.erasure_id for one in people if one.erasure_id and one.state == "purging"):
        erasure = Erasure(workspace, erasure_id, clock)
        with workspace.ledger.exclusive(erasure_id):
            sets = RecordSets(erasure)
            went += purge_step(erasure, sets).removed
            certificates.append(certify.certify_step(erasure).path)
    free, kept = _without_held(workspace, people)
    done = deletion.again(workspace, _tokens(free), derived=derived)
    for erasure_id in dict.fromkeys(one.erasure_id for one in people if one.erasure_id and _left_something(one)):
        erasure = Erasure(workspace, erasure_id, clock)
        with workspace.ledger.exclusive(erasure_id):
            workspace.ledger.append(erasure_id, PurgedAgain(deleted=done), at=erasure.now())
            issued = certify.issue(erasure)
            workspace.ledger.append(erasure_id, issued, at=erasure.now())
            certificates.append(issued.path)
    residuals = left(certified(workspace, _purgeable(workspace, requests)), done.residuals, kept)
    return Outcome(dry_run=False, would_go=[], went=[*went, *done.removed], residuals=residuals, certificates=certificates)


def _purgeable(workspace: Workspace, requests: Sequence[str]) -> list[ErasureRequest]:
    """The named requests, or all whose erasure reached its purge."""
    if not requests:
        return workspace.ledger.standing.in_states(ERASED)
    named = chosen(workspace, requests)
    if early := [one for one in named if one.state not in ERASED]:
        listed = ", ".join(f"{one.request_id} ({one.state})" for one in early)
        raise WrongUse(f"{listed}: not erased yet, so the data is still in use; run `unlearn erase` first")
    return named


def _without_held(workspace: Workspace, people: Sequence[ErasureRequest]) -> tuple[list[ErasureRequest], list[Residual]]:
    """Those whose data may go, and what is said of the others: they came back, and their new request is on hold."""
    theirs = workspace.ledger.standing.of_people({one.token for one in people})
    held = {one.token for one in theirs if one.state == "on_hold"}
    kept = {one.token for one in people} & held
    said = Residual(
        place="people with a legal hold",
        level="logical",
        outcome="residual",
        count=len(kept),
        why="they were erased and came back, and their new request is on hold: nothing of theirs is deleted until its release",
        remedy="`unlearn release REQUEST` for each of them, then `unlearn erase`",
    )
    return [one for one in people if one.token not in held], [said] if kept else []


def _left_something(request: ErasureRequest) -> bool:
    return request.state == "completed_with_residuals"


def _tokens(requests: Sequence[ErasureRequest]) -> frozenset[str]:
    return frozenset(one.token for one in requests)
