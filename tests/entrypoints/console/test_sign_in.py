"""Who may look: by a key with the scope to read, until it is taken back; or by a proxy on this machine."""

from __future__ import annotations

import pytest

from tests.entrypoints.console.conftest import Browser
from tests.entrypoints.intake.conftest import NOON
from unlearning.entrypoints.console.sign_in import COOKIE, LASTS_S, Sessions
from unlearning.project import access

PAGES = ["", "/", "/models", "/data", "/requests/request-0123456789abcdef", "/certificates/x", "/nothing"]


@pytest.mark.parametrize("path", PAGES)
def test_a_stranger_sees_the_way_in_and_nothing_else(blank: Browser, path: str) -> None:
    found = blank.client.get(f"/console{path}", follow_redirects=True)
    assert str(found.url).endswith("/console/sign-in")
    assert 'name="token"' in found.text


@pytest.mark.parametrize("scope", ["submit", "approve"])
def test_a_key_that_may_not_read_opens_nothing(blank: Browser, scope: access.Scope) -> None:
    assert blank.sign_in(scope).status_code == 401
    assert blank.client.get("/console/").status_code == 303


def test_a_session_is_a_cookie_that_no_script_and_no_other_site_gets(blank: Browser) -> None:
    cookie = blank.sign_in().headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "path=/;"))
    assert "unl_" not in cookie
    blank.page()
    blank.client.post("/console/sign-out")
    assert blank.client.get("/console/").status_code == 303


def test_a_key_that_was_taken_back_ends_its_session_at_once(blank: Browser) -> None:
    blank.sign_in()
    blank.page()
    [given] = access.every(blank.workspace)
    access.revoke(blank.workspace, given.access_id, now=NOON)
    assert blank.client.get("/console/").status_code == 303


def test_a_session_runs_out_and_a_made_up_one_was_never_begun(blank: Browser) -> None:
    now = [0.0]
    sessions = Sessions(blank.workspace, clock=lambda: now[0])
    name = sessions.begin(access.grant(blank.workspace, ["read"], now=NOON).token)
    assert sessions.of(name) is not None
    assert sessions.of("made-up") is None
    assert sessions.of(None) is None
    now[0] = LASTS_S + 1.0
    assert sessions.of(name) is None


def test_wrong_keys_are_answered_thirty_times_and_then_only_counted(blank: Browser) -> None:
    answers = [blank.client.post("/console/sign-in", data={"token": f"unl_{at}"}).status_code for at in range(40)]
    assert answers[0] == 401
    assert answers[-1] == 429


def test_a_proxy_vouches_from_this_machine_alone(blank: Browser) -> None:
    def seen(host: str, headers: dict[str, str]) -> int:
        blank.client._transport.client = (host, 1)  # type: ignore[attr-defined]
        return blank.client.get("/console/", headers=headers).status_code

    assert seen("127.0.0.1", {"X-Remote-User": "the officer"}) == 200
    assert seen("::1", {"X-Remote-User": "the officer"}) == 200
    assert seen("127.0.0.1", {"X-Remote-User": " "}) == 303
    assert seen("127.0.0.1", {}) == 303
    assert seen("10.1.2.3", {"X-Remote-User": "the officer"}) == 303
    blank.console.header = None
    assert seen("127.0.0.1", {"X-Remote-User": "the officer"}) == 303
    assert COOKIE not in blank.client.cookies
