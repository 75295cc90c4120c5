"""A server that is odd, away or busy is never believed; of one that answers, every row comes."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.servers import free_port
from unlearning.stores import prefect_rows
from unlearning.stores.prefect_rows import Server, Unread, named

Answer = tuple[int, str, dict[str, str]]


def one_row(name: str, number: int) -> dict[str, str]:
    return {"id": str(uuid.UUID(int=number)), "name": name}


class Fake:
    """As much of Prefect's API as a reading asks for: lists of rows, some at a time."""

    def __init__(self, *, page: int = 200, **rows: int) -> None:
        self.page = page
        self.rows = {
            kind: [{"id": str(uuid.UUID(int=n)), "name": f"{kind} {n}"} for n in range(1, many + 1)]
            for kind, many in rows.items()
        }
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.before: Callable[[str, int], None] = lambda _path, _at: None

    def __call__(self, method: str, path: str, body: dict[str, Any], headers: dict[str, str]) -> Answer:
        self.asked.append((method, path, headers))
        path = path.removeprefix("/api/")
        if path.startswith("csrf-token"):
            return 422, "{}", {}
        if path == "events/filter":
            since = body["filter"]["occurred"]["since"]
            events = [{**one, "occurred": f"{2000 + at // 7}"} for at, one in enumerate(self.rows.get("events", []))]
            left = [one for one in events if one["occurred"] >= since]
            return 200, json.dumps({"events": left[:20], "next_page": "more" if left[20:] else None}), {}
        self.before(path, body.get("offset", 0))
        rows = self.rows.get(path.removesuffix("/filter"), [])
        at = body.get("offset", 0)
        return 200, json.dumps(rows[at : at + self.page]), {}


@contextlib.contextmanager
def served(answer: Callable[..., Answer]) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self._do(json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}"))

        def do_GET(self) -> None:
            self._do({})

        def _do(self, body: dict[str, Any]) -> None:
            status, content, headers = answer(self.command, self.path, body, dict(self.headers))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content.encode())), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(content.encode())

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        yield Server(f"http://127.0.0.1:{server.server_address[1]}/api", answer_seconds=5)
        server.shutdown()


def names(server: Server) -> list[str]:
    return [row.content["name"] for page in server.pages() if not isinstance(page, Unread) for row in page]


@pytest.mark.parametrize("page", [1, 2, 3, 7, 20, 200])
def test_every_row_comes_however_long_a_page_is(page: int) -> None:
    many = {"flows": 20, "logs": 7, "artifacts": 1, "events": 61}
    with served(Fake(page=page, **many)) as server:
        found = names(server)
    assert set(found) == {f"{kind} {n}" for kind, last in many.items() for n in range(1, last + 1)}


def test_what_is_added_in_front_meanwhile_hides_nothing() -> None:
    fake = Fake(page=5, logs=30)

    def add(path: str, at: int) -> None:
        if path == "logs/filter" and at in (4, 8):
            fake.rows["logs"][:0] = [{"id": str(uuid.uuid4()), "name": "new"} for _ in range(3)]

    fake.before = add
    with served(fake) as server:
        assert {f"logs {n}" for n in range(1, 31)} <= set(names(server))


@pytest.mark.parametrize("goes", [0, 3, 4, 5])
def test_what_is_deleted_meanwhile_hides_none_that_stays(goes: int) -> None:
    fake, once = Fake(page=5, logs=30), []

    def delete(path: str, at: int) -> None:
        if path == "logs/filter" and at >= 8 and not once:
            once.append(fake.rows["logs"].pop(goes))

    fake.before = delete
    with served(fake) as server:
        found = set(names(server))
    assert {f"logs {n}" for n in range(1, 31)} - {once[0]["name"]} <= found


def test_rows_that_come_and_go_all_the_time_are_no_list() -> None:
    fake = Fake(page=5, logs=300)
    fake.before = lambda path, _at: fake.rows["logs"].pop(0) and None if path == "logs/filter" else None
    with served(fake) as server, pytest.raises(OSError, match="its logs come and go faster"):
        names(server)


def test_more_events_of_one_moment_than_a_page_holds_are_not_taken_for_the_end() -> None:
    fake = Fake()
    fake.rows["events"] = [{"id": str(uuid.uuid4()), "name": "e", "occurred": "2001"} for _ in range(90)]

    def one_moment(method: str, path: str, body: dict[str, Any], headers: dict[str, str]) -> Answer:
        if path.endswith("events/filter"):
            return 200, json.dumps({"events": fake.rows["events"][:50], "next_page": "more"}), {}
        return fake(method, path, body, headers)

    with served(one_moment) as server, pytest.raises(OSError, match="at one moment"):
        names(server)


ODD: dict[str, tuple[Answer, str]] = {
    "login": ((401, "{}", {}), "answers HTTP 401"),
    "forbidden": ((403, "{}", {}), "HTTP 403"),
    "no API": ((404, "<html>", {}), "HTTP 404"),
    "page of a login": ((200, "<html>Sign in</html>", {"Content-Type": "text/html"}), "not answer as Prefect"),
    "redirect": ((302, "", {"Location": "http://127.0.0.2:9/api/"}), "points elsewhere"),
    "redirect for ever": ((308, "", {"Location": "/api/flows/filter"}), "points elsewhere"),
    "error": ((500, "{}", {}), "answers HTTP 500"),
    "other JSON": ((200, '{"ok": true}', {}), "not answer as Prefect"),
    "rows without ids": ((200, '[{"name": "x"}]', {}), "not answer as Prefect"),
    "rows of words": ((200, '["x"]', {}), "not answer as Prefect"),
    "cut": ((200, "[]", {"Content-Length": "900"}), "not answer"),
    "cut JSON": ((200, '[{"id": "a"', {}), "not answer as Prefect"),
    "too deep": ((200, "[" * 100_000, {}), "not answer as Prefect"),
    "no UTF-8 length": ((200, "", {}), "not answer as Prefect"),
}


@pytest.mark.parametrize("odd", ODD)
def test_an_answer_that_is_not_prefects_is_an_error_and_never_an_empty_server(odd: str) -> None:
    answer, said = ODD[odd]
    with served(lambda *_: answer) as server, pytest.raises(OSError, match=said) as error:
        list(replace(server, answer_seconds=1).pages())
    assert error.value.errno is None


def test_a_server_that_is_away_or_says_nothing_is_an_error() -> None:
    with pytest.raises(OSError, match="not answer"):
        list(Server(f"http://127.0.0.1:{free_port()}/api").pages())
    with pytest.raises(OSError, match="not answer"):
        list(Server("http://[::1/api").pages())

    def hangs(*_: Any) -> Answer:
        time.sleep(2)
        return 200, "[]", {}

    with served(hangs) as server, pytest.raises(OSError, match=r"within 0\.3 s"):
        list(replace(server, answer_seconds=0.3).pages())


def test_a_busy_server_is_asked_again_and_one_that_stays_so_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefect_rows, "_PATIENCE_SECONDS", (0.01, 0.01))
    fake, busy = Fake(flows=3), [1, 1]

    def at_first(*asked: Any) -> Answer:
        return (429, "", {"Retry-After": "9999"}) if busy and busy.pop() else fake(*asked)

    with served(at_first) as server:
        assert len(names(server)) == 3
    with served(lambda *_: (429, "", {})) as server, pytest.raises(OSError, match="HTTP 429"):
        list(server.pages())


def test_a_server_that_never_ends_is_left_after_a_while() -> None:
    fake = Fake(page=5)

    def endless(method: str, path: str, body: dict[str, Any], headers: dict[str, str]) -> Answer:
        at = body.get("offset", 0)
        if path.endswith("logs/filter"):
            return 200, json.dumps([{"id": str(uuid.UUID(int=n + 1)), "name": "x"} for n in range(at, at + 5)]), {}
        return fake(method, path, body, headers)

    with served(endless) as server, pytest.raises(OSError, match="not read to the end within 1 s"):
        list(replace(server, whole_seconds=1).pages())


def test_a_kind_that_is_not_given_is_said_and_the_rest_is_read() -> None:
    fake = Fake(flows=2, variables=1)

    def without(method: str, path: str, body: dict[str, Any], headers: dict[str, str]) -> Answer:
        return (404, "", {}) if path.startswith("/api/logs") else fake(method, path, body, headers)

    with served(without) as server:
        assert [one for one in server.pages() if isinstance(one, Unread)] == [Unread("logs", "HTTP 404")]
        assert names(server) == ["flows 1", "flows 2", "variables 1"]


def test_the_key_goes_to_its_server_alone_and_a_wanted_token_comes_with_it() -> None:
    fake, elsewhere = Fake(), Fake()

    def with_token(method: str, path: str, body: dict[str, Any], headers: dict[str, str]) -> Answer:
        fake(method, path, body, headers)
        if "csrf-token" in path:
            return 200, '{"token": "t0ken"}', {}
        if headers.get("Prefect-Csrf-Token") != "t0ken":
            return 403, "{}", {}
        return fake(method, path, body, headers)

    with served(elsewhere) as other, served(with_token) as server:
        keyed = replace(server, headers={"Authorization": "Bearer k3y"})
        assert names(keyed) == []
        assert {headers["Authorization"] for _, _, headers in fake.asked} == {"Bearer k3y"}
        with (
            served(lambda *_: (307, "", {"Location": f"{other.url}/flows/filter"})) as away,
            pytest.raises(OSError, match="307"),
        ):
            list(replace(away, headers=keyed.headers).pages())
    assert elsewhere.asked == []


def test_the_server_is_the_one_that_prefect_would_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    url = "https://ann:s3cret@prefect.example/api"
    assert named({}) is None
    assert named({"PREFECT_HOME": str(tmp_path)}) is None
    assert named({"PREFECT_API_URL": url, "UNLEARNING_PREFECT_EMBEDDED_AT": url}) is None
    plain = named({"PREFECT_API_URL": f"{url}/"})
    assert plain == Server(url)
    assert plain.address == "https://prefect.example/api"
    assert "s3cret" not in repr(plain)
    keyed = named({"PREFECT_API_URL": url, "PREFECT_API_KEY": "k3y"})
    assert keyed == Server(url, {"Authorization": "Bearer k3y"})
    both = named({"PREFECT_API_URL": url, "PREFECT_API_KEY": "k3y", "PREFECT_API_AUTH_STRING": "ann:pw"})
    assert both == Server(url, {"Authorization": "Basic YW5uOnB3"})
    (tmp_path / "profiles.toml").write_text(f'active = "a"\n[profiles.a]\nPREFECT_API_URL = "{url}"\nPREFECT_API_KEY = "k3y"\n')
    assert named({"PREFECT_HOME": str(tmp_path)}) == keyed
    assert named({"PREFECT_HOME": str(tmp_path), "PREFECT_PROFILE": "b"}) is None
    (tmp_path / "profiles.toml").write_text("active =")
    assert named({"PREFECT_HOME": str(tmp_path)}) is None
