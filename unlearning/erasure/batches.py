"""What there is to do: open requests in batches, and what a killed run left half done."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from functools import partial

from unlearning.domain import lifecycle
from unlearning.domain.clocks import Clock, utc_now
from unlearning.domain.entities import ErasureRequest
from unlearning.domain.errors import Refused, Unavailable, UnlearningError
from unlearning.domain.events import ErasureStarted
from unlearning.domain.planning import plan as planning
from unlearning.erasure import pace
from unlearning.erasure.erasure import Erasure
from unlearning.erasure.steps import plan
from unlearning.project import guards, preflight
from unlearning.project.holdings import Holdings
from unlearning.project.requests import chosen
from unlearning.project.tables import current_version, require_index_key
from unlearning.project.workspace import Workspace


def has_work(workspace: Workspace, request_ids: Sequence[str], *, at_once: bool = False) -> bool:
    """Whether `batches` would find anything to do; changes nothing. Raises as `work`."""
    return bool(work(workspace, request_ids, at_once=at_once))


def work(workspace: Workspace, request_ids: Sequence[str], *, at_once: bool = False) -> dict[str, str]:
    """What `batches` would find to do: a request → its state, an erasure that is half done → that. Changes nothing.

    Raises NotFound for an unknown id, and WrongUse, as `batches` does, when there is no table to erase from.
    """
    guards.books(workspace)
    unended = to_do(workspace, request_ids, utc_now, at_once=at_once)
    if unended:
        require_tables(workspace)
    half_done = {one.erasure_id: "half done" for one in _half_done(workspace, utc_now)}
    return {one.request_id: one.state for one in unended} | half_done


def require_tables(workspace: Workspace) -> None:
    """Raises WrongUse when there is no table to erase from."""
    if not workspace.settings.owns:
        Holdings.of(workspace).require_tables()


def require_free(workspace: Workspace, clock: Clock) -> None:
    """Raises Refused while an erasure is half done: nothing else can begin before it ended."""
    if half_done := _half_done(workspace, clock):
        names = ", ".join(one.erasure_id for one in half_done)
        raise Refused(f"{names}: half done, and nothing else can be planned before; `unlearn erase` finishes it")


def to_do(workspace: Workspace, request_ids: Sequence[str], clock: Clock, *, at_once: bool) -> list[ErasureRequest]:
    """What is open. Who waits for others by `policy.batch` is left out, unless named or everything begins at once."""
    unended = _unended(workspace, request_ids)
    if request_ids or at_once:
        return unended
    waiting = pace.gathering(workspace, clock())
    return unended if waiting is None or waiting.due else [one for one in unended if not pace.gathers(one)]


def _unended(workspace: Workspace, request_ids: Sequence[str]) -> list[ErasureRequest]:
    found = [request for request in chosen(workspace, request_ids) if request.state not in lifecycle.ENDED]
    waiting = [request.request_id for request in found if request.state == lifecycle.UNVERIFIED]
    if request_ids and waiting:
        raise Refused(
            f"{', '.join(waiting)}: nobody has said that whoever asked is the person; make sure, then "
            "`unlearn confirm REQUEST --by NAME`"
        )
    return [request for request in found if request.state != lifecycle.UNVERIFIED]


def batches(
    workspace: Workspace, request_ids: Sequence[str], *, clock: Clock = utc_now, at_once: bool = False
) -> list[Erasure]:
    """What there is to do: what a killed run left half done, other unfinished erasures, then a new one over fresh requests.

    at_once: also over those that `policy.batch` lets wait for others.
    """
    guards.books(workspace)
    with workspace.ledger.exclusive("batches"):
        requests = to_do(workspace, request_ids, clock, at_once=at_once)
        require_ready(workspace, requests, clock)
        unfinished = dict.fromkeys(request.erasure_id for request in requests if request.erasure_id)
        fresh = sorted({request.group for request in requests if not request.erasure_id})
        half_done = _half_done(workspace, clock)
        started = [*half_done, *(Erasure(workspace, one, clock) for one in unfinished if one)]
        started = list({erasure.erasure_id: erasure for erasure in started}.values())
        for erasure in started:
            _start_anew(erasure)
        if fresh:
            started.append(Erasure(workspace, planning.erasure_id(fresh), clock))
            start(started[-1], fresh)
    return started


def _start_anew(erasure: Erasure) -> None:
    """One that was refused; but not under the feet of a process that is at work on it, whose steps would find nothing done."""
    if not erasure.refused:
        return
    with ExitStack() as alone:
        try:
            alone.enter_context(erasure.workspace.ledger.exclusive(erasure.erasure_id, timeout=0))
        except Unavailable:  # whoever is at work on it says how it ended
            return
        if erasure.refused:
            start(erasure, erasure.started.requests)


def _half_done(workspace: Workspace, clock: Clock) -> list[Erasure]:
    """Erasures to be finished whoever is asked for: tables half rewritten first, then what only lacks its certificate.

    Nothing else can be planned while a table is not what DVC recorded, and a certificate is about the tables of its erasure.
    """
    standing = workspace.ledger.standing
    redacting = [Erasure(workspace, one, clock) for one in standing.unfinished()]
    return [
        *(erasure for erasure in redacting if erasure.redacting),
        *(Erasure(workspace, one, clock) for one in standing.unanswered()),
    ]


def require_ready(workspace: Workspace, requests: Collection[ErasureRequest], clock: Clock) -> None:
    """Raises what `preflight.require` does where no erasure can be carried out, before anything is recorded.

    What the tables are is not asked while an erasure is unfinished: a killed one may have left one that only it can put right.
    """
    half_done = _half_done(workspace, clock)
    if not requests and not half_done:
        return
    tokens = {request.token for request in requests}
    unfinished = half_done or any(request.erasure_id for request in requests)
    more = () if unfinished else (_tables, _own_model)
    rewrites = any(request.state != "purging" for request in requests)
    checks = {**preflight.TRAINING, **preflight.ERASING} if rewrites else preflight.TRAINING
    preflight.require(workspace, checks, partial(_index_key, tokens), *more)


def _index_key(tokens: Collection[str], workspace: Workspace) -> Iterator[UnlearningError]:
    require_index_key(workspace, tokens)
    yield from ()


def _tables(workspace: Workspace) -> Iterator[UnlearningError]:
    for path, person in Holdings.of(workspace).tables.items():
        try:
            current_version(workspace, path, person)
        except UnlearningError as error:
            yield error


def _own_model(workspace: Workspace) -> Iterator[UnlearningError]:
    if workspace.settings.owns:
        plan.check_ready(workspace)
    else:
        Holdings.of(workspace).require_tables()
    yield from ()


def start(erasure: Erasure, requests: Sequence[str], *, plan: str | None = None) -> None:
    """Open a batch, or open it anew: steps done before this event no longer count, they are decided again.

    plan: the digest of the content of the plan that was shown; another one is refused.
    """
    ledger, owns = erasure.workspace.ledger, erasure.workspace.settings.owns
    only = owns[0] if len(owns) == 1 else None  # of several the plan speaks
    model, alias = (only.model, only.alias) if only else (None, None)
    started = ErasureStarted(requests=tuple(requests), model=model, alias=alias, plan=plan)
    received = [one.received_at for one in ledger.standing.requests(requests).values()]
    ledger.append(erasure.erasure_id, started, at=erasure.now(after=received))
