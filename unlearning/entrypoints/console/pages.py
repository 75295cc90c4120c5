"""The console's pages over HTTP: each is made when it is asked for, and nothing that is asked for changes anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from unlearning.certificate import envelope
from unlearning.certificate.page import page
from unlearning.certificate.page.templating import Templates
from unlearning.domain import lifecycle
from unlearning.domain.clocks import Clock, utc_now
from unlearning.domain.errors import NotFound, Unavailable, UnlearningError, WrongUse
from unlearning.entrypoints import last_resort
from unlearning.entrypoints.console import looking
from unlearning.entrypoints.console.sign_in import COOKIE, LASTS_S, PATH, Sessions, vouched
from unlearning.erasure import certificates, recipients
from unlearning.lineage import drawing, provenance

if TYPE_CHECKING:
    from unlearning.entrypoints.intake.door import Door
    from unlearning.project.access import Access
    from unlearning.project.workspace import Workspace

AT = "/console"
STATIC = Path(__file__).parent / "static"
_FILES = {
    "icon.svg": "image/svg+xml",
    "console.css": "text/css; charset=utf-8",
    "htmx.min.js": "text/javascript; charset=utf-8",
}
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_ALONE = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""Of a document that brings its own looks and loads nothing."""
_GUARD = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin"}
_WRONG = "This key does not open the console: it is wrong, lacks the scope read, or was taken back."
_MOST_SIGN_IN = 4_096
"""Bytes of a sign-in form."""


@dataclass
class Console:
    """The pages of one project."""

    workspace: Workspace
    """Read through connections that may only look."""
    door: Door
    header: str | None = None
    """Set by a reverse proxy on this machine for whoever it let in."""
    clock: Clock = utc_now
    sessions: Sessions = field(init=False)

    def __post_init__(self) -> None:
        self.sessions = Sessions(self.workspace)

    def may_look(self, request: Request) -> bool:
        """Whoever asks has signed in."""
        return vouched(request, self.header) or self.key(request) is not None

    def key(self, request: Request) -> Access | None:
        """The key that whoever asks signed in with."""
        return self.sessions.of(request.cookies.get(COOKIE))

    def may_approve(self, request: Request) -> bool:
        """Whoever asks signed in with a key that may let an erasure begin."""
        key = self.key(request)
        return key is not None and "approve" in key.scopes


def application(console: Console) -> FastAPI:
    """The pages as an ASGI application, to be mounted at `AT`."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    _errors(app, console)
    _sign_in(app, console)
    _pages(app, console)
    _documents(app, console)
    return app


# --- answers --------------------------------------------------------------------------------------------------------


def _html(name: str, status: int = 200, **values: Any) -> HTMLResponse:
    return HTMLResponse(_TEMPLATES.fill(name, at=AT, **values), status, {**_GUARD, "Content-Security-Policy": _POLICY})


def _problem(status: int, title: str, words: str) -> HTMLResponse:
    return _html("problem.html.jinja", status, here="", title=title, words=words)


def problem(error: Exception) -> Response:
    """What went wrong, as a page."""
    status = 404 if isinstance(error, NotFound) else 503 if isinstance(error, Unavailable) else 409
    return _problem(status, _TITLES.get(status, "Not possible"), str(error))


def _errors(app: FastAPI, console: Console) -> None:
    async def http(_request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return _problem(status, _TITLES.get(status, "Not possible"), str(getattr(error, "detail", "")))

    async def ours(_request: Request, error: Exception) -> Response:
        return problem(error)

    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(UnlearningError, ours)

    @app.middleware("http")
    async def only_who_may(request: Request, go_on: Callable[[Request], Any]) -> Response:
        """Whoever has not signed in sees the way in, and nothing else; what nobody foresaw is not said in its own words."""
        inside = request.url.path.removeprefix(AT)
        if not inside.startswith(("/sign-in", "/static/")) and not await run_in_threadpool(console.may_look, request):
            return RedirectResponse(f"{AT}/sign-in", 303)
        try:
            answer: Response = await go_on(request)
        except Exception as error:
            return await ours(request, await run_in_threadpool(last_resort.ended, error, console.workspace.root))
        return answer


_TITLES = {404: "Not here", 503: "Does not answer", 429: "Too often"}


# --- signing in -----------------------------------------------------------------------------------------------------


def _sign_in(app: FastAPI, console: Console) -> None:
    @app.get("/sign-in")
    async def ask() -> Response:
        return _html("sign_in.html.jinja", wrong="")

    @app.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        body = await console.door.body(request)
        said = parse_qs(body[:_MOST_SIGN_IN].decode("utf-8", "replace"), max_num_fields=4)
        name = await run_in_threadpool(console.sessions.begin, "".join(said.get("token", [])).strip())
        if name is None:
            if (refused := console.door.stranger(request, _WRONG)).status_code != 401:
                raise refused
            return _html("sign_in.html.jinja", 401, wrong=_WRONG)
        answer = RedirectResponse(f"{AT}/", 303)
        secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
        answer.set_cookie(COOKIE, name, max_age=LASTS_S, path=PATH, httponly=True, samesite="strict", secure=secure)
        return answer

    @app.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        console.sessions.end(request.cookies.get(COOKIE))
        answer = RedirectResponse(f"{AT}/sign-in", 303)
        answer.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="strict")
        return answer

    @app.get("/static/{name}")
    async def static(name: str) -> Response:
        if name not in _FILES:
            raise NotFound("no such file")
        return Response((STATIC / name).read_bytes(), headers=_GUARD, media_type=_FILES[name])


# --- pages ----------------------------------------------------------------------------------------------------------


def _pages(app: FastAPI, console: Console) -> None:
    workspace = console.workspace

    @app.get("/")
    async def requests(request: Request, state: str = "", first: int = 0) -> Response:
        if not 0 <= first < 1 << 31:
            raise WrongUse("a page begins at 0 or later")
        now = console.clock()
        found = await run_in_threadpool(looking.overview, workspace, state=state or None, first=first, now=now)
        part = request.headers.get("hx-request") == "true"
        name = "requests_list.html.jinja" if part else "requests.html.jinja"
        return _html(name, here="requests", found=found, now=now, ended=lifecycle.ENDED)

    @app.get("/requests/{request_id}")
    async def one(request: Request, request_id: str) -> Response:
        now = console.clock()
        found = await run_in_threadpool(looking.journey, workspace, request_id, now=now)
        may = await run_in_threadpool(console.may_approve, request)
        return _html("request.html.jinja", here="requests", found=found, now=now, ended=lifecycle.ENDED, may_approve=may)

    @app.get("/models")
    async def models() -> Response:
        return _html("models.html.jinja", here="models", models=await run_in_threadpool(looking.models, workspace))

    @app.get("/data")
    async def data() -> Response:
        versions, twins = await run_in_threadpool(looking.data, workspace)
        return _html("data.html.jinja", here="data", versions=versions, twins=twins)


def _documents(app: FastAPI, console: Console) -> None:
    workspace = console.workspace

    @app.get("/certificates/{name}")
    async def certificate(name: str) -> Response:
        """The certificate as a page; its signature and what follows from it are worked out now."""
        found = await run_in_threadpool(_certificate, workspace, name, console.clock())
        return HTMLResponse(found, headers={**_GUARD, "Content-Security-Policy": _ALONE})

    @app.get("/answers/{request_id}")
    async def answer(request_id: str) -> Response:
        """What the person of a request is told now, as the letter shows it."""
        found = await run_in_threadpool(_answer, workspace, request_id, console.clock())
        return HTMLResponse(found, headers={**_GUARD, "Content-Security-Policy": _ALONE})

    @app.get("/lineage/{model}/{version}")
    async def lineage(model: str, version: int) -> Response:
        found = await run_in_threadpool(_lineage, workspace, f"{model}/{version}")
        return Response(found, headers={**_GUARD, "Content-Security-Policy": _ALONE}, media_type="image/svg+xml")


def _certificate(workspace: Workspace, name: str, now: datetime) -> str:
    return page.render(envelope.read(certificates.newest(workspace, name)), *workspace.trusted_keys, now=now)


def _answer(workspace: Workspace, request_id: str, now: datetime) -> str:
    from unlearning.erasure import answer, answer_page

    return answer_page.html(workspace, answer.answer(workspace, request_id, now=now))


def _lineage(workspace: Workspace, named: str) -> str:
    found = provenance.of_model(workspace, named).drawn
    if len(found.picture.nodes) > provenance.DRAWN_AT_MOST:
        raise NotFound(f"the lineage of {named} has {len(found.picture.nodes)} parts, too many for a page")
    return drawing.svg(provenance.picture(found), found.title, found.note)


# --- words ----------------------------------------------------------------------------------------------------------


def _day(moment: datetime | None) -> str:
    return "none" if moment is None else f"{moment.astimezone(UTC):%-d %b %Y}"


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%-d %b %Y, %H:%M} UTC"


def _loudness(state: str) -> str:
    """How a state is marked: well ended, in need of somebody, or on its way."""
    if state == "completed":
        return "good"
    return "warn" if state in ("failed", "awaiting_approval", "unverified", "on_hold", "completed_with_residuals") else "plain"


_TEMPLATES = Templates(
    Path(__file__).parent / "templates",
    {
        "day": _day,
        "minute": _minute,
        "iso": lambda moment: moment.isoformat(),
        "words": lambda text: text.replace("_", " "),
        "law": lambda text: "no law stated" if text == "none" else text.upper(),
        "left": looking.time_left,
        "recipient": recipients.say,
        "loud": _loudness,
        "number": page.number,
        "counted": page.counted,
        "short": lambda value: f"{value:.4g}" if isinstance(value, float) else value,
        "seconds": lambda took: "" if took is None else f"{took:.1f} s",
    },
)
