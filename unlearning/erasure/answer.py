"""The answer to one person: what ledger and lineage know of their request, and of nobody else's."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from unlearning.domain import answers
from unlearning.domain.entities import ErasureRequest
from unlearning.domain.events import (
    AdoptedPromoted,
    AdoptedRetrained,
    AliasMoved,
    CertificateIssued,
    DataRedacted,
    Event,
    ImpactAssessed,
    Purged,
    PurgedAgain,
    RequestCancelled,
    RequestExempted,
    SubjectNotFound,
    SubjectSuppressed,
)
from unlearning.domain.lifecycle import LEFT, Group
from unlearning.domain.versions import ModelVersion
from unlearning.erasure import decisions, recipients
from unlearning.erasure.erasure import Erasure
from unlearning.lineage.shaped import holding, shaped_by
from unlearning.project import requests
from unlearning.traces.out_of_reach import out_of_reach

if TYPE_CHECKING:
    from unlearning.domain.answers import Answer, Known
    from unlearning.domain.entities import ShapedVersion
    from unlearning.domain.versions import DataVersion
    from unlearning.project.workspace import Workspace


def answer(workspace: Workspace, request_id: str, *, now: datetime) -> Answer:
    """What the person of a request is told now, whatever has become of it. Raises NotFound for an unknown id."""
    [request] = requests.chosen(workspace, [request_id])
    settings = workspace.settings
    house = answers.House(settings.issuer, settings.answers.contact, settings.answers.complaints)
    return answers.answer(_known(workspace, request), house, now=now)


def _known(workspace: Workspace, asked: ErasureRequest) -> Known:
    group = workspace.ledger.standing.groups([asked.group])[asked.group]
    state = "on_hold" if group.on_hold else group.request.state
    held, longer = decisions.on_record(workspace, [asked.group])
    own = workspace.ledger.events(subject=asked.group)
    decided = _last(own, RequestCancelled, RequestExempted, SubjectNotFound) if state in LEFT else None
    erased = _of_erasure(workspace, group) if group.request.erasure_id and state not in LEFT else _Erased()
    searched = _last(own, CertificateIssued) if state == "not_found" else erased.certified
    received = recipients.of(workspace, [group.request]).get(group.request.request_id, ())
    suppressed = next((event.at for event in own if isinstance(event.fact, SubjectSuppressed)), None)
    return answers.Known(
        request=answers.Request(
            asked.request_id, state, asked.regulation, asked.received_at, asked.due_at, asked.reference, asked.channel
        ),
        alone=erased.alone,
        assessed=erased.assessed,
        tables=tuple(one.name for one in erased.tables),
        models=erased.models,
        perhaps=erased.perhaps,
        suppressed_at=suppressed,
        redacted_at=erased.redacted_at,
        redacted=erased.redacted,
        replaced=erased.replaced,
        refused=state == "failed",
        purged_at=erased.purged_at,
        certified_at=searched.at if searched else None,
        residuals=searched.fact.left if searched else (),
        out_of_reach=erased.out_of_reach or out_of_reach(workspace.settings),
        backups=tuple(
            answers.Copy(
                one.name, searched.at + timedelta(days=one.keeps_days) if searched and one.keeps_days is not None else None
            )
            for one in workspace.settings.backups
        ),
        decided_at=decided.at if decided else None,
        reason=getattr(decided.fact, "reason", None) if decided else None,
        holds=tuple(
            answers.Kept(
                one.held_at, one.reason, one.until, one.data, one.released_at is None and bool(group.on_hold or group.keeps)
            )
            for one in held
        ),
        longer=next((answers.Longer(one.extended_at, one.due_at, one.reason) for one in longer), None),
        recipients=tuple(answers.Told(one.name, one.told_at, one.acknowledged_at) for one in received if one.told_at),
        to_tell=tuple(one.name for one in received if one.told_at is None),
        again=answers.Again(group.readmitted.at, group.readmitted.reason) if group.readmitted else None,
    )


def _last(events: Sequence[Event[Any]], *kinds: type) -> Event[Any] | None:
    return next((event for event in reversed(events) if isinstance(event.fact, kinds)), None)


class _Erased(NamedTuple):
    """What an erasure did, as far as it is about one of its people."""

    alone: bool = True
    assessed: bool = False
    tables: tuple[DataVersion, ...] = ()
    models: tuple[str, ...] = ()
    perhaps: tuple[str, ...] = ()
    redacted_at: datetime | None = None
    redacted: tuple[str, ...] = ()
    replaced: tuple[answers.Replaced, ...] = ()
    purged_at: datetime | None = None
    out_of_reach: tuple[Any, ...] = ()
    certified: Event[Any] | None = None


def _of_erasure(workspace: Workspace, group: Group) -> _Erased:
    token, erasure = group.request.token, Erasure(workspace, group.request.erasure_id or "")
    events = erasure.events
    impacts = [made.impact for made in erasure.every(ImpactAssessed)]
    alone = all(set(one.tokens) <= {token} for one in impacts)
    known = {(one.path, one.digest) for one in holding(workspace, [token])}
    named = dict.fromkeys(one for impact in impacts for one in impact.data_versions)
    held = tuple(one for one in named if (one.path, one.digest) in known)
    redacted = erasure.every(DataRedacted)
    rewritten = {path for one in redacted for path, rows in one.removed.items() if rows}
    shaped = tuple(dict.fromkeys(one for impact in impacts for one in impact.model_versions))
    theirs, perhaps = _shaped(workspace, token, held, shaped, alone=alone)
    purged = _last(events, Purged)
    last = _last(events, PurgedAgain, Purged)
    return _Erased(
        alone=alone,
        assessed=bool(impacts),
        tables=held,
        models=theirs,
        perhaps=perhaps,
        redacted_at=next((event.at for event in events if isinstance(event.fact, DataRedacted)), None),
        redacted=tuple(sorted(rewritten & {one.path for one in held})),
        replaced=tuple(_replaced(erasure, set(theirs), alone=alone)),
        purged_at=purged.at if purged else None,
        out_of_reach=last.fact.deleted.out_of_reach if last else (),
        certified=_last(events, CertificateIssued),
    )


def _shaped(
    workspace: Workspace, token: str, held: Sequence[DataVersion], shaped: Sequence[ShapedVersion], *, alone: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of the model versions that somebody of an erasure shaped: (those that this person did, those of which nobody can say)."""
    if alone:
        return tuple(str(one.model) for one in shaped), ()
    by_data = shaped_by(workspace, {one.digest: frozenset({token}) for one in held}, deleted=None)
    theirs = {record.model for record, _ in by_data}
    told = tuple(str(one.model) for one in shaped if one.model in theirs)
    return told, tuple(str(one.model) for one in shaped if one.via and one.model not in theirs)


def _replaced(erasure: Erasure, theirs: Collection[str], *, alone: bool) -> Iterator[answers.Replaced]:
    """Versions that learned from the person and serve no more, with what serves instead."""
    for made in erasure.made:
        if str(made.old) in theirs:
            promoted = next(event.at for event in reversed(made.events) if isinstance(event.fact, AliasMoved))
            yield answers.Replaced(str(made.old), str(made.new), promoted, made.trained.trained.guarantee)
    for event in erasure.events if alone else ():
        if isinstance(event.fact, AdoptedPromoted):
            again = erasure.said(AdoptedRetrained, model=event.fact.model)
            for old in (one for one in event.fact.versions if str(one) in theirs):
                new = ModelVersion(event.fact.model, event.fact.version)
                yield answers.Replaced(str(old), str(new), event.at, again.guarantee if again else "not recorded")
