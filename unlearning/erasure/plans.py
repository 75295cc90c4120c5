"""Plans as people are shown and approve them: named by a digest, with price and impact, and naming nobody.

The digest is that of the event that records the plan, as certificates state it (`planDigest`): it commits to the people, by
their keyed tokens, to the tables and versions that are started from, and to the methods. A plan made anew has another one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from unlearning.domain import hashing
from unlearning.domain.codec import LEFT_OUT
from unlearning.domain.entities import ErasureRequest, ShapedVersion
from unlearning.domain.errors import NotFound, Refused
from unlearning.domain.events import (
    DataRedacted,
    ErasureQueued,
    ErasureRefused,
    ErasureStarted,
    Event,
    ImpactAssessed,
    PlanMade,
)
from unlearning.domain.planning.cost import Estimate
from unlearning.domain.planning.plan import OwnPlan
from unlearning.erasure import report
from unlearning.erasure.erasure import Erasure
from unlearning.lineage.named import NamedData
from unlearning.project.settings import Approval

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace

_DIGEST = re.compile("[0-9a-f]{64}")
_PLANNED = ("planned", "awaiting_approval", "queued", "on_hold")
"""Requests are shown so whose erasure is planned and may still wait."""


@dataclass(frozen=True)
class Planned:
    """What an erasure is going to do, what it touches and what it may cost."""

    plan: str
    """Its digest."""
    erasure_id: str
    planned_at: datetime
    requests: Sequence[str]
    people: int
    records: int
    tables: Sequence[NamedData]
    """That are redacted, as they are before."""
    data_versions: Sequence[NamedData]
    """All that hold the people."""
    model_versions: Sequence[ShapedVersion]
    own: Sequence[OwnPlan]
    """What becomes of each model that the project trains itself: its parent, and the methods in their order."""
    adopted: Sequence[str]
    """Models that their own stages make again."""
    checkpoints_stale: int
    shards: int
    """Trained again, of the first own model."""
    shards_total: int
    estimate: Estimate
    """By former erasures; how well a new version will do is not known before it is trained and checked."""
    asks: bool
    """The policy wants a person to approve it."""
    waits: bool
    """It is asked for and not given."""
    approved_by: str | None
    approved_at: datetime | None
    below: Mapping[str, float] | None = field(default=None, metadata=LEFT_OUT)
    """The thresholds of the policy that let it begin, and no person."""


def digest_of(erasure: Erasure) -> str | None:
    """The digest of the present plan; None without one, and once its attempt was refused."""
    made = erasure.progress.event(PlanMade)
    return None if made is None or erasure.refused else _digest(made)


def _digest(made: Event[Any]) -> str:
    return hashing.digest(made.body)


def approval(erasure: Erasure) -> Event[ErasureQueued] | None:
    """The approval of the present plan: one of another plan is none. Early approvals named no plan."""
    given = erasure.progress.event(ErasureQueued)
    return given if given is not None and given.fact.plan in (None, digest_of(erasure)) else None


def digests(workspace: Workspace, requests: Collection[ErasureRequest]) -> dict[str, str]:
    """Request → the digest of its present plan, of those that are planned and whose data is not redacted yet."""
    waiting = {one.request_id: one.erasure_id for one in requests if one.erasure_id and one.state in _PLANNED}
    found: dict[str, str] = {}
    kinds = (ErasureStarted, PlanMade, ErasureRefused, DataRedacted)
    for event in workspace.ledger.events(subjects=set(waiting.values()), kinds=kinds) if waiting else ():
        if isinstance(event.fact, PlanMade):
            found[event.subject] = _digest(event)
        else:
            found.pop(event.subject, None)
    return {name: found[erasure] for name, erasure in waiting.items() if erasure in found}


def common(workspace: Workspace, requests: Collection[ErasureRequest]) -> str | None:
    """The digest of the plan that all of these requests wait with; None where they have none in common."""
    found = digests(workspace, requests)
    return next(iter(found.values())) if len(found) == len(requests) and len(set(found.values())) == 1 else None


def named(workspace: Workspace, digest: str) -> Erasure:
    """The erasure whose present plan has this digest.

    Raises NotFound for one that no plan had, Refused for a plan that was made anew or whose attempt was refused.
    """
    _require_digest(digest)
    for erasure in (Erasure(workspace, one) for one in workspace.ledger.standing.unfinished()):
        if digest_of(erasure) == digest:
            return erasure
    if not (made := recorded(workspace, digest)):
        raise NotFound(f"no plan {digest[:12]}… was ever made here; `unlearn plan` shows what waits")
    erasure = Erasure(workspace, made[-1])
    if digest_of(erasure) != digest:
        why = "and its attempt was refused" if erasure.refused else "because data, alias or settings moved"
        raise Refused(
            f"plan {digest[:12]}… of {erasure.erasure_id} is stale: it was made anew, {why}. Look at the present one: "
            "`unlearn status --json` shows its digest"
        )
    return erasure


def recorded(workspace: Workspace, digest: str) -> list[str]:
    """The erasures that ever had this plan in the ledger. Raises NotFound for what is no digest."""
    _require_digest(digest)
    return [event.subject for event in workspace.ledger.of(PlanMade) if _digest(event) == digest]


def _require_digest(digest: str) -> None:
    if not _DIGEST.fullmatch(digest):
        raise NotFound(f"({len(digest)} characters) are no plan; expected the 64 hex digits that `unlearn plan` shows")


def planned(erasure: Erasure) -> Planned:
    """The present plan, as it is shown to whoever approves it."""
    workspace, plan, progress = erasure.workspace, erasure.plan, erasure.progress
    impact, made, given = erasure.done(ImpactAssessed).impact, progress.event(PlanMade), approval(erasure)
    if made is None:
        raise RuntimeError("a plan was asked for before it was made")
    return Planned(
        plan=_digest(made),
        erasure_id=erasure.erasure_id,
        planned_at=made.at,
        requests=erasure.started.requests,
        people=len(plan.tokens),
        records=impact.records,
        tables=[NamedData.of(one) for one in plan.before],
        data_versions=[NamedData.of(one) for one in impact.data_versions],
        model_versions=impact.model_versions,
        own=plan.owns,
        adopted=plan.adopted,
        checkpoints_stale=len(impact.checkpoints_stale),
        shards=len(impact.shards),
        shards_total=impact.shards_total,
        estimate=report.estimated(workspace, impact),
        asks=given is None and asks(erasure),
        waits=waits(erasure),
        approved_by=given.fact.approved_by if given else None,
        approved_at=given.at if given else None,
        below=given.fact.below if given else None,
    )


def waits(erasure: Erasure) -> bool:
    """Somebody of its batch waits for the approval of the present plan."""
    waiting = any(one.state == "awaiting_approval" for one in erasure.requests)
    return waiting and digest_of(erasure) is not None and approval(erasure) is None


def asks(erasure: Erasure) -> bool:
    """The policy wants a person to approve the present plan."""
    wanted = erasure.workspace.settings.policy.approval
    return above(wanted, measured(erasure)) if isinstance(wanted, Approval) else wanted


def measured(erasure: Erasure) -> dict[str, float]:
    """What the thresholds of the policy are about; without `minutes` where no erasure was measured here yet."""
    impact = erasure.done(ImpactAssessed).impact
    takes = report.estimated(erasure.workspace, impact)
    found: dict[str, float] = {"models": len(erasure.plan.turns), "records": impact.records}
    return {**found, "minutes": round(takes.wall_s / 60, 3)} if takes.former else found


def above(wanted: Approval, found: Mapping[str, float]) -> bool:
    """A plan is above a threshold, or nothing is known of what the threshold is about."""
    return any(name not in found or found[name] > most for name, most in wanted.thresholds.items())
