"""The pages: what stands on them, and that a text which somebody wrote acts nowhere."""

from __future__ import annotations

import base64
import json
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.entrypoints.console.conftest import Browser
from tests.entrypoints.intake.conftest import NOON
from tests.erasure.test_plans import planned
from unlearning.domain.events import ErasureQueued
from unlearning.entrypoints.console.pages import Console
from unlearning.erasure import decisions
from unlearning.erasure.steps import receive
from unlearning.erasure.steps.receive import Asked
from unlearning.project import access
from unlearning.project.workspace import Workspace


def ask(workspace: Workspace, who: str, **more: Any) -> str:
    asked = Asked([who], regulation="gdpr", **more)
    [made] = receive.receive_all(workspace, [asked], now=NOON)
    return made.request_id


def test_the_first_page_lists_requests_and_filters_them_by_state(blank: Browser) -> None:
    blank.sign_in()
    assert "No request came yet" in blank.page()
    first = ask(blank.workspace, "ann-1")
    held = ask(blank.workspace, "bob-2", reference="<b>OPS</b>")
    decisions.hold(blank.workspace, held, reason="<script>alert(1)</script>", now=NOON)
    every = blank.page()
    assert first in every
    assert held in every
    assert "<b>OPS" not in every
    only = blank.page("/?state=on_hold")
    assert held in only
    assert f"/requests/{first}" not in only
    assert "No request is no such state" in blank.page("/?state=no_such_state")
    blank.page("/?first=-1", status=409)
    part = blank.client.get("/console/", headers={"HX-Request": "true"}).text
    assert part.lstrip().startswith('<div id="requests"')


def test_a_request_shows_its_way_and_a_text_acts_nowhere(blank: Browser) -> None:
    blank.sign_in()
    held = ask(blank.workspace, "bob-2")
    decisions.hold(blank.workspace, held, reason="<script>alert(1)</script>", now=NOON)
    shown = blank.page(f"/requests/{held}")
    assert "<script>alert" not in shown
    assert "&lt;script&gt;" in shown
    assert "Legal hold" in shown
    assert f"<code>unlearn release {held}</code>" in shown


ABSENT = ["/requests/request-0000000000000000", "/requests/ann-1", "/certificates/x", "/nothing", "/lineage/x/1"]


@pytest.mark.parametrize("path", ABSENT)
def test_what_is_not_there_is_said_without_repeating_it(blank: Browser, path: str) -> None:
    blank.sign_in()
    assert "Not here" in blank.page(path, status=404)


def test_an_erased_persons_request_has_plan_checks_lineage_and_a_certificate_verified_now(erased: Browser) -> None:
    erased.sign_in()
    [request] = erased.workspace.ledger.state().requests.values()
    shown = erased.page(f"/requests/{request.request_id}")
    for title in ("Its way", "Plan and price", "Lineage", "Checks", "Documents"):
        assert f"<h2>{title}</h2>" in shown
    [drawn] = re.findall(r'<img[^>]* src="/console(/lineage/[^"]+)"', shown)
    assert erased.page(drawn).startswith("<svg")
    assert "valid, by the key" in erased.page(f"/certificates/{request.request_id}")
    assert "erased" in erased.page(f"/answers/{request.request_id}")
    for page in ("/models", "/data"):
        erased.page(page)
    assert request.erasure_id
    file = next(erased.workspace.path(erased.workspace.settings.stores.certificates).glob(f"{request.erasure_id}.json"))
    signed = json.loads(file.read_text())
    file.write_text(json.dumps({**signed, "payload": base64.b64encode(b"{}").decode()}))
    erased.page(f"/certificates/{request.erasure_id}", status=409)


def test_no_page_takes_anything_in(blank: Browser) -> None:
    blank.sign_in()
    before = blank.workspace.ledger.head()
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in ("/", "/models", "/requests/request-0123456789abcdef"):
            assert blank.client.request(method, f"/console{path}").status_code == 405
    assert blank.workspace.ledger.head() == before


def test_what_nobody_foresaw_is_not_said_in_its_own_words(blank: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    blank.sign_in()

    def broken(*_: object, **__: object) -> None:
        raise KeyError("ann-1")

    monkeypatch.setattr("unlearning.entrypoints.console.looking.overview", broken)
    assert "please report" in blank.page("/", status=409)


def test_files_are_those_that_the_pages_name(blank: Browser) -> None:
    page = blank.client.get("/console/sign-in").text
    for path in re.findall(r'(?:href|src)="(/console/static/[^"]+)"', page):
        assert blank.client.get(path).status_code == 200
    assert blank.client.get("/console/static/..%2Fpages.py").status_code in (303, 404)


def test_the_root_leads_to_the_console(blank: Browser) -> None:
    assert blank.client.get("/").headers["location"] == "/console/"


@pytest.fixture
def address(erased: Browser) -> Iterator[str]:
    """The console over a socket, for a real browser."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(erased.client.app, host="127.0.0.1", port=0, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/console/"
    server.should_exit = True
    thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 820, 1360])
def test_in_a_browser_everything_loads_fits_and_is_reached_by_the_keyboard(erased: Browser, address: str, width: int) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium is installed here")
    from playwright.sync_api import sync_playwright

    token = access.grant(erased.workspace, ["read"], now=NOON).token
    quiet = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as tool:
        chrome = tool.chromium.launch(executable_path=chromium, args=quiet)
        page = chrome.new_page(viewport={"width": width, "height": 900}, color_scheme="dark")
        wrong: list[str] = []
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(address)
        page.keyboard.type(token)
        page.keyboard.press("Enter")
        page.wait_for_selector("#requests")
        for path in ("", "models", "data", *(one.get_attribute("href") or "" for one in page.locator("tbody th a").all())):
            page.goto(address.removesuffix("/console/") + path if path.startswith("/") else address + path)
            page.wait_for_load_state("networkidle")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.evaluate("[...document.images].forEach(one => one.scrollIntoView())")  # far below it waits to be seen
            page.wait_for_load_state("networkidle")
            page.evaluate("Promise.all([...document.images].map(one => one.decode()))")
            assert page.evaluate("[...document.images].every(one => one.naturalWidth > 0)")
        chrome.close()
    assert wrong == []


def test_the_console_is_a_value_of_a_project(erased: Browser) -> None:
    assert isinstance(erased.console, Console)
    assert Path(erased.console.workspace.root) == erased.workspace.root


# --- approving ------------------------------------------------------------------------------------------------------

HERE = {"sec-fetch-site": "same-origin"}


def test_whoever_signed_in_with_the_scope_approves_a_plan_by_a_button(blank: Browser) -> None:
    waiting = planned(blank.workspace)
    path = f"/v1/plans/{waiting.wait()}/approve"
    blank.sign_in("read")
    assert path not in blank.page(f"/requests/{waiting.request_id}")
    assert blank.client.post(path, data={"by": "the DPO"}, headers=HERE).status_code == 403
    blank.sign_in("read", "approve")
    assert f'action="{path}"' in blank.page(f"/requests/{waiting.request_id}")
    assert blank.client.post(path, data={"by": " "}, headers=HERE).status_code == 409

    answer = blank.client.post(path, data={"by": "the DPO"}, headers=HERE)

    assert (answer.status_code, answer.headers["location"]) == (303, f"/console/requests/{waiting.request_id}")
    shown = blank.page(f"/requests/{waiting.request_id}")
    assert "by the DPO" in shown
    assert path not in shown
    waiting.plan()
    assert "not asked for" in blank.page(f"/requests/{waiting.request_id}")
    waiting.wait()
    decisions.hold(blank.workspace, waiting.request_id, reason="tax law", now=NOON)
    assert "asked for, not given yet" in blank.page(f"/requests/{waiting.request_id}")
    assert "stale" in blank.client.post(path, data={"by": "the DPO"}, headers=HERE).text


OTHERS: list[dict[str, str]] = [
    {},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {"origin": "https://elsewhere.example"},
    {"origin": "null"},
    {"sec-fetch-site": "cross-site", "origin": "http://testserver"},
]


@pytest.mark.parametrize("headers", OTHERS)
def test_a_page_of_another_site_approves_nothing_in_their_name(blank: Browser, headers: dict[str, str]) -> None:
    waiting = planned(blank.workspace)
    path = f"/v1/plans/{waiting.wait()}/approve"
    assert "samesite=strict" in blank.sign_in("read", "approve").headers["set-cookie"].lower()
    assert blank.client.post(path, data={"by": "x"}, headers=headers).status_code == 403
    assert waiting.workspace.ledger.of(ErasureQueued) == []
    assert blank.client.post(path, data={"by": "x"}, headers={"origin": "http://testserver"}).status_code == 303


def test_the_cookie_of_the_console_opens_nothing_else(blank: Browser) -> None:
    request = ask(blank.workspace, "ann-1")
    blank.sign_in("read", "submit", "approve")
    assert blank.client.get("/v1/requests", headers=HERE).status_code == 401
    assert blank.client.post(f"/v1/requests/{request}/cancel", headers=HERE).status_code == 401
