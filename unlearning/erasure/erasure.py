"""One batch of requests on its way through the steps: what its events say, and how a step runs only once.

What the steps read of data and lineage stands in `record_sets`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from unlearning.domain.clocks import Clock, utc_now
from unlearning.domain.events import (
    AdoptedRetrained,
    AliasMoved,
    ApprovalRequested,
    CandidateTrained,
    CandidateValidated,
    DataRedacted,
    ErasureRefused,
    ErasureStarted,
    Event,
    Fact,
    ImpactAssessed,
    ModelFact,
    ModelHealed,
    ModelRefused,
    PlanMade,
    StepFact,
    VersionRegistered,
)
from unlearning.domain.lifecycle import Progress
from unlearning.domain.versions import ModelVersion

if TYPE_CHECKING:
    from unlearning.domain.entities import ErasureRequest
    from unlearning.domain.planning.plan import OwnPlan, Plan
    from unlearning.domain.versions import DataVersion
    from unlearning.project.workspace import Workspace

F = TypeVar("F", bound=Fact)
S = TypeVar("S", bound=StepFact)


@dataclass(frozen=True)
class Erasure:
    """One batch of requests on its way through the steps."""

    workspace: Workspace
    erasure_id: str
    clock: Clock = utc_now
    model: str | None = None
    """The own model whose steps this is about, in the view of one; None of the whole."""
    _read: list[Event[Fact]] = field(default_factory=list, init=False, repr=False, compare=False)

    def of(self, model: str) -> Erasure:
        """The same as one of the own models sees it: its plan, its events, its part of the project."""
        return Erasure(self.workspace.of(model), self.erasure_id, self.clock, model)

    @property
    def owns(self) -> tuple[Erasure, ...]:
        """The view of each own model."""
        return tuple(self.of(own.model) for own in self.plan.owns)

    def now(self, *, after: Iterable[datetime] = ()) -> datetime:
        """The present moment, never before what happened to this erasure or before `after`.

        A clock that was set back must not let a step end before it began: its certificate would contradict itself.
        """
        return max([self.clock(), *after, *(event.at for event in self.events)])

    @property
    def events(self) -> list[Event[Fact]]:
        """Everything that happened to it, attempts that were given up included; what was read is not read again."""
        known = [*self._read]
        known += self.workspace.ledger.events(subject=self.erasure_id, after=known[-1].seq if known else 0)
        self._read[:] = known
        return known

    @property
    def progress(self) -> Progress:
        """What this attempt has done so far: an erasure that is started anew decides everything again."""
        *_, newest = self._attempts()
        return newest

    @property
    def started(self) -> ErasureStarted:
        """What opened the batch."""
        return self.done(ErasureStarted)

    def done(self, kind: type[F], **facts: object) -> F:
        """What a step that was done wrote down."""
        fact = self.said(kind, **facts)
        if fact is None:
            raise RuntimeError(f"{kind.__name__} was asked for before it happened")
        return fact

    def said(self, kind: type[F], **facts: object) -> F | None:
        """What a step wrote down; None when it is still to do."""
        return self.progress.done(kind, **self._telling(kind, facts))

    def _telling(self, kind: type[Any], facts: dict[str, object]) -> dict[str, object]:
        """What tells the event from others of its kind; of the steps of one model also whose it is."""
        return {**facts, "model": self._tag} if self.model and kind in get_args(ModelFact) else facts

    @property
    def _tag(self) -> str | None:
        """How events call the model in view: not at all where it is the only one."""
        return self.model if self.plan.others else None

    def every(self, kind: type[F]) -> list[F]:
        """What every run of a step wrote down, attempts that were given up included."""
        return [event.fact for event in self.events if isinstance(event.fact, kind)]

    def once(self, kind: type[S], make: Callable[[], S], **facts: object) -> S:
        """What this step says: from the ledger when it was done, else by doing it now.

        facts: what tells the event from others of its kind, such as the method.
        """
        telling = self._telling(kind, facts)
        if (done := self.progress.done(kind, **telling)) is not None:
            return done
        began = time.perf_counter()
        made = make()
        made = replace(made, seconds=round(time.perf_counter() - began, 3))
        if isinstance(made, ModelFact):
            made = replace(made, model=self._tag)
        return self.workspace.ledger.append(self.erasure_id, made, at=self.now()).fact

    def refuse(self, reason: str, *, withdrawn: bool = False, models: tuple[ModelRefused, ...] = ()) -> None:
        """Write down that this attempt is over; the next run decides everything again. withdrawn: so is the own alias.

        models: which of several were refused.
        """
        refused = ErasureRefused(reason=reason, alias="withdraw" if withdrawn else "keep", models=models)
        self.workspace.ledger.append(self.erasure_id, refused, at=self.now())

    @property
    def refused(self) -> bool:
        """The last attempt ended without a candidate that passed."""
        return isinstance(self.events[-1].fact, ErasureRefused)

    @property
    def redacting(self) -> bool:
        """The plan is made and the tables are not redacted yet: some may be rewritten already."""
        progress = self.progress
        planned, last = progress.done(PlanMade), progress.events[-1].fact
        begun = planned is not None and bool(planned.plan.tokens) and not isinstance(last, (ErasureRefused, ApprovalRequested))
        return begun and progress.done(DataRedacted) is None

    @property
    def withdrawn(self) -> ModelVersion | None:
        """The version whose alias an earlier attempt of this erasure withdrew, while the alias still points nowhere."""
        own = self.workspace.own
        said = [self._said_of_alias(refusal) for refusal in self.every(ErasureRefused)]
        if next((one for one in reversed(said) if one), None) != "withdraw":
            return None
        if self.workspace.models.alias(own.model, own.alias) is not None:
            return None
        plans = [plan for made in self.every(PlanMade) for plan in made.plan.owns if plan.model == own.model]
        return plans[-1].parent if plans else None

    def _said_of_alias(self, refusal: ErasureRefused) -> str | None:
        """What became of the alias of the model in view; None where the refusal was not about it."""
        if not self.workspace.settings.models:
            return refusal.alias
        return next((one.alias for one in refusal.models if one.model == self.workspace.own.model), None)

    @property
    def requests(self) -> tuple[ErasureRequest, ...]:
        """The batch."""
        known = self.workspace.ledger.standing.requests(self.started.requests)
        return tuple(known[request_id] for request_id in self.started.requests)

    @property
    def tokens(self) -> tuple[str, ...]:
        """The people of the batch, without those whose request was withdrawn or is exempt."""
        return tuple(sorted({request.token for request in self.requests if request.state not in ("cancelled", "exempt")}))

    @cached_property
    def plan(self) -> Plan:
        """The plan, once made."""
        return self.done(PlanMade).plan

    @property
    def own(self) -> OwnPlan:
        """What the plan says of the own model in view; asked for only where there is one."""
        found = [own for own in self.plan.owns if self.model in (None, own.model)]
        if len(found) != 1:
            raise RuntimeError(f"a plan for {len(self.plan.owns)} own models was asked about {self.model or 'the only one'}")
        return found[0]

    @property
    def after(self) -> dict[str, DataVersion]:
        """Path → the table without the people: as it was redacted, or as a stage made it again since."""
        again = (event.fact for event in self.progress.events if isinstance(event.fact, AdoptedRetrained))
        return {one.path: one for made in (self.done(DataRedacted).after, *(each.tables for each in again)) for one in made}

    @property
    def redacted(self) -> list[tuple[DataVersion, DataVersion]]:
        """(before, after) of every table that this attempt rewrote."""
        after = self.after if self.progress.done(DataRedacted) else {}
        pairs = [(before, after[before.path]) for before in self.plan.before if before.path in after]
        return [(before, new) for before, new in pairs if before.digest != new.digest]

    @property
    def candidate(self) -> CandidateTrained | None:
        """The training of the candidate that passed; None when no model had to change."""
        validated = self.said(CandidateValidated)
        if validated is None or not validated.passed:
            return None
        return self.said(CandidateTrained, method=validated.method)

    @property
    def made(self) -> tuple[Made, ...]:
        """Every own model that was made again, by the newest attempt that did so: one that is refused alone is tried alone."""
        found: dict[str, Made] = {}
        for attempt in self._attempts():
            plan = attempt.done(PlanMade)
            for own in plan.plan.owns if plan else ():
                if made := _made(attempt, own, own.model if plan and plan.plan.others else None):
                    found[own.model] = made
        named = [own.model for own in self.plan.owns]
        return tuple(found[name] for name in dict.fromkeys((*named, *found)) if name in found)

    def _attempts(self) -> Iterator[Progress]:
        events = self.events
        starts = [position for position, event in enumerate(events) if isinstance(event.fact, ErasureStarted)]
        for begin, end in zip(starts, [*starts[1:], len(events)], strict=True):
            yield Progress(tuple(events[begin:end]))

    def timed(self) -> list[tuple[Event[Fact], datetime]]:
        """(event, when it began) of each step of this attempt."""
        return [(event, began(event)) for event in self.progress.events]


@dataclass(frozen=True)
class Made:
    """How an own model was made again: what each step wrote down."""

    own: OwnPlan
    assessed: ImpactAssessed
    trained: CandidateTrained
    judged: CandidateValidated
    registered: VersionRegistered
    moved: AliasMoved
    events: tuple[Event[Fact], ...]
    """Those of its training, registration and promotion."""
    healed: ModelHealed | None = None
    """What became of an instant answer since."""

    @property
    def old(self) -> ModelVersion:
        """The version that was replaced."""
        return self.own.parent

    @property
    def new(self) -> ModelVersion:
        """The version that serves since."""
        return ModelVersion(self.own.model, self.moved.to_version)

    @property
    def second(self) -> ModelVersion | None:
        """The version that was healed, where it serves since."""
        healed = self.healed
        return ModelVersion(self.own.model, healed.version) if healed and healed.promoted and healed.version else None


def _made(attempt: Progress, own: OwnPlan, tag: str | None) -> Made | None:
    """What an attempt made of one model; None where it was not promoted."""
    moved, judged = attempt.event(AliasMoved, model=tag), attempt.done(CandidateValidated, model=tag)
    registered, assessed = attempt.event(VersionRegistered, model=tag), attempt.done(ImpactAssessed)
    if not (moved and judged and registered and assessed):
        return None
    trained = attempt.event(CandidateTrained, model=tag, method=judged.method)
    if trained is None:
        return None
    tried = [one for one in attempt.events if isinstance(one.fact, CandidateTrained) and one.fact.model == tag]
    events = (*tried, registered, moved)
    healed = attempt.done(ModelHealed, model=tag)
    return Made(own, assessed, trained.fact, judged, registered.fact, moved.fact, events, healed)


def began(event: Event[Fact]) -> datetime:
    """When a step began that was over then."""
    return event.at - timedelta(seconds=(event.fact.seconds or 0.0) if isinstance(event.fact, StepFact) else 0.0)
