"""One batch of requests on its way through the steps: what its events say, and how a step runs only once.

What the steps read of data and lineage stands in `record_sets`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from unlearning.domain.clocks import Clock, utc_now
from unlearning.domain.events import (
    AdoptedRetrained,
    ApprovalRequested,
    CandidateTrained,
    CandidateValidated,
    DataRedacted,
    ErasureRefused,
    ErasureStarted,
    Event,
    Fact,
    PlanMade,
    StepFact,
)
from unlearning.domain.lifecycle import Progress

if TYPE_CHECKING:
    from unlearning.domain.chain import Trained
    from unlearning.domain.entities import ErasureRequest
    from unlearning.domain.planning.plan import OwnPlan, Plan
    from unlearning.domain.versions import DataVersion, ModelVersion
    from unlearning.project.workspace import Workspace

F = TypeVar("F", bound=Fact)
S = TypeVar("S", bound=StepFact)


@dataclass(frozen=True)
class Erasure:
    """One batch of requests on its way through the steps."""

    workspace: Workspace
    erasure_id: str
    clock: Clock = utc_now
    _read: list[Event[Fact]] = field(default_factory=list, init=False, repr=False, compare=False)

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
        events = self.events
        opened = max(position for position, event in enumerate(events) if isinstance(event.fact, ErasureStarted))
        return Progress(tuple(events[opened:]))

    @property
    def started(self) -> ErasureStarted:
        """What opened the batch."""
        return self.done(ErasureStarted)

    def done(self, kind: type[F], **facts: object) -> F:
        """What a step that was done wrote down."""
        fact = self.progress.done(kind, **facts)
        if fact is None:
            raise RuntimeError(f"{kind.__name__} was asked for before it happened")
        return fact

    def every(self, kind: type[F]) -> list[F]:
        """What every run of a step wrote down, attempts that were given up included."""
        return [event.fact for event in self.events if isinstance(event.fact, kind)]

    def once(self, kind: type[S], make: Callable[[], S], **facts: object) -> S:
        """What this step says: from the ledger when it was done, else by doing it now.

        facts: what tells the event from others of its kind, such as the method.
        """
        if (done := self.progress.done(kind, **facts)) is not None:
            return done
        began = time.perf_counter()
        made = make()
        made = replace(made, seconds=round(time.perf_counter() - began, 3))
        return self.workspace.ledger.append(self.erasure_id, made, at=self.now()).fact

    def refuse(self, reason: str, *, withdrawn: bool = False) -> None:
        """Write down that this attempt is over; the next run decides everything again. withdrawn: so is the own alias."""
        refused = ErasureRefused(reason=reason, alias="withdraw" if withdrawn else "keep")
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
        own, refusals = self.workspace.own, self.every(ErasureRefused)
        if not refusals or refusals[-1].alias != "withdraw":
            return None
        if self.workspace.models.alias(own.model, own.alias) is not None:
            return None
        return _own(self.every(PlanMade)[-1].plan).parent

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
        """What the plan says of the project's own model; asked for only where there is one."""
        return _own(self.plan)

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
        validated = self.progress.done(CandidateValidated)
        if validated is None or not validated.passed:
            return None
        return self.progress.done(CandidateTrained, method=validated.method)

    @property
    def promoted(self) -> Trained | None:
        """The candidate that passed; None when no model had to change."""
        return self.candidate.trained if self.candidate else None

    def timed(self) -> list[tuple[Event[Fact], datetime]]:
        """(event, when it began) of each step of this attempt."""
        return [(event, event.at - timedelta(seconds=_seconds(event.fact))) for event in self.progress.events]


def _own(plan: Plan) -> OwnPlan:
    if plan.own is None:
        raise RuntimeError("a plan for adopted models only was asked about a model of the project's own")
    return plan.own


def _seconds(fact: Fact) -> float:
    return (fact.seconds or 0.0) if isinstance(fact, StepFact) else 0.0
