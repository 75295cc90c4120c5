"""Everything that a started Prefect server keeps, searched through its API."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests import warm
from tests.servers import prefect_server
from unlearning.domain import hashing
from unlearning.domain.hashing import IdentifierKind
from unlearning.domain.traces import Found, Wanted
from unlearning.stores.prefect_rows import Row, Server, Unread
from unlearning.stores.scans.words import Watch
from unlearning.traces.places.prefect_server import PrefectServerPlace

pytestmark = pytest.mark.timeout(900)

KEY = bytes(32)
MOMENT = (datetime.now(UTC) - timedelta(hours=20)).isoformat()
"""Long ago; Prefect deletes events after some days."""
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def address(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all tests here; each of them looks for somebody of its own."""
    with prefect_server(tmp_path_factory.mktemp("prefect")) as address:
        yield address


@pytest.fixture(scope="module")
def api(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client


def somebody() -> str:
    """A person whom nothing named before."""
    return f"Zq{next(_numbers):04}-canary"


def look(server: str | Read, person: object, kind: IdentifierKind = "text") -> Found:
    asked: Any = Server(server) if isinstance(server, str) else server
    place = PrefectServerPlace(asked, Watch(("patient",), kind, KEY))
    found = place.find(Wanted(frozenset({hashing.token(KEY, person, kind)})))
    assert str(person) not in repr(found)
    return found


def said(found: Found) -> dict[str, tuple[str, ...]]:
    """Outcome → names, of what is left there."""
    return {one.outcome: one.names for one in found.unclear if one.outcome != "out_of_reach"}


def post(api: httpx.Client, path: str, **body: Any) -> Any:
    for pause in (0.5, 1, 2, 4, 8, 0):  # a server whose SQLite is busy says 503, and Prefect's own client asks again
        answer = api.post(f"/{path}", json=body)
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            break
        time.sleep(pause)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def flow_run(api: httpx.Client, name: str = "run", **more: Any) -> str:
    flow = post(api, "flows/", name="somebody's flow")
    return str(post(api, "flow_runs/", flow_id=flow["id"], name=name, **more)["id"])


def log(api: httpx.Client, *messages: str, **more: Any) -> None:
    post_list = [{"name": "l", "level": 20, "message": one, "timestamp": MOMENT, **more} for one in messages]
    assert api.post("/logs/", json=post_list).is_success


def event(api: httpx.Client, *payloads: Any, name: str = "x", occurred: str = MOMENT) -> None:
    made = [
        {
            "event": "somebody.did",
            "id": str(uuid.uuid4()),
            "occurred": occurred,
            "resource": {"prefect.resource.id": f"a.{name}"},
            "payload": one,
        }
        for one in payloads
    ]
    assert api.post("/events", json=made).is_success


def an_old_state(api: httpx.Client, person: str) -> None:
    run = flow_run(api, state={"type": "FAILED", "name": "Failed", "message": f"KeyError: '{person}'"})
    post(api, f"flow_runs/{run}/set_state", state={"type": "COMPLETED", "name": "Completed"}, force=True)


def a_state_of_a_task(api: httpx.Client, person: str) -> None:
    made = post(api, "task_runs/", flow_run_id=flow_run(api), task_key="t", dynamic_key="0", name="t")
    post(api, f"task_runs/{made['id']}/set_state", state={"type": "FAILED", "message": f"row of {person}"}, force=True)
    post(api, f"task_runs/{made['id']}/set_state", state={"type": "COMPLETED"}, force=True)


def an_input(api: httpx.Client, person: str) -> None:
    post(api, f"flow_runs/{flow_run(api)}/input", key="who", value=f'{{"who": "{person}"}}')


def a_deployment(api: httpx.Client, person: str) -> None:
    flow = post(api, "flows/", name="somebody's flow")
    post(api, "deployments/", name="d", flow_id=flow["id"], parameters={"who": person})


def a_block(api: httpx.Client, person: str, kind: str = "local-file-system", field: str = "basepath") -> None:
    [made] = post(api, "block_types/filter", block_types={"slug": {"any_": [kind]}})
    schemas = post(api, "block_schemas/filter", block_schemas={"block_type_id": {"any_": [made["id"]]}})
    names = {"block_type_id": made["id"], "block_schema_id": schemas[0]["id"]}
    post(api, "block_documents/", name=f"b{next(_numbers)}", data={field: person}, **names)


def an_automation(api: httpx.Client, person: str) -> None:
    post(
        api,
        "automations/",
        name="a",
        trigger={"type": "event", "expect": ["x"], "match": {"who": person}, "posture": "Reactive", "threshold": 1},
        actions=[{"type": "do-nothing"}],
    )


def a_worker(api: httpx.Client, person: str) -> None:
    if api.get("/work_pools/somebody%20else").status_code == 404:
        post(api, "work_pools/", name="somebody else", type="process")
    post(api, "work_pools/somebody%20else/workers/heartbeat", name=f"worker of {person}")


PLANTS: dict[str, tuple[str, Callable[[httpx.Client, str], object]]] = {
    "parameters": ("flow run", lambda api, who: flow_run(api, parameters={"people": [{"who": who}]})),
    "name of a run": ("flow run", lambda api, who: flow_run(api, name=f"for {who}")),
    "tag": ("flow run", lambda api, who: flow_run(api, tags=[who])),
    "log": ("flow run", lambda api, who: log(api, f"row of {who} is shifted", flow_run_id=flow_run(api))),
    "old state": ("flow run", an_old_state),
    "state of a task": ("flow run", a_state_of_a_task),
    "input": ("flow run", an_input),
    "artifact": ("artifact", lambda api, who: post(api, "artifacts/", key="a", data=f"| {who} | 1 |")),
    "table artifact": ("artifact", lambda api, who: post(api, "artifacts/", key="t", type="table", data=f'[{{"p": "{who}"}}]')),
    "old event": ("event", lambda api, who: event(api, {"row": {"who": who}})),
    "resource": ("event", lambda api, who: event(api, {}, name=who)),
    "variable": ("variable", lambda api, who: post(api, "variables/", name=f"v{next(_numbers)}", value={"who": who})),
    "deployment": ("deployment", a_deployment),
    "block": ("block", a_block),
    "automation": ("automation", an_automation),
    "worker": ("work pool", a_worker),
    "limit": ("concurrency limit", lambda api, who: post(api, "concurrency_limits/", tag=who, concurrency_limit=1)),
    "search": ("saved search", lambda api, who: api.put("/saved_searches/", json={"name": who, "filters": []})),
}


@dataclass(frozen=True)
class Read:
    """A server as it was read once, for many who are looked for."""

    kept: list[Any]
    people: dict[str, str]
    address: str = ""

    def pages(self) -> list[Any]:
        return self.kept


@pytest.fixture(scope="module")
def planted(address: str, api: httpx.Client) -> Read:
    """Somebody in every place, and all that the server says then."""
    people = {plant: somebody() for plant in PLANTS}
    for plant, (_, do) in PLANTS.items():
        do(api, people[plant])
    settled(api, people["resource"])
    return Read(list(Server(address).pages()), people)


def settled(api: httpx.Client, last: str) -> None:
    """Prefect writes events down some seconds after it took them."""
    end = time.monotonic() + 120
    asked = {"filter": {"any_resource": {"id": [f"a.{last}"]}, "occurred": {"since": MOMENT}}, "limit": 1}
    while not post(api, "events/filter", **asked)["events"]:
        assert time.monotonic() < end
        time.sleep(0.3)


@pytest.mark.services
@pytest.mark.slow
@pytest.mark.parametrize("plant", PLANTS)
def test_whoever_is_named_on_a_server_is_found_and_not_repeated(plant: str, planted: Read) -> None:
    thing, _ = PLANTS[plant]
    left = said(look(planted, planted.people[plant]))
    assert left.keys() == {"residual"}
    assert any(re.fullmatch(rf"{thing} [0-9a-f-]{{36}}", name) for name in left["residual"]), left


@pytest.mark.services
@pytest.mark.slow
def test_who_is_named_nowhere_leaves_it_verified_and_what_it_does_not_show_is_said(address: str, api: httpx.Client) -> None:
    run = flow_run(api, parameters={"rows": 7})
    log(api, *(f"shard {number} trained" for number in range(5)), flow_run_id=run)
    found = look(address, somebody())
    assert said(found) == {}
    assert found.searched > 7
    assert "Prefect server: its files" in {one.place for one in found.unclear}


@pytest.mark.services
@pytest.mark.slow
def test_a_number_in_a_row_may_be_a_person(address: str, api: httpx.Client) -> None:
    log(api, "row 700042 failed", flow_run_id=(run := flow_run(api)))
    assert said(look(address, 700042, "integer")) == {"unverified": (f"flow run {run}",)}
    flow_run(api, parameters={"patient": 700043})
    assert said(look(address, 700043, "integer")).keys() == {"residual"}


@pytest.mark.services
@pytest.mark.slow
def test_no_row_is_passed_over_where_pages_meet(address: str, api: httpx.Client) -> None:
    """All of one moment, so that nothing orders them but the server's habit."""
    people = [somebody() for _ in range(430)]
    log(api, *(f"row of {who}" for who in people))
    for first in range(0, 130, 10):
        moment = (datetime.fromisoformat(MOMENT) + timedelta(minutes=first)).isoformat()
        event(api, *({"who": f"{who}-e"} for who in people[first : first + 10]), occurred=moment)
    event(api, {}, name=(last := somebody()))
    settled(api, last)
    tokens = {hashing.token(KEY, who, "text") for who in (*people, *(f"{who}-e" for who in people[:130]))}
    place = PrefectServerPlace(Server(address), Watch(("patient",), "text", KEY))
    met: set[str] = set()
    for page in place.server.pages():
        for row in page:
            met |= replace(place.watch, tokens=frozenset(tokens)).named(row.text).found if "Zq" in row.text else frozenset()
    assert met == tokens


@pytest.mark.services
@pytest.mark.slow
def test_what_prefect_shows_as_stars_is_said_to_be_unread(address: str, api: httpx.Client) -> None:
    a_block(api, who := somebody(), "secret", "value")
    found = look(address, who)
    assert said(found) == {}
    [secret] = [one for one in found.unclear if "secrets" in one.place]
    assert (secret.outcome, secret.count) == ("out_of_reach", 1)
    assert secret.names[0].startswith("block ")


@pytest.mark.services
@pytest.mark.slow
def test_flow_run_artifact_deployment_automation_and_variable_are_gone_after_their_delete(
    address: str, api: httpx.Client
) -> None:
    who = somebody()
    run = flow_run(api, parameters={"who": who})
    log(api, f"row of {who}", flow_run_id=run)
    post(api, "artifacts/", key="c", data=who, flow_run_id=run)
    a_deployment(api, who)
    an_automation(api, who)
    variable = post(api, "variables/", name=f"v{next(_numbers)}", value=who)
    given: dict[str, Callable[[str], tuple[str, ...]]] = {
        "flow run": lambda which: ("flow-run", "delete", which),
        "artifact": lambda which: ("artifact", "delete", "--id", which),
        "deployment": lambda which: ("deployment", "delete", "--id", which),
        "automation": lambda which: ("automation", "delete", "--id", which),
        "variable": lambda _: ("variable", "delete", variable["name"]),
    }
    found = look(address, who)
    [left] = [one for one in found.unclear if one.outcome == "residual"]
    assert {name.rpartition(" ")[0] for name in left.names} - {"event"} == given.keys()

    for name in left.names:
        thing, _, which = name.rpartition(" ")
        if thing != "event":
            command = given[thing](which)
            assert f"`prefect {' '.join(command[:2])}" in left.remedy
            prefect(address, *command)

    # What Prefect itself told of them are events, which nobody can delete one by one.
    assert {name.partition(" ")[0] for name in said(look(address, who)).get("residual", ())} <= {"event"}


def prefect(address: str, *words: str) -> None:
    done = subprocess.run(
        [warm.python(), "-m", "prefect", "--no-prompt", *words],
        env={**os.environ, "PREFECT_API_URL": address},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass(frozen=True)
class Odd(Read):
    """One that stops in the middle."""

    error: Exception = field(default_factory=lambda: OSError("it answers HTTP 503"))

    def pages(self) -> Any:
        yield from self.kept
        raise self.error


def row(content: object, thing: str = "flow run") -> Row:
    return Row(thing, str(uuid.UUID(int=next(_numbers))), {"message": content})


def test_a_server_that_was_not_read_to_the_end_is_never_verified_and_what_was_seen_is_said() -> None:
    who, deep = somebody(), list[object]()
    for _ in range(5000):
        deep = [deep]
    met = [row(f"row of {who}"), row("nobody")]
    stopped = said(look(Odd([met], {}), who))
    assert stopped.keys() == {"residual", "unverified"}
    assert stopped["residual"] == (f"flow run {met[0].id}",)
    for left in (
        Read([met[1:], Unread("events", "HTTP 404")], {}),
        Read([[row(deep)]], {}),
        Odd([], {}, error=OSError(5, "x")),
    ):
        assert said(look(left, who)).keys() == {"unverified"}
    assert said(look(Read([met[1:], [row("\ud800 x")]], {}), who)) == {}


def test_an_id_that_names_a_person_is_not_printed() -> None:
    who = str(uuid.uuid4())
    assert said(look(Read([[Row("event", who, {"id": who})]], {}), who)) == {"residual": ("event whose id names a person",)}
