"""What `unlearn erase` would do, priced and named, without doing any of it; and the erasure of a plan that was shown.

A plan that nobody began yet is named by its content (`Plan.content`): whoever looks again gets the same name until a table, a
version, a request or a method moves. Once its erasure began, the ledger's own digest names it, as it is approved by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from unlearning.domain.clocks import Clock, utc_now
from unlearning.domain.errors import Refused
from unlearning.domain.events import PlanMade, RequestReceived
from unlearning.domain.planning import plan as planning
from unlearning.domain.planning import price
from unlearning.domain.planning.price import Price
from unlearning.erasure import batches, pace, plans, pricing
from unlearning.erasure.erasure import Erasure
from unlearning.erasure.record_sets import RecordSets
from unlearning.erasure.search import Search, search
from unlearning.erasure.steps import assess
from unlearning.erasure.steps import plan as plan_step
from unlearning.project import guards
from unlearning.project.training.registration import record_of

if TYPE_CHECKING:
    from unlearning.domain.entities import ErasureRequest, ModelRecord, ShardImpact
    from unlearning.domain.planning.plan import OwnPlan, Plan
    from unlearning.project.workspace import Workspace

RECEIVED = 1_000
"""So many receipts, the latest, tell how many more requests are to be expected."""
KNOWN = timedelta(days=1)
"""A shorter time between the first receipt and now says nothing about those to come."""


@dataclass(frozen=True)
class Work:
    """What is trained again."""

    records: float
    seconds: float | None
    """CPU time; None where nobody measured the like."""


@dataclass(frozen=True)
class Waiting:
    """Beginning now against waiting for those who are expected to ask until it must begin."""

    until: datetime
    """The latest safe start of any of the batch."""
    more: float
    """People expected to ask until then, at the rate of those who did."""
    shards: float
    """Expected to be touched, of all own models, where all of them wait."""
    apart: Work
    """This batch now, and another one then."""
    together: Work
    """One batch then."""


@dataclass(frozen=True)
class Batch:
    """One erasure, as it would begin now or began."""

    digest: str
    """`unlearn erase --plan` takes it."""
    erasure_id: str
    begun: bool
    requests: Sequence[str]
    people: int
    records: int
    tables: Sequence[str]
    methods: Mapping[str, Sequence[str]]
    """Own model that is made again → what is tried, one after the other."""
    adopted: Sequence[str]
    now: Work
    latest_start: datetime | None
    waiting: Waiting | None
    why: str
    """What is not known, in words; empty where all is."""


@dataclass(frozen=True)
class Planning:
    """What there is to do."""

    digest: str | None
    """Of the first batch; None where there is nothing to do."""
    batches: Sequence[Batch]
    methods: Sequence[Price]
    """Of the first batch, model by model."""


def look(workspace: Workspace, request_ids: Sequence[str] = (), *, clock: Clock = utc_now) -> Planning:
    """Everything that is open, in batches: erasures that began, then all new requests together. Changes nothing."""
    guards.books(workspace)
    open_requests = batches.to_do(workspace, request_ids, clock, at_once=True)
    if open_requests:
        batches.require_tables(workspace)
    begun = dict.fromkeys(one.erasure_id for one in open_requests if one.erasure_id)
    found = [_of_erasure(Erasure(workspace, name, clock)) for name in begun if name]
    if fresh := sorted({one.group for one in open_requests if not one.erasure_id}):
        found.append(_fresh(workspace, fresh, clock))
    first = found[0] if found else None
    return Planning(first[0].digest if first else None, [one for one, _ in found], first[1] if first else [])


def exists(workspace: Workspace, digest: str) -> bool:
    """True; raises what `begin` does where no plan of now has this digest. Changes nothing."""
    return _begun(workspace, digest, utc_now) is not None or bool(_shown(workspace, digest, utc_now).requests)


def begin(workspace: Workspace, digest: str, *, clock: Clock = utc_now) -> Erasure:
    """The erasure whose plan has this digest, begun if it was not; nothing but that plan may come of it.

    Raises Refused where no plan of now has it, NotFound for what is no digest.
    """
    with workspace.ledger.exclusive("batches"):
        if (erasure := _begun(workspace, digest, clock)) is not None:
            return erasure
        found = _shown(workspace, digest, clock)
        batches.require_ready(workspace, workspace.ledger.standing.requests(found.requests).values(), clock)
        erasure = Erasure(workspace, found.erasure_id, clock)
        batches.start(erasure, found.requests, plan=digest)
        return erasure


def _begun(workspace: Workspace, digest: str, clock: Clock) -> Erasure | None:
    """The unfinished erasure that is planned so, or that was begun so."""
    guards.books(workspace)
    for erasure in (Erasure(workspace, name, clock) for name in workspace.ledger.standing.unfinished()):
        if not erasure.refused and digest in (plans.digest_of(erasure), erasure.started.plan):
            return erasure
    return None


def _shown(workspace: Workspace, digest: str, clock: Clock) -> Batch:
    """The batch of now that would be planned so."""
    batches.require_free(workspace, clock)
    found = next((one for one in look(workspace, clock=clock).batches if one.digest == digest), None)
    if found is not None:
        return found
    if plans.recorded(workspace, digest):
        plans.named(workspace, digest)  # raises: it is stale
    raise Refused(
        f"nothing that is open has plan {digest[:12]}…: requests, tables, versions or methods moved since it was shown, or it "
        "was never shown here; `unlearn plan` shows the present one"
    )


def _fresh(workspace: Workspace, groups: Sequence[str], clock: Clock) -> tuple[Batch, list[Price]]:
    asked = list(workspace.ledger.standing.requests(groups).values())
    tokens = {one.token for one in asked}
    name = planning.erasure_id(groups)
    return _planned(workspace, name, asked, sorted(tokens), search(workspace, tokens), clock)


def _of_erasure(erasure: Erasure) -> tuple[Batch, list[Price]]:
    workspace, sets, asked = erasure.workspace, RecordSets(erasure), list(erasure.requests)
    made = None if erasure.refused else erasure.progress.done(PlanMade)
    if made is None:
        return _planned(workspace, erasure.erasure_id, asked, erasure.tokens, sets.found, erasure.clock, begun=True)
    return _priced(workspace, made.plan, asked, sets.before, erasure.clock, str(plans.digest_of(erasure)), begun=True)


def _planned(
    workspace: Workspace,
    name: str,
    asked: Sequence[ErasureRequest],
    tokens: Sequence[str],
    found: Search,
    clock: Clock,
    *,
    begun: bool = False,
) -> tuple[Batch, list[Price]]:
    """A plan as it would be made now."""
    plan = plan_step.make(workspace, name, assess.assess(workspace, tokens, found), found)
    return _priced(workspace, plan, asked, found, clock, plan.content, begun=begun)


@dataclass(frozen=True)
class _Model:
    """One own model that is made again."""

    own: OwnPlan
    record: ModelRecord
    touched: Sequence[ShardImpact]
    epochs: Sequence[int]
    prices: Sequence[Price]

    @property
    def chosen(self) -> Price:
        """What is paid: of an answer at once, the training that heals it."""
        first = price.HEALS if self.own.methods[0] == price.INSTANT else self.own.methods[0]
        return next(one for one in self.prices if one.method == first)

    def work(self, records: float) -> Work:
        """At the pace of what is chosen."""
        price, each = self.chosen, self.chosen.records
        seconds = None if price.seconds is None or not each else round(price.seconds * records / each, 3)
        return Work(round(records), price.seconds if records == each else seconds)

    def expected(self, more: float, *, besides: bool) -> float:
        """Records trained again for so many further people, besides those of the batch or without them."""
        if self.chosen.method != price.HEALS:  # whatever is trained as a whole costs a further erasure as much again
            once = float(self.chosen.records or 0)
            return once if besides else once * min(1.0, more)
        return price.expected_rows(self.record.chain, self.epochs, self.touched if besides else (), more=more)

    def shards(self, more: float) -> float:
        return price.expected_shards(self.record.chain, self.touched, more=more)


def _priced(
    workspace: Workspace,
    plan: Plan,
    asked: Sequence[ErasureRequest],
    found: Search,
    clock: Clock,
    digest: str,
    *,
    begun: bool,
) -> tuple[Batch, list[Price]]:
    again = [own for own in plan.owns if own.retrain_model]
    models = [_model(workspace.of(own.model), own, found) for own in again] if plan.tokens else []
    until, unknown = _latest_start(workspace, asked), []
    waiting = None
    if models and until is not None and not begun:
        more = _to_come(workspace, clock(), until)
        if more is None:
            unknown.append("nobody asked here for long enough to say how many more will until the latest start")
        else:
            waiting = _waiting(models, until, more)
    if any(one.chosen.seconds is None for one in models):
        unknown.append("no training of this kind was measured here, so nobody knows its seconds")
    if plan.adopted:
        unknown.append(f"how long the stages of {', '.join(plan.adopted)} take, nobody here knows")
    batch = Batch(
        digest=digest,
        erasure_id=plan.erasure_id,
        begun=begun,
        requests=[one.request_id for one in asked],
        people=len(plan.tokens),
        records=found.records,
        tables=[one.path for one in plan.before if found.removed.get(one.path)],
        methods={one.own.model: one.own.methods for one in models},
        adopted=plan.adopted,
        now=_sum(one.work(one.chosen.records or 0) for one in models),
        latest_start=until,
        waiting=waiting,
        why="; ".join(unknown),
    )
    return batch, [one for model in models for one in model.prices]


def _model(view: Workspace, own: OwnPlan, found: Search) -> _Model:
    record, touched = pricing.as_now(view, record_of(view, own.parent), assess.touched(view, found).shards, found.current)
    known = [one for one in touched if one.shard < len(record.chain.shards)]
    return _Model(own, record, known, pricing.stage_epochs(view, record), pricing.prices(view, record, touched))


def _latest_start(workspace: Workspace, asked: Iterable[ErasureRequest]) -> datetime | None:
    takes = pace.takes(workspace)
    return min((one for each in asked if (one := pace.must_start_by(workspace, each, takes))), default=None)


def _to_come(workspace: Workspace, now: datetime, until: datetime) -> float | None:
    """People who will have asked until then, at the rate of the latest who did; None where that is no rate."""
    came = [event.at for event in workspace.ledger.of(RequestReceived, last=RECEIVED)]
    if not came or now - min(came) < KNOWN:
        return None
    due, passed = (until - now).total_seconds(), (now - min(came)).total_seconds()
    return round(max(0.0, len(came) * due / passed), 1)


def _waiting(models: Sequence[_Model], until: datetime, more: float) -> Waiting:
    def of(records: Callable[[_Model], float]) -> Work:
        return _sum(one.work(records(one)) for one in models)

    return Waiting(
        until=until,
        more=more,
        shards=round(sum(one.shards(more) for one in models), 1),
        apart=of(lambda one: (one.chosen.records or 0) + one.expected(more, besides=False)),
        together=of(lambda one: one.expected(more, besides=True)),
    )


def _sum(works: Iterable[Work]) -> Work:
    each = list(works)
    seconds = [one.seconds for one in each if one.seconds is not None]
    return Work(sum(one.records for one in each), round(sum(seconds), 3) if len(seconds) == len(each) else None)
