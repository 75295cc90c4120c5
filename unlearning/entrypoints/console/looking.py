"""What the pages show, read from ledger, lineage and registry by somebody who may only look; never who a person is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from unlearning.domain import lifecycle
from unlearning.domain.environ import CONSOLE_ROLE
from unlearning.domain.errors import SettingsError
from unlearning.domain.events import (
    AdoptedPromoted,
    AdoptedRetrained,
    AliasMoved,
    ApprovalRequested,
    CallbackAsked,
    CallbackFailed,
    CallbackTold,
    CandidateTrained,
    CandidateValidated,
    CertificateIssued,
    DataRedacted,
    ErasureQueued,
    ErasureRefused,
    ErasureStarted,
    Event,
    Fact,
    IdentityConfirmed,
    ImpactAssessed,
    ModelHealed,
    PlanMade,
    Purged,
    PurgedAgain,
    RecipientAcknowledged,
    RecipientTold,
    RequestCancelled,
    RequestExempted,
    RequestExtended,
    RequestHeld,
    RequestReceived,
    RequestReleased,
    SubjectNotFound,
    SubjectReadmitted,
    SubjectSuppressed,
    TracesFound,
    VersionRegistered,
)
from unlearning.domain.planning import batch
from unlearning.domain.spellings import said as say_nearest
from unlearning.domain.versions import ModelVersion
from unlearning.erasure import decisions, pace, plans, report
from unlearning.erasure.erasure import Erasure
from unlearning.lineage import graph, shaped
from unlearning.project import requests as known_requests
from unlearning.project.holdings import adoptions
from unlearning.stores.dvc import twin_map
from unlearning.stores.sql import database

if TYPE_CHECKING:
    from unlearning.domain.entities import CheckResult
    from unlearning.domain.versions import DataVersion
    from unlearning.erasure.decisions import Shown
    from unlearning.project.workspace import Workspace

A_PAGE = 50
"""Requests on one page."""


def for_looking(workspace: Workspace, environ: Mapping[str, str]) -> Workspace:
    """The same project through connections that may only look, opened at first use. Raises SettingsError for no role.

    environ: its CONSOLE_ROLE, `user:password`, is who reads PostgreSQL.
    """
    said = environ.get(CONSOLE_ROLE)
    user, _, password = (said or "").partition(":")
    if said is not None and not (user and password):
        raise SettingsError(f"{CONSOLE_ROLE} names no role; expected `user:password` of one that only SELECT is granted to")
    role = (user, password) if said else None
    return replace(workspace, connect=lambda url, root: database.connect_to_read(url, root, role))


# --- requests -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Overview:
    """The page that comes first."""

    counts: Mapping[str, int]
    """State → requests that are shown as this."""
    waiting: int
    """People."""
    overdue: int
    must_start: int
    shown: Sequence[Shown]
    total: int
    first: int
    state: str | None

    @property
    def before(self) -> int | None:
        """Where the page before this one begins."""
        return max(0, self.first - A_PAGE) if self.first else None

    @property
    def after(self) -> int | None:
        """Where the next page begins."""
        return self.first + A_PAGE if self.first + A_PAGE < self.total else None


def overview(workspace: Workspace, *, state: str | None, first: int, now: datetime) -> Overview:
    """A page of requests, the most urgent first, and how many wait, are late, or must begin."""
    standing = workspace.ledger.standing
    total, found = standing.page(state=state, first=first, most=A_PAGE)
    return Overview(
        counts=standing.counts_shown(),
        waiting=sum(number for name, number in standing.counts().items() if name in lifecycle.ACTIVE),
        overdue=standing.count_due(now),
        must_start=pace.count_overdue(workspace, now),
        shown=decisions.shown(workspace, found, now=now),
        total=total,
        first=first,
        state=state,
    )


def time_left(due: datetime | None, now: datetime) -> str:
    """`12 days left`, `5 hours late`."""
    if due is None:
        return "no deadline"
    span, word = (due - now, "left") if due >= now else (now - due, "late")
    days, hours = span // timedelta(days=1), span // timedelta(hours=1)
    amount, unit = (days, "day") if days >= 2 else (hours, "hour")
    return f"{amount} {unit}{'' if amount == 1 else 's'} {word}"


# --- one request ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Moment:
    """Something that happened."""

    at: datetime
    what: str
    detail: str = ""
    took_s: float | None = None


@dataclass(frozen=True)
class Plan:
    """What an erasure is going to do, and its price."""

    does: str
    touches: str
    estimate: str
    approval: str
    """Whether somebody approved it, or has to, in words."""
    digest: str | None
    """None once it is over."""
    waits: bool
    """For an approval."""


@dataclass(frozen=True)
class Journey:
    """A request from its receipt to its end."""

    shown: Shown
    waits_for: str
    """What it takes to go on, in words; empty once it has ended."""
    moments: Sequence[Moment]
    plan: Plan | None
    checks: Mapping[str, Sequence[CheckResult]]
    """Model → what its candidate was judged by."""
    models: Sequence[str]
    """Versions that are drawn: those that replaced what the person had shaped, or, before that, those they shaped."""
    others: int
    """Requests of other people in the same batch."""


def journey(workspace: Workspace, request_id: str, *, now: datetime) -> Journey:
    """Everything about one request. Raises NotFound."""
    [found] = known_requests.chosen(workspace, [request_id])
    [shown] = decisions.shown(workspace, [found], now=now)
    theirs = workspace.ledger.events(subjects={found.request_id, found.group, *filter(None, [found.erasure_id])})
    own = [event for event in theirs if not _of_another_group(event, found.group)]
    erasure = Erasure(workspace, found.erasure_id) if found.erasure_id else None
    planned = erasure.said(PlanMade) if erasure else None
    return Journey(
        shown=shown,
        waits_for=_waits_for(shown),
        moments=[moment for event in own if (moment := _moment(event)) is not None],
        plan=_plan(workspace, erasure) if erasure and planned else None,
        checks=_checks(erasure) if erasure and planned else {},
        models=_models(erasure) if erasure and planned else (),
        others=max(0, len({one.group for one in erasure.requests} - {found.group})) if erasure else 0,
    )


def _of_another_group(event: Event[Fact], group: str) -> bool:
    return isinstance(event.fact, RequestReceived) and (event.fact.group or event.subject) != group


def _plan(workspace: Workspace, erasure: Erasure) -> Plan:
    impact = erasure.done(ImpactAssessed).impact
    return Plan(
        does=report.say_plan(erasure.plan),
        touches=report.say_impact(impact),
        estimate=report.say_estimate(report.estimated(workspace, impact)),
        approval=_approval(erasure),
        digest=plans.digest_of(erasure),
        waits=plans.waits(erasure),
    )


def _approval(erasure: Erasure) -> str:
    if given := plans.approval(erasure):
        return _approved(given.fact)
    return "asked for, not given yet" if erasure.progress.done(ApprovalRequested) else "not asked for"


def _approved(queued: ErasureQueued) -> str:
    if queued.below is None:
        return f"by {queued.approved_by}"
    measured = queued.measured or {}
    return "by nobody: the policy asks no person at " + ", ".join(
        f"{measured[name]:g} of at most {most:g} {name}" for name, most in queued.below.items()
    )


def _checks(erasure: Erasure) -> dict[str, Sequence[CheckResult]]:
    judged = {event.fact.model: event.fact for event in erasure.progress.events if isinstance(event.fact, CandidateValidated)}
    adopted = {made.model: made.checks for made, _ in report.adopted_models(erasure)}
    only = erasure.plan.own.model if erasure.plan.own else ""
    return {**{name or only: one.checks for name, one in judged.items()}, **adopted}


def _models(erasure: Erasure) -> tuple[str, ...]:
    made = [str(one.new) for one in erasure.made]
    made += [str(ModelVersion(one.model, one.version)) for one, _ in report.adopted_models(erasure)]
    return tuple(made or (str(one.model) for one in erasure.done(ImpactAssessed).impact.model_versions[:1]))


def _waits_for(shown: Shown) -> str:
    request = shown.request
    name = request.group
    match request.state:
        case "unverified":
            return f"somebody who makes sure that whoever asked is the person: `unlearn confirm {name} --by NAME`"
        case "awaiting_approval":
            return f"an approval of its plan: `unlearn approve {name} --by NAME`, then `unlearn erase`"
        case "on_hold":
            return f"the end of a legal hold; until then nothing of the person is purged: `unlearn release {name}`"
        case "failed":
            why = "; ".join(f"{one.model}: {one.reason}" for one in shown.waits_for)
            return f"another attempt{f', because {why}' if why else ''}: `unlearn erase`"
        case "duplicate":
            return f"the first request of the same person, {name}"
        case "received" | "suppressed" if shown.batch and not shown.batch.due:
            return f"others: {batch.say(shown.batch)}"
        case "received" | "suppressed" | "planned" | "queued":
            return "the next `unlearn erase`, by hand, by its schedule, or by its deployment"
        case state if state in lifecycle.ACTIVE:
            return "its erasure, which has begun; `unlearn erase` goes on where one stopped"
    return ""


def _moment(event: Event[Fact]) -> Moment | None:
    found = _happened(event.fact)
    if found is None:
        return None
    what, detail = found
    at = getattr(event.fact, "received_at", None) or event.at
    return Moment(at, what, detail, getattr(event.fact, "seconds", None))


def _happened(fact: Fact) -> tuple[str, str] | None:
    """What an event says to somebody who looks; None for what says nothing of a request's way."""
    return _decided(fact) or _stepped(fact)


def _decided(fact: Fact) -> tuple[str, str] | None:
    match fact:
        case RequestReceived():
            return "Received", ", ".join(filter(None, [fact.channel, fact.reference]))
        case IdentityConfirmed():
            return "Identity confirmed", fact.by
        case SubjectSuppressed():
            return "Left out of training", "every training from here on leaves the person out"
        case SubjectNotFound():
            return "Not found", f"no known data version holds the person; {say_nearest(fact.nearest)}"
        case RequestHeld():
            return "Legal hold", ", ".join(filter(None, [fact.reason, fact.scope, *fact.data]))
        case RequestReleased():
            return "Hold ended", fact.reason
        case RequestExtended():
            return "Deadline extended", f"to {fact.due_at:%Y-%m-%d}: {fact.reason}"
        case RequestExempted():
            return "Exempt", fact.reason
        case RequestCancelled():
            return "Withdrawn", fact.reason
        case RecipientTold():
            return "Recipient told", fact.recipient
        case RecipientAcknowledged():
            return "Recipient acknowledged", fact.recipient
        case SubjectReadmitted():
            return "Let in again", fact.reason
        case CallbackAsked():
            return "Is to be told of", f"by a callback of the form {fact.form}"
        case CallbackTold():
            return "Receiver told", fact.state.replace("_", " ")
        case CallbackFailed():
            return "Receiver not told", f"{fact.why}; {'tried again later' if fact.again else 'given up'}"
    return None


def _stepped(fact: Fact) -> tuple[str, str] | None:
    match fact:
        case ErasureStarted():
            return "Erasure began", report.counted(len(fact.requests), "request")
        case ImpactAssessed():
            return "Assessed", report.say_impact(fact.impact)
        case PlanMade():
            return "Planned", report.say_plan(fact.plan)
        case ApprovalRequested():
            return "Waits for approval", ""
        case ErasureQueued():
            return "Approved" if fact.below is None else "Begun by the policy", _approved(fact)
        case DataRedacted():
            return "Data redacted", report.say_redacted(fact)
        case CandidateTrained():
            return "Unlearned", f"{_of(fact)}{fact.method}: {report.say_fitted(fact.trained)}"
        case CandidateValidated():
            return "Validated" if fact.passed else "Refused by its checks", _of(fact) + report.say_validated(fact)
        case VersionRegistered():
            return "Registered", f"{_of(fact)}version {fact.version}"
        case AliasMoved():
            return "Promoted", _of(fact) + report.say_promoted(fact)
        case AdoptedRetrained():
            return "Made again", report.say_remade(fact)
        case AdoptedPromoted():
            return "Promoted", report.say_adopted_promoted(fact)
        case TracesFound():
            return "Traces listed", ""
        case Purged() | PurgedAgain():
            return "Purged", report.say_purged(fact.deleted)
        case ModelHealed():
            return "Healed" if fact.promoted else "Not healed", _of(fact) + report.say_healed(fact)
        case CertificateIssued():
            return "Certified", report.say_certified(fact)
        case ErasureRefused():
            return "Attempt refused", fact.reason
    return None


def _of(fact: Any) -> str:
    return f"{fact.model}, " if fact.model else ""


# --- models and data ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Model:
    """A registered model that is looked after here."""

    name: str
    kind: str
    """Trained here, or adopted."""
    serving: Sequence[tuple[str, int]]
    """(alias, version)"""
    clean: bool | None
    """No version behind an alias was shaped by anybody who was erased, as far as the lineage knows; None where it does not know
    what one of them was trained on."""
    made_by: str
    forgotten: int
    """People whose erasure made it again."""


def models(workspace: Workspace) -> list[Model]:
    """Every model that is trained here or adopted, with what serves. Raises Unavailable when the registry does not answer."""
    aliases = workspace.models.every_alias()
    here, elsewhere = shaped.by_erased(workspace)
    tainted, known = {*here, *(one.model for one in elsewhere)}, frozenset(graph.load(workspace).contents)
    owned = {own.model for own in workspace.settings.owns}
    return [
        _model(workspace, name, "trained here" if name in owned else "adopted", aliases.get(name, {}), tainted, known)
        for name in sorted(owned | adoptions(workspace).keys())
    ]


def _model(
    workspace: Workspace,
    name: str,
    kind: str,
    aliases: Mapping[str, int],
    tainted: set[ModelVersion],
    known: frozenset[ModelVersion],
) -> Model:
    serving = sorted(aliases.items())
    newest = max((version for _, version in serving), default=None)
    record = workspace.lineage.model(name, newest) if newest is not None else None
    made_by = "nothing yet" if newest is None else "no record here"
    if record is not None:
        made_by = f"{record.trained.method}, {record.trained.guarantee}"
    behind = {ModelVersion(name, version) for _, version in serving}
    clean = False if behind & tainted else True if behind <= known else None
    return Model(name, kind, serving, clean, made_by, _people_forgotten(workspace, name))


def _people_forgotten(workspace: Workspace, name: str) -> int:
    only = [own.model for own in workspace.settings.owns] == [name]
    tags = {name, None} if only else {name}
    erasures = {event.subject for event in workspace.ledger.of(AliasMoved) if event.fact.model in tags}
    erasures |= {event.subject for event in workspace.ledger.of(AdoptedPromoted) if event.fact.model == name}
    return len({one.token for erasure in erasures for one in workspace.ledger.standing.of_erasure(erasure)})


@dataclass(frozen=True)
class Twins:
    """How many erased objects something else stands in for."""

    objects: int
    stale: int


def data(workspace: Workspace) -> tuple[Sequence[DataVersion], Twins]:
    """Every data version that is known, the newest of each path first; and the twins of erased ones."""
    found = twin_map.read(workspace.data.git, workspace.root, public_keys=workspace.trusted_keys)
    by_path: dict[str, list[DataVersion]] = {}
    for one in workspace.lineage.data_versions():
        by_path.setdefault(one.path, []).append(one)
    newest = [one for path in sorted(by_path) for one in reversed(by_path[path])]
    return newest, Twins(len(found.twins), len(found.stale))
