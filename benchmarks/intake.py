"""What the intake service takes: requests a second on loopback, each durable before it is answered; memory; lists; the console.

python -m benchmarks.intake --requests 2000 --open 100000
python -m benchmarks.intake --requests 100000 --clients 32 --open 0
python -m benchmarks.intake --flows 10
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
from fastapi.testclient import TestClient

from benchmarks.erasing import UNLEARN
from benchmarks.ledger import PORTION, _strangers
from benchmarks.report import Section, say
from tests import small_project
from tests.servers import free_port, prefect_server, running
from unlearning.entrypoints.console import pages
from unlearning.entrypoints.intake import serving
from unlearning.entrypoints.intake.service import application
from unlearning.erasure import batches, pace
from unlearning.project import access
from unlearning.project.workspace import Workspace, open_workspace

REQUESTS, OPEN, ON_THE_CONSOLE, POSTS = 2_000, 100_000, 10_000, 10
CLIENTS = (1, 8, 32)
"""At once."""
WARM = 200
"""Requests before those that count."""


def section(requests: int = REQUESTS, waiting: int = OPEN, clients: Sequence[int] = CLIENTS) -> Section:
    """Everything on copies of one small project."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        template = small_project.create(Path(name) / "template", train=False)
        rows = list[tuple[str, str, str]]()
        for many in clients:
            rows += taken_in(small_project.copy(template, Path(name) / f"served-{many}"), requests, many)
        if waiting:
            rows += listed(small_project.copy(template, Path(name) / "open"), waiting)
    return Section(
        "The intake service",
        "Loopback, SQLite with `synchronous=FULL`; clients are threads of one process that share the cores with the service,"
        f" each with one request after the other, {requests:,} in all; the service closes each connection after one. Lists and"
        " pages are over strangers' requests, in seconds and milliseconds of CPU.",
        ("", "measured", "aim"),
        rows,
    )


# --- requests in ----------------------------------------------------------------------------------------------------


def taken_in(project: small_project.Project, requests: int, clients: int) -> list[tuple[str, str, str]]:
    """So many requests over HTTP, one person each, by so many clients at once."""
    token = access.grant(project.workspace, ["submit"], now=datetime.now(UTC)).token
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    with _served(project.root) as (address, process):

        def post(number: int) -> float:
            # Not by httpx.post, which takes longer to make a client than the service to answer.
            began, connection = time.perf_counter(), HTTPConnection(address.removeprefix("http://"), timeout=120)
            body = json.dumps({"subjects": [f"stranger-{number}"], "identity_verified": True})
            with closing(connection):
                connection.request("POST", "/v1/requests", body, headers)
                answer = connection.getresponse()
                assert (answer.status, bool(answer.read())) == (202, True)
            return time.perf_counter() - began

        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(post, range(-WARM, 0)))  # what is imported at the first
            before, memory, began = _cpu(process.pid), _rss(process.pid), time.perf_counter()
            took = sorted(pool.map(post, range(requests)))
            seconds, after = time.perf_counter() - began, _rss(process.pid)
        cpu = _cpu(process.pid) - before
    say(f"{requests} requests by {clients} clients in {seconds:.1f} s, {cpu:.1f} CPU s")
    return [
        (f"{clients} at once: requests accepted a second", f"{requests / seconds:,.0f}", "≥ 500"),
        (f"{clients} at once: CPU time of the service by the request", f"{1000 * cpu / requests:.1f} ms", ""),
        (f"{clients} at once: half within", f"{1000 * statistics.median(took):,.0f} ms", ""),
        (f"{clients} at once: 99 of 100 within", f"{1000 * took[int(len(took) * 0.99)]:,.0f} ms", "< 50 ms"),
        (
            f"{clients} at once: memory after {WARM} and after {requests + WARM:,}",
            f"{memory:,.0f}, {after:,.0f} MB",
            "flat",
        ),
    ]


@contextmanager
def _served(root: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [*UNLEARN, "serve", "--no-flows", "--root", str(root), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[4].rstrip(";"), process
        finally:
            process.kill()


def _cpu(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss(pid: int) -> float:
    """Megabytes of memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


# --- to the flow ----------------------------------------------------------------------------------------------------


def to_the_flow(posts: int = POSTS) -> Section:
    """From the answer to a POST until the flow begins that it started; no batch is due, so that each flow ends soon."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name, ExitStack() as stack:
        root, port = Path(name), free_port()
        project = small_project.create(root / "project", train=False)
        project.configure({"policy": {"batch": {"at_least": 1_000, "oldest_days": 300}}})
        token = access.grant(project.workspace, ["submit"], now=datetime.now(UTC)).token
        prefect, service = stack.enter_context(prefect_server(root / "prefect")), f"http://127.0.0.1:{port}"
        serves = ["grep", "-q", "end with Ctrl-C", str(root / "serve-flows.log")]
        for verb, more, health in (("serve-flows", [], serves), ("serve", ["--port", str(port)], f"{service}/readyz")):
            command, log = [*UNLEARN, verb, "--root", str(project.root), *more], root / f"{verb}.log"
            stack.enter_context(running(command, log, {"PREFECT_API_URL": prefect}, health, 180))
        client = stack.enter_context(httpx.Client(timeout=120))
        found = []
        for number in range(posts):
            found.append(_one_flow(client, service, token, prefect, f"stranger-{number}"))
            say(f"post {number}: {found[-1]}")
    told = {"answered": "the POST is answered, after", "scheduled": "its event has scheduled a run, after"}
    told |= {"pending": "the runner has found it, after", "running": "the flow begins, after"}
    rows = [(said, *(f"{value:.1f}" for value in _spread([one[state] for one in found]))) for state, said in told.items()]
    text = (
        f"Seconds, of {posts} requests one after the other; a started Prefect server on SQLite, `unlearn serve-flows` and"
        " `unlearn serve`. Aim: at most 5 s from the answer. Prefect starts a process for each run."
    )
    return Section("From a POST to the start of its flow", text, ("", "fastest", "median", "slowest"), rows)


def _spread(values: Sequence[float]) -> tuple[float, float, float]:
    return min(values), statistics.median(values), max(values)


def _one_flow(client: httpx.Client, service: str, token: str, prefect: str, person: str) -> dict[str, float]:
    """State of the run → when it came, in seconds after the POST was answered; `answered` after it was sent."""
    said, headers = {"subjects": [person], "identity_verified": True}, {"authorization": f"Bearer {token}"}
    began = time.time()
    answer = client.post(f"{service}/v1/requests", json=said, headers=headers)
    assert answer.status_code == 202, answer.text
    answered, request = time.time(), answer.json()["requests"][0]["request_id"]
    while not (run := _run_of(client, prefect, request)) or run["state"]["type"] not in ("COMPLETED", "FAILED", "CRASHED"):
        time.sleep(0.2)
    assert run["state"]["type"] == "COMPLETED", run["state"]
    states = client.get(f"{prefect}/flow_run_states/", params={"flow_run_id": run["id"]}).json()
    at = {one["type"].lower(): datetime.fromisoformat(one["timestamp"]).timestamp() - answered for one in states[::-1]}
    return {"answered": answered - began, **at}


def _run_of(client: httpx.Client, prefect: str, request: str) -> Any:
    found = client.post(f"{prefect}/flow_runs/filter", json={"sort": "EXPECTED_START_TIME_DESC", "limit": 20}).json()
    return next((one for one in found if one["parameters"].get("request_id") == request), None)


# --- what is open ---------------------------------------------------------------------------------------------------


def listed(project: small_project.Project, waiting: int) -> list[tuple[str, str, str]]:
    """Lists, batches and pages over so many open requests."""
    project.configure({"policy": {"batch": {"at_least": 10 * waiting, "oldest_days": 300}}})
    workspace, rows = open_workspace(project.root), list[tuple[str, str, str]]()
    filled = 0
    for size, measure in ((min(ON_THE_CONSOLE, waiting), _console), (waiting, _lists)):
        for first in range(filled, size, PORTION):
            workspace.ledger.append_all(_strangers("open", first, min(first + PORTION, size)), at=datetime.now(UTC))
        filled = size
        say(f"{size:,} open requests: asking")
        rows += measure(workspace, size)
    return rows


def _console(workspace: Workspace, size: int) -> list[tuple[str, str, str]]:
    made = serving.intake(workspace, {})
    looking = serving.console(workspace, made.door, header="X-Remote-User", environ={})
    client = TestClient(application(made, looking), client=("127.0.0.1", 5000), headers={"X-Remote-User": "someone"})
    one = workspace.ledger.standing.page(state=None, first=0, most=1)[1][0].request_id
    paths = {"the first page": f"{pages.AT}/", "a page in the middle": f"{pages.AT}/?first={size // 2}"}
    paths["one request"] = f"{pages.AT}/requests/{one}"
    found = []
    for name, path in paths.items():
        assert client.get(path).status_code == 200, path
        took = _best(lambda path=path: client.get(path))  # type: ignore[misc]
        found.append((f"console, {size:,} requests: {name}", f"{1000 * took:,.0f} ms", "< 100 ms"))
    return found


def _lists(workspace: Workspace, size: int) -> list[tuple[str, str, str]]:
    standing, now = workspace.ledger.standing, datetime.now(UTC)
    asked = {
        "all listed, the most urgent first": standing.open,
        "the batch that waits": lambda: pace.gathering(workspace, now),
        "what there is to do": lambda: batches.work(workspace, (), at_once=True),
        "a page of 100": lambda: standing.page(state=None, first=0, most=100),
    }
    return [(f"{size:,} open: {name}", f"{_best(do):.2f} CPU s", "< 2 s") for name, do in asked.items()]


def _best(do: Callable[[], Any]) -> float:
    """CPU seconds of the cheapest of three."""
    took = []
    for _ in range(3):
        began = time.process_time()
        do()
        took.append(time.process_time() - began)
    return min(took)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--clients", type=int, nargs="*", default=CLIENTS, help="at once")
    parser.add_argument("--open", type=int, default=OPEN)
    parser.add_argument("--flows", type=int, default=0, help="instead: how soon a flow begins, by so many POSTs")
    said = parser.parse_args()
    made = to_the_flow(said.flows) if said.flows else section(said.requests, said.open, said.clients)
    print(made.markdown, file=sys.stdout)
