"""The intake service: what other tools send becomes requests, durably in the ledger before it is acknowledged.

Every answer and every error names requests by id; no identifier that came is repeated anywhere. The forms are in `formats/`,
who may ask in `door.py`; what a request is and becomes is decided by the same code as on the command line.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from fastapi.security import HTTPBearer
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException as AnyHTTPException

from unlearning import __version__
from unlearning.domain import hashing, lifecycle
from unlearning.domain.clocks import Clock, utc_now
from unlearning.domain.codec import write
from unlearning.domain.errors import (
    Damaged,
    IdentifierError,
    KeyFileError,
    NotFound,
    ProjectError,
    Refused,
    SettingsError,
    Unavailable,
    UnlearningError,
    WrongUse,
)
from unlearning.entrypoints import last_resort
from unlearning.entrypoints.console import pages
from unlearning.entrypoints.console.sign_in import COOKIE, from_here
from unlearning.entrypoints.intake.door import Caller, Door
from unlearning.entrypoints.intake.formats import cloudevents, drop, fides, lists, opendsr, own
from unlearning.entrypoints.intake.reading import Unacceptable, fields, items, json_of, required, text
from unlearning.entrypoints.intake.together import Together
from unlearning.erasure import certificates, decisions, pace, plans
from unlearning.erasure.steps import receive
from unlearning.project import requests as known_requests
from unlearning.project.tables import person_columns

if TYPE_CHECKING:
    from pathlib import Path

    from starlette import types as asgi

    from unlearning.domain.entities import ErasureRequest
    from unlearning.entrypoints.console.pages import Console
    from unlearning.erasure.plans import Planned
    from unlearning.erasure.steps.receive import Asked
    from unlearning.project.access import Scope
    from unlearning.project.workspace import Workspace

JSON, HTML = "application/json", "text/html"
MOST_LISTED = 1_000
_STATUS: Sequence[tuple[type[UnlearningError], int]] = (
    (NotFound, 404),
    (IdentifierError, 422),
    (KeyFileError, 503),
    (SettingsError, 503),
    (ProjectError, 503),
    (WrongUse, 400),
    (Unavailable, 503),
    (Damaged, 503),
    (Refused, 409),
)
"""Kind of error → HTTP status; anything else is a bug, and 500."""

progress = logging.getLogger("unlearning.progress")


@dataclass(frozen=True)
class _Demands:
    """What one caller hands in."""

    each: Sequence[Asked]
    shown: bool = False
    """The answer shows what became of it."""


@dataclass(frozen=True)
class _Taken:
    """What became of it."""

    made: list[ErasureRequest]
    shown: list[Any] = field(default_factory=list)
    news: list[str] = field(default_factory=list)
    """Requests that this caller announces, for all who came with it."""


@dataclass
class Intake:
    """One project's service, and what it counted since it began."""

    workspace: Workspace
    door: Door
    announce: Callable[[Sequence[str]], object]
    """Told the ids of new requests, once they are recorded."""
    clock: Clock = utc_now
    flows: Callable[[], Mapping[str, Any]] = lambda: {"where": "off"}
    """Where the flows run that carry requests out, and how they do."""
    flow_runs: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(flow, how it ended) → how often."""
    accepted: Counter[str] = field(default_factory=Counter)
    refused: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._taken = Together(self._receive, self._tell, common=(Unavailable, Damaged))

    @property
    def kind(self) -> str:
        """What people are known by."""
        return self.workspace.settings.subject.identifier

    async def allowed(self, request: Request, scope: Scope) -> tuple[bytes, Caller]:
        """The body, and who sends it."""
        body = await self.door.body(request)
        return body, await self.door.caller(request, scope, body)

    async def take(self, demands: Sequence[Asked], form: str) -> list[ErasureRequest]:
        """Record them all, or none; they are in the ledger when this returns. What comes at once is one transaction."""
        return (await self._take(_Demands(demands), form)).made

    async def take_and_show(self, demands: Sequence[Asked], form: str) -> list[Any]:
        """The same, as every answer shows requests."""
        return (await self._take(_Demands(demands, shown=True), form)).shown

    async def _take(self, demands: _Demands, form: str) -> _Taken:
        taken = await self._taken(demands) if demands.each else _Taken([])
        self.accepted[form] += len(taken.made)
        if taken.news:
            await run_in_threadpool(self.announce, taken.news)
        return taken

    def _receive(self, every: Sequence[_Demands]) -> list[_Taken]:
        found = iter(receive.receive_each(self.workspace, [one for demands in every for one in demands.each], now=self.clock()))
        theirs = [chain.from_iterable(islice(found, len(demands.each))) for demands in every]
        return [_Taken(list({one.request_id: one for one in each}.values())) for each in theirs]

    def _tell(self, every: Sequence[_Demands], taken: Sequence[_Taken]) -> Sequence[_Taken]:
        """Who waits is announced once; the others need not wait for that."""
        new = (one.request_id for each in taken for one in each.made if one.state not in lifecycle.ENDED)
        taken[0].news.extend(dict.fromkeys(new))
        wanted = [each for demands, each in zip(every, taken, strict=True) if demands.shown]
        shown = iter(self._show([one for each in wanted for one in each.made]) if wanted else ())
        for each in wanted:
            each.shown.extend(islice(shown, len(each.made)))
        return taken

    async def shown(self, found: Sequence[ErasureRequest]) -> list[Any]:
        """Requests as every answer shows them."""
        return await run_in_threadpool(self._show, found)

    def _show(self, found: Sequence[ErasureRequest]) -> list[Any]:
        return list(write(decisions.shown(self.workspace, found, now=self.clock())))


def application(intake: Intake, console: Console | None = None, more: Sequence[Callable[[FastAPI], object]] = ()) -> FastAPI:
    """The service as an ASGI application, with the pages of the console where there is one.

    more: what adds endpoints of its own.
    """
    app = FastAPI(title="unlearn serve", version=__version__, redoc_url=None)
    router = APIRouter(dependencies=[Depends(HTTPBearer(auto_error=False))])  # described there, checked by the door
    for add in (_requests, _events, _opendsr, _fides, _drop, _looking):
        add(router, intake)
    _plans(router, intake, console)
    app.include_router(router)
    _errors(app, intake)
    _health(app, intake)
    for add_to in more:
        add_to(app)
    if console is not None:
        app.mount(pages.AT, pages.application(console))
        app.add_route("/", lambda _request: RedirectResponse(f"{pages.AT}/"), include_in_schema=False)
    return app


def _takes(schema: dict[str, Any] | None = None, *media: str) -> dict[str, Any]:
    """The body, as the description of the service says it: our own readers read it."""
    content = {one: {"schema": schema if schema and "json" in one else {"type": "string"}} for one in media or (JSON,)}
    return {"requestBody": {"required": True, "content": content}}


# --- errors ---------------------------------------------------------------------------------------------------------


def _errors(app: FastAPI, intake: Intake) -> None:
    def said(status: int, kind: str, words: str, headers: dict[str, str] | None = None) -> JSONResponse:
        intake.refused[status] += 1
        return JSONResponse({"error": {"code": status, "kind": kind, "message": words}}, status, headers)

    async def http(_request: Request, error: Exception) -> Response:
        found = error if isinstance(error, AnyHTTPException) else AnyHTTPException(500)
        return said(found.status_code, "HTTP", str(found.detail), dict(found.headers or {}))

    async def unacceptable(_request: Request, error: Exception) -> Response:
        return said(error.status if isinstance(error, Unacceptable) else 400, "Unacceptable", str(error))

    async def invalid(_request: Request, _error: Exception) -> Response:
        return said(422, "WrongUse", "a parameter of the address is not what it should be")

    async def ours(_request: Request, error: Exception) -> Response:
        status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
        return said(status, type(error).__name__, str(error))

    app.add_exception_handler(AnyHTTPException, http)
    app.add_exception_handler(Unacceptable, unacceptable)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(UnlearningError, ours)

    app.add_middleware(_Last, say=ours, root=intake.workspace.root)


class _Last:
    """Nothing that nobody foresaw is said in its own words, neither to the sender nor in a log; and nobody keeps an answer."""

    def __init__(self, app: asgi.ASGIApp, say: Callable[[Request, Exception], Awaitable[Response]], root: Path) -> None:
        self._app, self._say, self._root = app, say, root

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = False

        async def sends(message: asgi.Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                MutableHeaders(scope=message)["Cache-Control"] = "no-store"
            await send(message)

        try:
            await self._app(scope, receive, sends)
        except Exception as error:
            ended = await run_in_threadpool(last_resort.ended, error, self._root)
            progress.error("serve  %s", ended)
            if not began:
                await (await self._say(Request(scope), ended))(scope, receive, sends)


# --- requests in ----------------------------------------------------------------------------------------------------


def _media(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def _key(request: Request, caller: Caller) -> str | None:
    """What names this demand and no other: its Idempotency-Key, or the id of a signed message."""
    said = request.headers.get("idempotency-key")
    if said is not None and not re.fullmatch(r"[\x21-\x7e]{1,256}", said):
        raise Unacceptable(400, "Idempotency-Key is no key: expected 1 to 256 visible ASCII characters")
    if said is not None:
        return hashing.canonical(["key", caller.name, said]).decode()
    return None if caller.delivery is None else hashing.canonical(["webhook", caller.delivery]).decode()


def _requests(app: APIRouter, intake: Intake) -> None:
    policy = intake.workspace.settings.policy

    @app.post("/v1/requests", status_code=202, openapi_extra=_takes(own.SCHEMA, JSON, *lists.MEDIA))
    async def submit(request: Request) -> dict[str, Any]:
        """Ask for the erasure of one person or several: JSON, or a list of identifiers as text or CSV."""
        body, caller = await intake.allowed(request, "submit")
        key, media = _key(request, caller), _media(request)
        if media == JSON:
            demand = own.demand(json_of(body), regulation=policy.regulation, delivery=key)
        elif media in lists.MEDIA:
            known = await run_in_threadpool(person_columns, intake.workspace)
            demand = lists.demand(body, dict(request.query_params), regulation=policy.regulation, known=known, delivery=key)
        else:
            raise HTTPException(415, f"expected {JSON} or {' or '.join(lists.MEDIA)}")
        return {"requests": await intake.take_and_show([demand], "own")}

    @app.get("/v1/requests")
    async def every(request: Request, state: str | None = None, limit: int = 100, offset: int = 0) -> dict[str, Any]:
        """Requests, the open ones first, the most urgent first."""
        await intake.allowed(request, "read")
        if not 0 < limit <= MOST_LISTED or not 0 <= offset < 1 << 31:
            raise Unacceptable(422, f"limit is 1 to {MOST_LISTED}, and offset not below 0")
        page = intake.workspace.ledger.standing.page
        total, found = await run_in_threadpool(lambda: page(state=state, first=offset, most=limit))
        return {"total": total, "requests": await intake.shown(found)}

    @app.get("/v1/requests/{request_id}")
    async def one(request: Request, request_id: str) -> Any:
        """One request: its state, deadline, holds, and what is left of it."""
        await intake.allowed(request, "read")
        found = await run_in_threadpool(known_requests.chosen, intake.workspace, [request_id])
        return (await intake.shown(found))[0]

    @app.post("/v1/requests/{request_id}/cancel")
    async def cancel(request: Request, request_id: str) -> Any:
        """Withdraw a request, until redaction begins. The body may say `{"reason": "…"}`."""
        body, _caller = await intake.allowed(request, "submit")
        reason = text(fields(json_of(body), "the body", ("reason",)), "reason") if body else None
        done = await run_in_threadpool(_cancelled, intake, request_id, reason)
        return (await intake.shown([done]))[0]


def _cancelled(intake: Intake, request_id: str, reason: str | None = None) -> ErasureRequest:
    return decisions.cancel(intake.workspace, request_id, now=intake.clock(), reason=reason or "withdrawn")


def _events(app: APIRouter, intake: Intake) -> None:
    policy = intake.workspace.settings.policy

    @app.post("/v1/events", status_code=202, openapi_extra=_takes({"type": "object"}, cloudevents.ONE, cloudevents.BATCH, JSON))
    async def events(request: Request) -> dict[str, Any]:
        """CloudEvents that ask for erasures: structured, a batch, or with `ce-*` headers; all of a message, or none."""
        body, _caller = await intake.allowed(request, "submit")
        demands = cloudevents.demands(_media(request), request.headers, body, regulation=policy.regulation)
        return {"requests": await intake.take_and_show(demands, "cloudevents")}


def _require_json(request: Request) -> None:
    if _media(request) != JSON:
        raise HTTPException(415, f"expected {JSON}")


async def _referred(intake: Intake, channel: str, name: str) -> list[ErasureRequest]:
    found = await run_in_threadpool(intake.workspace.ledger.standing.referred_to, channel, name)
    if not found:
        raise HTTPException(404, f"no request came under this id by {channel}")
    return found


def _opendsr(app: APIRouter, intake: Intake) -> None:
    policy = intake.workspace.settings.policy

    def answer(name: str, caller: Caller, found: Sequence[ErasureRequest], **more: Any) -> dict[str, Any]:
        due = min((one.due_at for one in found if one.due_at), default=None)
        return {
            "controller_id": caller.name,
            "subject_request_id": name,
            "api_version": opendsr.VERSION,
            "expected_completion_time": due and due.isoformat(),
            **more,
        }

    @app.get("/v1/opendsr/discovery")
    async def discovery() -> dict[str, Any]:
        """What can be asked for by OpenDSR."""
        return opendsr.discovery(intake.kind)

    @app.post("/v1/opendsr/requests", status_code=201, openapi_extra=_takes(opendsr.SCHEMA))
    async def submit(request: Request) -> dict[str, Any]:
        """An OpenDSR request of type erasure; its `status_callback_urls` are told of each status."""
        body, caller = await intake.allowed(request, "submit")
        _require_json(request)
        demand = opendsr.demand(json_of(body), kind=intake.kind, regulation=policy.regulation, controller=caller.name)
        made = await intake.take([demand], opendsr.CHANNEL)
        return answer(demand.reference or "", caller, made, received_time=min(one.received_at for one in made).isoformat())

    @app.get("/v1/opendsr/requests/{name}")
    async def status(request: Request, name: str) -> dict[str, Any]:
        """How far it is."""
        _body, caller = await intake.allowed(request, "read")
        wanted = opendsr.request_id(name)
        found = await _referred(intake, opendsr.CHANNEL, wanted)
        return answer(wanted, caller, found, request_status=opendsr.status(found))

    @app.delete("/v1/opendsr/requests/{name}", status_code=202)
    async def cancel(request: Request, name: str) -> dict[str, Any]:
        """Withdraw it, while it is pending."""
        _body, caller = await intake.allowed(request, "submit")
        wanted = opendsr.request_id(name)
        found = await _referred(intake, opendsr.CHANNEL, wanted)
        for one in found:
            if one.state != "cancelled":
                await run_in_threadpool(_cancelled, intake, one.request_id)
        return answer(wanted, caller, found, received_time=intake.clock().isoformat())


def _fides(app: APIRouter, intake: Intake) -> None:
    policy, api = intake.workspace.settings.policy, intake.workspace.settings.callbacks.fides

    @app.post("/v1/fides/webhook", openapi_extra=_takes(fides.SCHEMA))
    async def webhook(request: Request) -> dict[str, Any]:
        """A policy webhook of Fides. A two-way one is told to halt, and resumed when the request has ended."""
        body, _caller = await intake.allowed(request, "submit")
        _require_json(request)
        demand, waits = fides.demand(
            json_of(body), kind=intake.kind, regulation=policy.regulation, headers=request.headers, api=api
        )
        if waits and not demand.callbacks:
            progress.warning("serve  Fides waits, and is not resumed from here: reply-to or callbacks.fides is missing")
        made = await intake.take([demand], fides.CHANNEL)
        ended = all(one.state in lifecycle.ENDED for one in made)
        return {"derived_identities": {}, "halt": waits and not ended}

    @app.get("/v1/fides/requests/{name}")
    async def status(request: Request, name: str) -> dict[str, Any]:
        """How far a privacy request is, by its id."""
        await intake.allowed(request, "read")
        found = await _referred(intake, fides.CHANNEL, fides.request_id(name))
        return {"halt": not all(one.state in lifecycle.ENDED for one in found), "requests": await intake.shown(found)}


def _drop(app: APIRouter, intake: Intake) -> None:
    @app.post("/v1/drop", status_code=202, openapi_extra=_takes(None, "text/csv"))
    async def take(request: Request) -> dict[str, Any]:
        """A list of California's DROP: CSV with `ID,Hash`."""
        body, _caller = await intake.allowed(request, "submit")
        if _media(request) != "text/csv":
            raise HTTPException(415, "expected text/csv")
        made = await intake.take(drop.demands(body), drop.CHANNEL)
        return {"received": len(made)}

    @app.get("/v1/drop", response_class=PlainTextResponse)
    async def answer(request: Request) -> Response:
        """`ID,status` of everybody on the lists whose request has ended: 2 exempted, 3 deleted, 5 not found."""
        await intake.allowed(request, "read")
        found = await run_in_threadpool(intake.workspace.ledger.standing.referred_to, drop.CHANNEL)
        return PlainTextResponse(drop.answer(found), media_type="text/csv")


# --- looking --------------------------------------------------------------------------------------------------------


def _looking(app: APIRouter, intake: Intake) -> None:
    @app.post(
        "/v1/impact",
        openapi_extra=_takes({"type": "object", "properties": {"subjects": {"type": "array"}, "requests": {"type": "array"}}}),
    )
    async def impact(request: Request) -> dict[str, Any]:
        """What an erasure of these `subjects` or `requests` would touch and cost; changes nothing."""
        body, _caller = await intake.allowed(request, "read")
        _require_json(request)
        found = fields(json_of(body), "the body", ("subjects", "requests"))
        if len(found) != 1:
            raise Unacceptable(400, "expected subjects or requests, one of them")
        asked = items(found, next(iter(found)), most=own.MOST)
        if not all(isinstance(one, (str, int)) and not isinstance(one, bool) for one in asked):
            raise Unacceptable(400, "expected texts or whole numbers in the list")
        return await run_in_threadpool(_impact, intake.workspace, list(map(str, asked)), "requests" in found)

    @app.get("/v1/certificates/{name}")
    async def certificate(request: Request, name: str) -> Response:
        """The newest certificate of an erasure or a request, signed, as `unlearn verify` takes it."""
        await intake.allowed(request, "read")
        content = await run_in_threadpool(certificates.newest, intake.workspace, name)
        return Response(content, media_type=JSON)

    @app.get("/v1/answers/{request_id}", responses={200: {"content": {HTML: {"schema": {"type": "string"}}}}})
    async def answer(request: Request, request_id: str) -> Response:
        """What the person of a request is told now: JSON, or with `Accept: text/html` the page."""
        await intake.allowed(request, "read")
        return await run_in_threadpool(_answer, intake, request_id, HTML in request.headers.get("accept", ""))


def _answer(intake: Intake, request_id: str, as_page: bool) -> Response:
    from unlearning.erasure.answer import answer
    from unlearning.erasure.answer_page import html

    found = answer(intake.workspace, request_id, now=intake.clock())
    return Response(html(intake.workspace, found), media_type=HTML) if as_page else JSONResponse(write(found))


def _impact(workspace: Workspace, asked: list[str], by_request: bool) -> dict[str, Any]:
    from unlearning.erasure import report, search
    from unlearning.erasure.steps import assess

    requests = known_requests.chosen(workspace, asked) if by_request else []
    if by_request:
        tokens = {one.token for one in requests}
    else:
        tokens = {one.hex() for one in hashing.keyed(workspace.keys.index, receive.known_as(workspace, asked))}
    found = assess.assess(workspace, sorted(tokens), search.search(workspace, tokens))
    return {**write(found), "estimate": write(report.estimated(workspace, found)), "plan": plans.common(workspace, requests)}


# --- plans ----------------------------------------------------------------------------------------------------------


def _plans(app: APIRouter, intake: Intake, console: Console | None) -> None:
    @app.get("/v1/plans/{digest}")
    async def plan(request: Request, digest: str) -> Any:
        """What an erasure is going to do, touch and cost, by the digest of its plan."""
        await intake.allowed(request, "read")
        return await run_in_threadpool(lambda: write(plans.planned(plans.named(intake.workspace, digest))))

    @app.post("/v1/plans/{digest}/approve", openapi_extra=_takes(_BY))
    async def approve(request: Request, digest: str) -> Any:
        """Let the erasure of this plan begin. A plan that is stale or does not wait is refused; twice is once."""
        if console is not None and COOKIE in request.cookies and "authorization" not in request.headers:
            return await _from_the_console(intake, console, request, digest)
        body, caller = await intake.allowed(request, "approve")
        _require_json(request)
        by = required(fields(json_of(body), "the body", ("by",)), "by", longest=_LONGEST_BY)
        return await run_in_threadpool(lambda: write(_approve(intake, digest, by, caller.name)))


_LONGEST_BY = 200
_BY = {
    "type": "object",
    "properties": {"by": {"type": "string", "minLength": 1, "maxLength": _LONGEST_BY}},
    "required": ["by"],
    "additionalProperties": False,
}


def _approve(intake: Intake, digest: str, by: str, access_id: str) -> Planned:
    return decisions.approve_plan(intake.workspace, digest, by=by, now=intake.clock(), access=access_id)


async def _from_the_console(intake: Intake, console: Console, request: Request, digest: str) -> Response:
    """The same by the form of a page, for whoever signed in there with a key that may; answered with that page."""
    body = await intake.door.body(request)
    key = await run_in_threadpool(console.key, request)
    if key is None or "approve" not in key.scopes or not from_here(request):
        raise HTTPException(403, "expected a page of this console, and somebody who signed in there with the scope approve")
    by = parse_qs(body[: 16 * _LONGEST_BY].decode("utf-8", "replace"), max_num_fields=4).get("by", [""])[-1]
    if len(by) > _LONGEST_BY:
        raise HTTPException(400, f"expected at most {_LONGEST_BY} characters on who approves")
    try:
        done = await run_in_threadpool(_approve, intake, digest, by, key.access_id)
    except UnlearningError as error:
        return pages.problem(error)
    return RedirectResponse(f"{pages.AT}/requests/{done.requests[0]}", 303)


# --- health ---------------------------------------------------------------------------------------------------------


def _health(app: FastAPI, intake: Intake) -> None:
    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The service runs."""
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> dict[str, Any]:
        """It can take requests in: the ledger answers, and the keys are there; and who carries them out."""
        await run_in_threadpool(lambda: (intake.workspace.ledger.standing.counts(), intake.workspace.keys))
        flows = intake.flows()
        if flows["where"] == "ended":
            raise HTTPException(503, "nobody starts the flows here any more; start the service again")
        return {"status": "ready", "flows": flows}

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> str:
        """Counts, for Prometheus."""
        return await run_in_threadpool(_metrics, intake)


def _metrics(intake: Intake) -> str:
    workspace, now = intake.workspace, intake.clock()
    counts = {state: 0 for state in sorted({*lifecycle.ACTIVE, *lifecycle.ENDED})} | workspace.ledger.standing.counts()
    lines = [
        "# TYPE unlearning_requests gauge",
        *(f'unlearning_requests{{state="{state}"}} {number}' for state, number in counts.items()),
        "# TYPE unlearning_requests_overdue gauge",
        f"unlearning_requests_overdue {workspace.ledger.standing.count_due(now)}",
        "# TYPE unlearning_requests_must_start gauge",
        f"unlearning_requests_must_start {pace.count_overdue(workspace, now)}",
        "# TYPE unlearning_intake_accepted_total counter",
        *(f'unlearning_intake_accepted_total{{format="{form}"}} {number}' for form, number in sorted(intake.accepted.items())),
        "# TYPE unlearning_intake_refused_total counter",
        *(f'unlearning_intake_refused_total{{code="{code}"}} {number}' for code, number in sorted(intake.refused.items())),
        "# TYPE unlearning_flow_runs_total counter",
        *(
            f'unlearning_flow_runs_total{{flow="{flow}",how="{how}"}} {n}'
            for (flow, how), n in sorted(intake.flow_runs.items())
        ),
    ]
    return "\n".join(lines) + "\n"
