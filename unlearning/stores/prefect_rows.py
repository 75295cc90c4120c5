"""Every row that the API of a Prefect server gives away, whatever it is for.

The server is somebody's, and others write to it meanwhile: nothing is believed that was not answered whole, a row may come
twice, and none that was there from beginning to end is passed over without a word.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
import time
import tomllib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from unlearning.domain.addresses import without_password
from unlearning.domain.environ import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_KEY,
    PREFECT_API_SSL_CERT_FILE,
    PREFECT_API_TLS_INSECURE_SKIP_VERIFY,
    PREFECT_API_URL,
    PREFECT_EMBEDDED_AT,
    PREFECT_HOME,
    PREFECT_PROFILE,
)
from unlearning.domain.foreign import shown

if TYPE_CHECKING:
    from httpx import Client

WHOLE_SECONDS = 600.0
"""For all of a server: some 300,000 lines of log, or 20,000 runs."""
_ANSWER_SECONDS = 20.0
_ANSWER_BYTES = 1 << 26
_BUSY = (429, 503)
_PATIENCE_SECONDS = (1.0, 3.0)
"""How often, and after how long, a server is asked again that wants to be asked less often."""
_TRIES = 3
"""How often a list is begun again from which rows went while it was read."""
_NOT_GIVEN = (403, 404, 405, 422, 501)
_EVENTS = 50
"""As many as a page of them may hold."""
_EVER = {"since": "1970-01-01T00:00:00Z", "until": "9000-01-01T00:00:00Z"}
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CONTENT = frozenset({"value", "data"})
"""Fields of a row that may be a number somebody wrote; other numbers beside them are Prefect's own counts and seconds."""
_COUNTED = frozenset({"empirical_policy"})
_STAMPED = frozenset({"created", "updated", "timestamp", "infrastructure_pid"})


class Row(NamedTuple):
    """One row."""

    thing: str
    """What `prefect` deletes it by: `flow run`, `artifact`."""
    id: str
    """Prefect's own name of that; empty where it is none."""
    content: Mapping[str, Any]

    @property
    def text(self) -> str:
        """All that somebody wrote in it, as a JSON document."""
        return json.dumps({name: value for name, value in self.content.items() if _written(name, value)}, ensure_ascii=False)


class Unread(NamedTuple):
    """Rows of a kind that the server does not give."""

    kind: str
    why: str


class _Moved(Exception):
    """Rows went while they were read, so that others may have been passed over."""


class _NotGiven(OSError):
    """The server answers, and does not give this."""


class _Kind(NamedTuple):
    name: str
    path: str
    sort: str
    thing: str
    by: str = "id"
    """The field whose id the thing is called by."""


_FLOW_RUNS = _Kind("flow runs", "flow_runs", "ID_DESC", "flow run")
_TASK_RUNS = _Kind("task runs", "task_runs", "ID_DESC", "flow run", "flow_run_id")
_POOLS = _Kind("work pools", "work_pools", "", "work pool")
_KINDS = (
    _Kind("flows", "flows", "NAME_ASC", "flow"),
    _Kind("logs", "logs", "TIMESTAMP_ASC", "flow run", "flow_run_id"),
    _Kind("artifacts", "artifacts", "ID_DESC", "artifact"),
    _Kind("latest artifacts", "artifacts/latest", "ID_DESC", "artifact", "latest_id"),
    _Kind("deployments", "deployments", "CREATED_DESC", "deployment"),
    _Kind("variables", "variables", "NAME_ASC", "variable"),
    _Kind("automations", "automations", "CREATED_DESC", "automation"),
    _Kind("saved searches", "saved_searches", "", "saved search"),
    _Kind("concurrency limits by tag", "concurrency_limits", "", "concurrency limit"),
    _Kind("concurrency limits", "v2/concurrency_limits", "", "global concurrency limit"),
    _Kind("work queues", "work_queues", "", "work queue"),
    _Kind("blocks", "block_documents", "NAME_ASC", "block"),
    _Kind("types of blocks", "block_types", "", "type of block"),
    _Kind("schemas of blocks", "block_schemas", "", "type of block", "block_type_id"),
)


@dataclass(frozen=True)
class Server:
    """A server of the user's, and how Prefect's own client would speak to it."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    certificates: str | None = None
    """A file of those that it may show; the system's otherwise."""
    unverified: bool = False
    """Whatever certificate it shows."""
    whole_seconds: float = WHOLE_SECONDS
    answer_seconds: float = _ANSWER_SECONDS

    @property
    def address(self) -> str:
        """As it may be printed."""
        return shown(without_password(self.url))

    def pages(self) -> Iterator[Sequence[Row] | Unread]:
        """All rows, some at a time, and the kinds that it does not give. Raises OSError when it does not answer as Prefect."""
        with _asking(self) as asking:
            yield from _all(asking)


def named(environ: Mapping[str, str]) -> Server | None:
    """The server that flows speak to; None for an embedded one. A profile says what the environment does not."""
    if not environ.keys() & {PREFECT_API_URL, PREFECT_HOME}:
        return None
    said = {**_profile(environ), **environ}
    url = said.get(PREFECT_API_URL)
    if not url or url == environ.get(PREFECT_EMBEDDED_AT):
        return None
    headers = {}
    if words := said.get(PREFECT_API_AUTH_STRING):
        headers["Authorization"] = f"Basic {base64.b64encode(words.encode()).decode()}"
    elif key := said.get(PREFECT_API_KEY):
        headers["Authorization"] = f"Bearer {key}"
    anyone = said.get(PREFECT_API_TLS_INSECURE_SKIP_VERIFY, "").strip().lower() in ("1", "true", "yes", "on")
    return Server(url.rstrip("/"), headers, said.get(PREFECT_API_SSL_CERT_FILE), anyone)


def _profile(environ: Mapping[str, str]) -> dict[str, str]:
    """What the active profile sets; Prefect itself complains of one that cannot be read."""
    file = Path(environ.get(PREFECT_HOME) or Path.home() / ".prefect") / "profiles.toml"
    try:
        profiles = tomllib.loads(file.read_text("utf-8"))
        settings = profiles["profiles"][environ.get(PREFECT_PROFILE) or profiles["active"]]
        return {str(name): str(value) for name, value in settings.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _all(asking: _Asking) -> Iterator[Sequence[Row] | Unread]:
    """Of every kind, each run's states and inputs, and the events."""
    asking.json("POST", "flows/filter")  # whoever does not give this is no Prefect, or does not let us in
    runs: dict[str, list[str]] = {}
    for kind in (_FLOW_RUNS, _TASK_RUNS, _POOLS, *_KINDS):
        for page in _given(kind.name, _listed(asking, kind)):
            if not isinstance(page, Unread) and kind in (_FLOW_RUNS, _TASK_RUNS, _POOLS):
                runs.setdefault(kind.name, []).extend(str(row.content.get("name" if kind is _POOLS else "id")) for row in page)
            yield page
    for run in dict.fromkeys(runs.get(_FLOW_RUNS.name, ())):
        yield from _given("states of flow runs", _of_run(asking, run, f"flow_run_states/?flow_run_id={run}"))
        yield from _given("inputs of flow runs", _inputs(asking, run))
    for run in dict.fromkeys(runs.get(_TASK_RUNS.name, ())):
        yield from _given("states of task runs", _of_run(asking, run, f"task_run_states/?task_run_id={run}"))
    for pool in dict.fromkeys(runs.get(_POOLS.name, ())):
        workers = _Kind("workers", f"work_pools/{quote(pool, safe='')}/workers", "", "work pool", "work_pool_id")
        yield from _given(workers.name, _listed(asking, workers))
    yield from _given("events", _events(asking))


def _given(kind: str, pages: Iterator[Sequence[Row]]) -> Iterator[Sequence[Row] | Unread]:
    try:
        yield from pages
    except _NotGiven as error:
        yield Unread(kind, str(error))


def _listed(asking: _Asking, kind: _Kind) -> Iterator[Sequence[Row]]:
    """A kind, from its beginning until nothing more comes; begun again when rows went meanwhile."""
    for _ in range(_TRIES):
        try:
            for page in _in_order(asking, kind):
                yield [_row(kind.thing, one, kind.by) for one in page]
        except _Moved:
            continue
        return
    raise OSError(f"its {kind.name} come and go faster than they can be read")


def _in_order(asking: _Asking, kind: _Kind) -> Iterator[Sequence[dict[str, Any]]]:
    """Pages that overlap by a row: what was added before it shows rows again, what was deleted before it moves that row away.

    The server says how long a page is: it may be set to any length, and refuses a longer one.
    """
    body, at, before = {"sort": kind.sort} if kind.sort else {}, 0, list[str]()
    while True:
        page = asking.rows(f"{kind.path}/filter", **body, offset=at)
        names = [one["id"] for one in page]
        if not before:
            fresh = page
        else:
            known = names.index(before[-1]) + 1 if before[-1] in names else 0
            fresh, seen = page[known:], set(before)
            if not known or not seen.issuperset(names[:known]) or not seen.isdisjoint(names[known:]):
                raise _Moved
        if before and not fresh:  # the end, or pages of one row
            at += len(page)
            fresh = page = asking.rows(f"{kind.path}/filter", **body, offset=at)
            names = [one["id"] for one in page]
        if not fresh:
            return
        yield fresh
        at, before = at + len(page) - 1, names


def _of_run(asking: _Asking, run: str, path: str) -> Iterator[Sequence[Row]]:
    """What a run was in; it may be gone by now."""
    yield [_row("flow run", one, "flow_run_id", run) for one in asking.rows(path, method="GET")]


def _inputs(asking: _Asking, run: str) -> Iterator[Sequence[Row]]:
    """What a run was told while it ran."""
    keys: list[str] = []
    while page := asking.rows(f"flow_runs/{run}/input/filter", prefix="", limit=100, exclude_keys=keys):
        yield [_row("flow run", one, "flow_run_id") for one in page]
        more = [str(one.get("key")) for one in page]
        if set(more) <= set(keys):
            raise OSError("it gives the same inputs of a run again and again")
        keys += more


def _events(asking: _Asking) -> Iterator[Sequence[Row]]:
    """Events in the order in which they occurred, each page from the moment of the last one: what goes meanwhile moves none."""
    since, before = _EVER["since"], set[str]()
    while True:
        wanted = {"occurred": {**_EVER, "since": since}, "order": "ASC"}
        answer = asking.json("POST", "events/filter", filter=wanted, limit=_EVENTS)
        page = _entries(answer.get("events") if isinstance(answer, dict) else None)
        fresh = [one for one in page if one["id"] not in before]
        yield [_row("event", one) for one in fresh]
        if not answer.get("next_page"):
            return
        if not fresh:
            raise OSError("more of its events occurred at one moment than a page holds")
        since, before = str(page[-1].get("occurred")), {one["id"] for one in page}


def _row(thing: str, content: dict[str, Any], by: str = "id", run: str = "") -> Row:
    name = str(content.get(by) or run)
    return Row(thing, name, content) if _ID.fullmatch(name) else Row(thing, "", content)


def _written(name: str, value: object) -> bool:
    """Somebody may have written this: numbers and names of its own are Prefect's."""
    if isinstance(value, str):
        return name not in _STAMPED and not (name.endswith("_id") and _ID.fullmatch(value))
    return name in _CONTENT or not (value is None or name in _COUNTED or isinstance(value, (int, float)))


@contextmanager
def _asking(server: Server) -> Iterator[_Asking]:
    """A client of the server. Raises OSError for whatever goes wrong with it."""
    import httpx

    try:
        certificates = False if server.unverified else ssl.create_default_context(cafile=server.certificates)
        with httpx.Client(
            base_url=server.url,
            headers=dict(server.headers),
            timeout=server.answer_seconds,
            follow_redirects=False,  # the key is for this host, and another one's rows are not this server's
            verify=certificates,
        ) as client:
            asking = _Asking(server, client, time.monotonic() + server.whole_seconds)
            asking.take_token()
            yield asking
    except httpx.TimeoutException as error:
        raise OSError(f"it does not answer within {server.answer_seconds:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
        raise OSError(f"it does not answer as Prefect does ({type(error).__name__})") from error


@dataclass
class _Asking:
    """One conversation."""

    server: Server
    client: Client
    until: float

    def take_token(self) -> None:
        """What a server that guards against forged requests wants with every one; others have none to give."""
        mine = str(uuid.uuid4())
        try:
            token = self.json("GET", f"csrf-token?client={mine}")["token"]
        except (_NotGiven, KeyError, TypeError):
            return
        self.client.headers.update({"Prefect-Csrf-Token": str(token), "Prefect-Csrf-Client": mine})

    def rows(self, path: str, *, method: str = "POST", **body: object) -> list[dict[str, Any]]:
        """The rows of one answer."""
        return _entries(self.json(method, path, **body))

    def json(self, method: str, path: str, **body: object) -> Any:
        """One answer. Raises _NotGiven, OSError, and what httpx and a parser raise."""
        for patience in (*_PATIENCE_SECONDS, None):
            status, content = self._answer(method, path, body)
            if status in _BUSY and patience is not None:
                time.sleep(patience)
            elif status in _NOT_GIVEN:
                raise _NotGiven(f"HTTP {status}")
            elif 300 <= status < 400:
                raise OSError(f"it points elsewhere (HTTP {status}), and no redirect is followed")
            elif status != 200:
                raise OSError(f"it answers HTTP {status}")
            else:
                break
        return json.loads(content)

    def _answer(self, method: str, path: str, body: Mapping[str, object]) -> tuple[int, bytes]:
        content = bytearray()
        with self.client.stream(method, path, json=dict(body) if method == "POST" else None) as answer:
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > _ANSWER_BYTES:
                    raise OSError(f"one of its answers is larger than {_ANSWER_BYTES >> 20} MiB")
                if time.monotonic() > self.until:
                    raise OSError(f"it was not read to the end within {self.server.whole_seconds:g} s")
        return answer.status_code, bytes(content)


def _entries(content: object) -> list[dict[str, Any]]:
    """What should be rows. Raises ValueError for anything else."""
    if not isinstance(content, list) or not all(isinstance(one, dict) and isinstance(one.get("id"), str) for one in content):
        raise ValueError("no list of rows")
    return content
