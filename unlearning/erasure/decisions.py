"""Decisions of people about a request: approval, legal hold and release, exemption, cancellation, a longer deadline.

A hold on a request blocks the purge and what follows, never the suppression: the person stays out of every training and every
new version while what the law wants kept is kept. A hold on data sets keeps the old versions of those alone: everything else is
purged, and the certificate lists what was kept. Reasons are written by people, into ledger and certificate: they name nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, TypeVar

from unlearning.certificate.facts import Extension, Hold, Recipient
from unlearning.domain import clocks, hashing, lifecycle
from unlearning.domain.codec import BESIDE, LEFT_OUT
from unlearning.domain.entities import ErasureRequest
from unlearning.domain.errors import AwaitsApproval, OnHold, Refused, WrongUse
from unlearning.domain.events import (
    ApprovalRequested,
    DataRedacted,
    ErasureQueued,
    ErasureRefused,
    ErasureStarted,
    ImpactAssessed,
    ModelRefused,
    Purged,
    RecipientAcknowledged,
    RecipientTold,
    RequestCancelled,
    RequestExempted,
    RequestExtended,
    RequestFact,
    RequestHeld,
    RequestReleased,
    SubjectReadmitted,
    TracesFound,
)
from unlearning.domain.planning.batch import Gathering
from unlearning.domain.traces import Residual
from unlearning.erasure import left, pace, plans, recipients, unnamed
from unlearning.erasure.erasure import Erasure
from unlearning.erasure.recipients import Received
from unlearning.erasure.steps import receive
from unlearning.lineage.history import Past
from unlearning.project import callbacks, requests
from unlearning.project.callbacks import Called
from unlearning.project.settings import Approval
from unlearning.stores.git import plumbing

if TYPE_CHECKING:
    from unlearning.erasure.plans import Planned
    from unlearning.project.workspace import Workspace

D = TypeVar("D", Hold, Extension)

LOCK = "decisions"
"""Held by whoever decides about a request, and by the steps that a decision must not overtake: redaction and purge."""

EXPIRED = "its last day has passed"
"""Reason of the release of a hold that expired."""

Check = Callable[[ErasureRequest], None]
"""Raises Refused, in words, for a request that cannot be decided so; the ledger refuses what slips through."""


def hold(
    workspace: Workspace,
    request_id: str,
    *,
    reason: str,
    now: datetime,
    until: date | None = None,
    scope: str | None = None,
    data: Collection[str] = (),
) -> ErasureRequest:
    """Put a legal hold on a request: its erasure stops before the purge. Raises Refused once the purge has begun.

    until: the last day of the hold, UTC; without one it lasts until it is released. scope: in words, what must be kept, for the
    record. data: paths that DVC tracks or ever tracked, files or folders; then the erasure goes on to its end, and only the
    objects of these stay, with the person's rows. Raises WrongUse for a path that no revision knows.
    """
    ends = None if until is None else datetime.combine(until + timedelta(days=1), time(), UTC)
    if ends is not None and ends <= now:
        raise WrongUse(f"the hold would end on {until}, which has passed; expected today or a later day")
    paths = sorted({path.strip("/") for path in data})
    held = RequestHeld(reason=_said(reason), until=ends, scope=scope, data=tuple(paths))

    def check(request: ErasureRequest) -> None:
        _check_tracked(workspace, paths)
        if request_id in workspace.ledger.standing.held().holds:
            raise OnHold(f"{request_id} is on hold already; `unlearn release {request_id}` ends the hold")
        if request.state in lifecycle.ENDED or _purging(workspace, request.erasure_id):
            raise Refused(f"{request_id} cannot be held: its purge has begun or is over, so there is nothing left to keep")

    return _decide(workspace, request_id, held, now=now, check=check)


def release(workspace: Workspace, request_id: str, *, now: datetime, reason: str = "released") -> ErasureRequest:
    """End the hold of a request. Raises OnHold when there is none.

    The next `unlearn erase` goes on where it stopped; what a hold on data sets kept of a finished erasure goes with the next
    `unlearn purge`.
    """

    def check(_request: ErasureRequest) -> None:
        if request_id not in workspace.ledger.standing.held().holds:
            raise OnHold(f"{request_id} is not on hold; `unlearn status` lists the requests that are")

    return _decide(workspace, request_id, RequestReleased(reason=_said(reason)), now=now, check=check)


def exempt(workspace: Workspace, request_id: str, *, reason: str, now: datetime) -> ErasureRequest:
    """Refuse a request because the law exempts the data; the person is trained on again. Raises Refused after redaction."""
    exempted = RequestExempted(reason=_said(reason))
    return _decide(workspace, request_id, exempted, now=now, check=_not_redacted(workspace))


def cancel(workspace: Workspace, request_id: str, *, now: datetime, reason: str = "withdrawn") -> ErasureRequest:
    """Withdraw a request until redaction begins; the person is trained on again. Raises Refused after that."""
    cancelled = RequestCancelled(reason=_said(reason))
    return _decide(workspace, request_id, cancelled, now=now, check=_not_redacted(workspace))


def extend(workspace: Workspace, request_id: str, *, reason: str, now: datetime) -> ErasureRequest:
    """Give a request the longer deadline of its law, once and while the first has not passed. Raises Refused, WrongUse."""
    known = _request(workspace, request_id)
    due = clocks.extended_due_at(known.received_at, known.regulation)
    if due is None:
        raise WrongUse(f"{request_id} is under regulation {known.regulation!r}, which sets no deadline that could be extended")

    def check(request: ErasureRequest) -> None:
        if workspace.ledger.of(RequestExtended, subject=request_id):
            raise Refused(f"the deadline of {request_id} was extended before; the law lets it be once")
        if request.due_at is not None and request.due_at < now:
            raise Refused(f"{request_id} was due on {request.due_at:%Y-%m-%d}; only a deadline still to come can be extended")

    return _decide(workspace, request_id, RequestExtended(reason=_said(reason), due_at=due), now=now, check=check)


def approve(
    workspace: Workspace, request_id: str, *, by: str, now: datetime, plan: str | None = None, access: str | None = None
) -> ErasureRequest:
    """Let the planned erasure of a request begin, with all requests of its batch. Raises Refused unless it waits for that.

    by: who approves, in words, for ledger and certificate. plan: the digest of the plan that was shown; Refused when the
    present one is another. access: the key that it is approved with.
    """
    known = _request(workspace, request_id)
    batch = workspace.ledger.standing.of_erasure(known.erasure_id) if known.erasure_id else [known]
    for each in batch:
        _require_unnamed(workspace, each, by)
    with workspace.ledger.exclusive(LOCK):
        state = _request(workspace, request_id).state
        if state != "awaiting_approval" or known.erasure_id is None:
            raise Refused(f"{request_id} is {state}; only a planned erasure that awaits approval can be approved")
        present = plans.digest_of(Erasure(workspace, known.erasure_id))
        if plan is not None and plan != present:
            raise Refused(
                f"{request_id} waits with plan {present}, and another one was to be approved; look at this one, then "
                f"`unlearn approve {request_id} --by NAME --plan DIGEST`"
            )
        queued = ErasureQueued(approved_by=_said(by), plan=present, access=access)
        workspace.ledger.append(known.erasure_id, queued, at=now)
    return _request(workspace, request_id)


def approve_plan(workspace: Workspace, digest: str, *, by: str, now: datetime, access: str | None = None) -> Planned:
    """Approve the plan of this digest; one that was approved before stays as it was.

    Raises NotFound for an unknown one, Refused for one that is stale or that waits for no approval.
    """
    erasure = plans.named(workspace, digest)
    waiting = [one.request_id for one in erasure.requests if one.state == "awaiting_approval"]
    if plans.approval(erasure) is None:
        if not waiting:
            states = ", ".join(sorted({one.state for one in erasure.requests}))
            raise Refused(f"{erasure.erasure_id} waits for no approval: its requests are {states}")
        approve(workspace, waiting[0], by=by, now=now, plan=digest, access=access)
    return plans.planned(Erasure(workspace, erasure.erasure_id))


def require_approved(erasure: Erasure) -> None:
    """Raises AwaitsApproval until somebody approved the plan, where `policy.approval` asks for it and nothing is redacted yet.

    A plan that is made anew, because data or alias moved, is approved anew. What the thresholds of the policy let begin is
    recorded as that.
    """
    workspace, wanted = erasure.workspace, erasure.workspace.settings.policy.approval
    if not wanted or plans.approval(erasure) or erasure.progress.done(DataRedacted):
        return
    if isinstance(wanted, Approval) and not plans.asks(erasure):
        found, below = plans.measured(erasure), wanted.thresholds
        queued = ErasureQueued(plan=plans.digest_of(erasure), below=below, measured={name: found[name] for name in below})
        workspace.ledger.append(erasure.erasure_id, queued, at=erasure.now())
        return
    erasure.once(ApprovalRequested, ApprovalRequested)
    impact, [first, *_] = erasure.done(ImpactAssessed).impact, erasure.started.requests
    raise AwaitsApproval(
        f"{erasure.erasure_id} is planned and waits: {len(erasure.plan.tokens)} people, {impact.records} records, "
        f"{len(impact.model_versions)} model versions, plan {plans.digest_of(erasure)}. Look with `unlearn impact --request "
        f"{first}`, then `unlearn approve {first} --by NAME` and `unlearn erase`"
    )


def tell(workspace: Workspace, request_id: str, *, recipient: str, now: datetime) -> ErasureRequest:
    """Record that somebody who received the person's data was told to erase it (GDPR Art. 19).

    The certificate states those who were told before it. Raises Refused for a request that ended without an erasure.
    """
    return _decide(workspace, request_id, RecipientTold(recipient=_said(recipient)), now=now, check=_not_without_erasure)


def acknowledge(workspace: Workspace, request_id: str, *, recipient: str, now: datetime) -> ErasureRequest:
    """Record that a recipient said that the data is erased there. Raises WrongUse for somebody who was not told."""

    def check(request: ErasureRequest) -> None:
        _not_without_erasure(request)
        names = [one.name for one in told(workspace, [request_id])]
        if recipient.strip() not in names:
            raise WrongUse(
                f"{request_id}: nobody of that name was told; expected one of {', '.join(dict.fromkeys(names)) or 'none yet'}. "
                "`unlearn told REQUEST --recipient NAME` records that somebody was"
            )

    return _decide(workspace, request_id, RecipientAcknowledged(recipient=_said(recipient)), now=now, check=check)


def _not_without_erasure(request: ErasureRequest) -> None:
    if request.state in lifecycle.LEFT:
        raise Refused(f"{request.request_id} is {request.state}: nothing was erased that a recipient would have to erase too")


@dataclass(frozen=True)
class LetIn:
    """What a readmission decides, or would."""

    dry_run: bool
    requests: Sequence[str]
    """Those whose erasure keeps their person out no longer."""
    people: int
    already: int
    """People who were let in before."""


def readmit(
    workspace: Workspace,
    identifiers: Sequence[str] = (),
    request_ids: Sequence[str] = (),
    *,
    reason: str,
    now: datetime,
    dry_run: bool = False,
) -> LetIn:
    """Let erased people into data and models again from now on; what is of before stays erased. Twice is once.

    Raises WrongUse when one of them was never erased, Refused while a request of theirs is open: then nothing is recorded.
    """
    asked = receive.known_as(workspace, identifiers) if identifiers else []
    tokens = [hashing.keyed(key, asked) for key in (workspace.keys.index, workspace.keys.suppression)]
    with workspace.ledger.exclusive(LOCK):
        standing = workspace.ledger.standing
        people = {(index.hex(), hidden.hex()) for index, hidden in zip(*tokens, strict=True)}
        by_id = requests.chosen(workspace, request_ids) if request_ids else []
        people |= {(one.request.token, one.hidden) for one in standing.groups({one.group for one in by_id}).values()}
        found = {person: standing.person(*person) for person in sorted(people)}
        # Under a key that was rotated one person has several tokens, and the same requests.
        theirs = {tuple(one.request.request_id for one in each) or person: each for person, each in found.items()}.values()
        _require_erased(workspace, [[one.request for one in each] for each in theirs])
        due = [[one.request for one in each if one.stays_away] for each in theirs]
        erased = [one for each in due for one in each]
        for one in erased:
            _require_unnamed(workspace, one, reason)
        fact = SubjectReadmitted(reason=_said(reason), tips=tuple(plumbing.tips(workspace.data.git)))
        if not dry_run:
            workspace.ledger.append_all([(one.request_id, fact) for one in erased], at=now)
    named, already = tuple(one.request_id for one in erased), sum(not each for each in due)
    return LetIn(dry_run=dry_run, requests=named, people=len(due) - already, already=already)


def _require_erased(workspace: Workspace, people: Collection[Sequence[ErasureRequest]]) -> None:
    still = [one for each in people for one in each if one.state not in lifecycle.ENDED]
    if still:
        names = ", ".join(sorted(one.request_id for one in still))
        raise Refused(
            f"{names}: still open; let `unlearn erase` finish it, or withdraw it with `unlearn cancel REQUEST`; then readmit "
            "the person"
        )
    never = sum(not any(one.state in lifecycle.ERASED for one in each) for each in people)
    # Of several identifiers of one person, the data may have had some only.
    if never and (workspace.settings.subject.aliases is None or never == len(people)):
        raise WrongUse(
            f"{never} of these {len(people)} people were never erased, so nothing keeps them out and nothing was recorded; "
            "name those whom `unlearn watch` or `unlearn status` shows"
        )


def told(workspace: Workspace, request_ids: Iterable[str]) -> tuple[Recipient, ...]:
    """Who was told about these requests, as a certificate states them."""
    events = workspace.ledger.of(RecipientTold, subjects=request_ids)
    return tuple(Recipient(event.fact.recipient, event.at) for event in events)


def expire(workspace: Workspace, *, now: datetime) -> list[str]:
    """Release every hold whose last day has passed; the requests that go on."""
    held = workspace.ledger.standing.held().holds
    over = [name for name, hold in held.items() if hold.until is not None and hold.until <= now]
    for name in over:
        release(workspace, name, now=now, reason=EXPIRED)
    return over


def require_free(erasure_id: str, requests: Iterable[ErasureRequest]) -> None:
    """Raises OnHold when a legal hold is on one of these requests."""
    if held := [request.request_id for request in requests if request.state == "on_hold"]:
        raise OnHold(
            f"{erasure_id} stops before the purge: a legal hold is on {', '.join(held)}. The data and the model that serve are "
            "clean; nothing else is deleted until `unlearn release REQUEST`, then `unlearn erase` goes on"
        )


def on_record(workspace: Workspace, request_ids: Iterable[str]) -> tuple[tuple[Hold, ...], tuple[Extension, ...]]:
    """The holds and extensions of these requests, as a certificate states them."""
    made, extensions = dict[str, list[Hold]](), []
    for event in workspace.ledger.events(subjects=request_ids, kinds=(RequestHeld, RequestReleased, RequestExtended)):
        holds = made.setdefault(event.subject, [])
        match event.fact:
            case RequestHeld() as held:
                holds.append(
                    Hold(
                        request_id=event.subject,
                        held_at=event.at,
                        reason=held.reason,
                        scope=held.scope,
                        data=held.data,
                        until=held.until,
                    )
                )
            case RequestReleased(reason=reason) if holds:
                holds[-1] = holds[-1].ended(event.at, reason)
            case RequestExtended(due_at=due_at, reason=reason):
                extensions.append(Extension(event.subject, event.at, due_at, reason))
    return tuple(one for holds in made.values() for one in holds), tuple(extensions)


@dataclass(frozen=True)
class Shown:
    """A request with what was decided about it, as `unlearn status` answers."""

    request: ErasureRequest = field(metadata=BESIDE)
    overdue: bool
    holds: tuple[Hold, ...]
    extension: Extension | None
    residuals: tuple[Residual, ...] = ()
    """What is left or unverified of a request that ended so, as its certificate counts it."""
    readmitted: lifecycle.Readmission | None = field(default=None, metadata=LEFT_OUT)
    """The decision that the person may be in data and models again."""
    must_start_by: datetime | None = None
    """When the erasure must begin to be done by the deadline; None without one, and once it has ended."""
    must_start: bool = False
    """That moment has come, and no data is redacted yet."""
    plan: str | None = field(default=None, metadata=LEFT_OUT)
    """Digest of the present plan of its erasure, until the data is redacted."""
    batch: Gathering | None = field(default=None, metadata=LEFT_OUT)
    """What it waits with, by `policy.batch`, for its erasure to begin."""
    waits_for: tuple[ModelRefused, ...] = field(default=(), metadata=LEFT_OUT)
    """The models that were refused, where the others serve without the person already."""
    callbacks: tuple[Called, ...] = field(default=(), metadata=LEFT_OUT)
    """Whom its states are told to, and how that goes."""
    recipients: tuple[Received, ...] = field(default=(), metadata=LEFT_OUT)
    """Who received the data: told or to be told, and whether they acknowledged it."""


def shown(workspace: Workspace, requests: Sequence[ErasureRequest], *, now: datetime) -> list[Shown]:
    """These requests, each with the holds and the extension of its group."""
    groups = workspace.ledger.standing.groups({one.group for one in requests})
    late = {one.request_id for one in lifecycle.overdue({one.request_id: one for one in requests}, now)}
    on_hold, extensions = on_record(workspace, groups)
    held, extended = _by_request(on_hold), _by_request(extensions)
    takes = pace.takes(workspace) if any(one.due_at and one.state not in lifecycle.ENDED for one in requests) else None
    begin = {one.request_id: pace.must_start_by(workspace, one, takes) for one in requests} if takes is not None else {}
    planned = plans.digests(workspace, requests)
    batch = pace.gathering(workspace, now) if any(map(pace.gathers, requests)) else None
    called = callbacks.of(workspace, {one.request_id for one in requests})
    received = recipients.of(workspace, requests)
    residuals = left.listed(workspace, [one for one in requests if one.state in ("completed_with_residuals", "not_found")])
    return [
        Shown(
            request=one,
            overdue=one.request_id in late,
            holds=tuple(held.get(one.group, ())),
            extension=next(iter(extended.get(one.group, ())), None),
            residuals=residuals.get(one.request_id, ()),
            readmitted=groups[one.group].readmitted,
            must_start_by=begin.get(one.request_id),
            must_start=pace.is_due(begin.get(one.request_id), groups[one.group], now),
            plan=planned.get(one.request_id),
            batch=batch if pace.gathers(one) else None,
            waits_for=_refused(workspace, one),
            callbacks=called.get(one.request_id, ()),
            recipients=received.get(one.request_id, ()),
        )
        for one in requests
    ]


def _refused(workspace: Workspace, request: ErasureRequest) -> tuple[ModelRefused, ...]:
    """Of which models no clean version came, while the request is open for them."""
    if request.state != "failed" or request.erasure_id is None:
        return ()
    last = workspace.ledger.of(ErasureRefused, subject=request.erasure_id)[-1:]
    return last[0].fact.models if last else ()


def _by_request(found: Iterable[D]) -> dict[str, list[D]]:
    made: dict[str, list[D]] = {}
    for one in found:
        made.setdefault(one.request_id, []).append(one)
    return made


def _decide(workspace: Workspace, request_id: str, made: RequestFact, *, now: datetime, check: Check) -> ErasureRequest:
    """Append the decision, unless the check or the life of the request forbids it, or its words name the person."""
    _require_unnamed(workspace, _request(workspace, request_id), _words(made))
    with workspace.ledger.exclusive(LOCK):
        check(_request(workspace, request_id))
        workspace.ledger.append(request_id, made, at=now)
    return _request(workspace, request_id)


def _request(workspace: Workspace, request_id: str) -> ErasureRequest:
    """The request; raises WrongUse for a duplicate, whose group decides."""
    [known] = requests.chosen(workspace, [request_id])
    if known.group != request_id:
        raise WrongUse(f"{request_id} joined the first request of its person; decide about that one, {known.group}")
    return known


def _require_unnamed(workspace: Workspace, request: ErasureRequest, words: str) -> None:
    """Raises WrongUse, without repeating it, when the words name the person or anybody else who is known here."""
    unnamed.require_unnamed(workspace, words, {request.token})


def _not_redacted(workspace: Workspace) -> Check:
    def check(request: ErasureRequest) -> None:
        redacted = request.erasure_id is not None and workspace.ledger.of(DataRedacted, subject=request.erasure_id)
        if request.state in lifecycle.ENDED or redacted:
            raise Refused(f"{request.request_id} is {request.state}: once its data is redacted it can only be finished")

    return check


def _purging(workspace: Workspace, erasure_id: str | None) -> bool:
    """The purge of the current attempt of an erasure has begun."""
    began = False
    for event in workspace.ledger.events(subject=erasure_id) if erasure_id else ():
        began = isinstance(event.fact, (TracesFound, Purged)) or (began and not isinstance(event.fact, ErasureStarted))
    return began


def _check_tracked(workspace: Workspace, paths: Collection[str]) -> None:
    history = Past.of(workspace) if paths else None
    if history and (unknown := [path for path in paths if not history.under(path)]):
        raise WrongUse(
            f"{', '.join(unknown)}: no revision tracks this with DVC, so a hold would keep nothing; "
            "expected a path as `dvc list . --dvc-only -R` shows it"
        )


def _words(made: RequestFact) -> str:
    """Whatever people wrote in a decision."""
    match made:
        case RequestHeld(reason=reason, scope=scope, data=data):
            return " ".join([reason, scope or "", *(part for path in data for part in path.split("/"))])
        case RecipientTold(recipient=recipient) | RecipientAcknowledged(recipient=recipient):
            return recipient
        case RequestReleased() | RequestExempted() | RequestCancelled() | RequestExtended():
            return made.reason
    return ""


def _said(words: str) -> str:
    if not words.strip():
        raise WrongUse("the words are empty; say in a few words why or who, without naming the person")
    return words.strip()
