"""`make chaos`: SIGKILLs, seeded and bounded, of the service while requests come in and of the erasure in each of its steps.

On SQLite and on PostgreSQL. Every round is held against one that nothing disturbed, with the same people: whatever was
acknowledged reaches a final state, tables, objects, checkpoints and alias are the same byte for byte, and each request has one
certificate. `docs/chaos.md` says what the last run saw; a round that ends otherwise ends the run, with its seed.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from tests.campaign import parts
from tests.faults import processes
from tests.faults.endings import ending
from tests.faults.processes import Deadly, Death, Patience, Running
from tests.postgres import new_database, postgres_server
from tests.small_project import Project, copy, create
from unlearning.domain import lifecycle
from unlearning.domain.clocks import utc_now
from unlearning.domain.environ import QUIET, SERVERS
from unlearning.project import access

PAGE = Path(__file__).parents[2] / "docs/chaos.md"
STEPS = ("ErasureStarted", "ImpactAssessed", "PlanMade", "DataRedacted", "CandidateTrained", "CandidateValidated")
STEPS += ("VersionRegistered", "AliasMoved", "TracesFound", "Purged", "CertificateIssued")
STORES = ("SQLite", "PostgreSQL", "SQLite, own flows")
PEOPLE = 6
"""Who ask in a round, each by a request over HTTP."""


@dataclass
class World:
    """One kind of store: a trained project that has a key of the service, and how it is copied."""

    name: str
    template: Project
    token: str
    database: Callable[[], Iterator[str]] | None = None
    """A copy of the template's database, for as long as the block."""
    flows: bool = False
    """The service carries out by itself what it took in."""

    @contextmanager
    def copied(self, folder: Path) -> Iterator[Project]:
        project = copy(self.template, folder)
        with ExitStack() as stack:
            if self.database is not None:
                url = stack.enter_context(contextmanager(self.database)())
                project.configure({"stores": {"ledger": url, "lineage": url}})
            yield project


@dataclass
class Seen:
    """What the rounds of one store came to."""

    rounds: int = 0
    service: int = 0
    """Kills of the service while requests came in."""
    erasure: Counter[str] = field(default_factory=Counter)
    """Last event of the erasure → kills in the step after it."""
    requests: int = 0

    @property
    def kills(self) -> int:
        return self.service + self.erasure.total()


# --- what is killed -------------------------------------------------------------------------------------------------


def serve(root: Path, told: Path, with_flows: bool = False) -> None:
    """The service; where it listens is in a file once it does."""
    from unlearning.entrypoints.intake import serving

    os.environ.pop("PREFECT_HOME", None)  # else Prefect starts the server of a flow, and it outlives one that is killed

    def tell(said: Any) -> None:
        told.with_suffix(".new").write_text(said["address"])
        told.with_suffix(".new").rename(told)

    serving.serve(Project(root).workspace, host="127.0.0.1", port=0, with_flows=with_flows, tell=tell)


def take_in(project: Project, token: str, people: list[str], chance: random.Random, kills: int) -> tuple[int, dict[str, str]]:
    """(kills, person → the request that was acknowledged): everybody asks until somebody answers, under one key each."""
    taken, killed, told = dict[str, str](), 0, project.root / ".unlearning/address"
    while len(taken) < len(people):
        told.unlink(missing_ok=True)
        with processes.started(serve, project.root, told) as running:
            while not told.exists():
                assert running.process.is_alive(), running.ended()
                time.sleep(0.02)
            timer = threading.Timer(chance.uniform(0, 0.3), running.kill)
            if killed < kills:
                timer.start()
            _ask(told.read_text(), token, people, taken, go_on=killed >= kills)
            timer.cancel()
            if killed < kills:
                running.kill()
                killed += 1
    return killed, taken


def _ask(address: str, token: str, people: list[str], taken: dict[str, str], *, go_on: bool) -> None:
    """Until it is dead; also again for whoever was answered, who must get the same request."""
    headers = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=address, headers=headers, timeout=60) as client:
        for person in people:
            said = {"subjects": [person], "identity_verified": True}
            try:
                answer = client.post("/v1/requests", json=said, headers={"idempotency-key": f"key-of-{people.index(person)}"})
            except httpx.TransportError:
                assert not go_on
                return
            assert answer.status_code == 202, answer.text
            [made] = answer.json()["requests"]
            assert taken.setdefault(person, made["request_id"]) == made["request_id"]


def carry_out(project: Project, chance: random.Random, kills: int, seconds: float) -> Counter[str]:
    """Kill the erasure so often, at a moment or around an event; then let it come to its end. Last event before → kills."""
    died, far = Counter[str](), project.workspace.ledger.head
    while died.total() < kills and died[STEPS[-1]] < 2:
        death: Deadly | None = None
        soon, left = _to_come(project)
        if soon and chance.random() < 0.7:
            death = Death(chance.choice(soon), chance.choice(["before", "after"]))  # type: ignore[arg-type]
        with processes.started(processes.erase, project.root, death=death) as running:
            if death is None:
                running.process.join(chance.uniform(0, left * seconds))
                running.kill()
            ended = running.ended(at=far)
        assert ended.killed or ended.error is None, ended.error
        if not ended.killed:
            break  # it came to its end before its death
        died[_said_last(project, death)] += 1
    ended = processes.finish(processes.erase, project.root, at=far)
    assert ended.error is None and not ended.killed, ended  # noqa: PT018 - one fact: it came to its end by itself
    return died


def carried_out_by_flows(project: Project, chance: random.Random, kills: int, seconds: float) -> Counter[str]:
    """The same by the service's own flows: the service is killed, or first the process of its flow; then left alone."""
    died, told, far = Counter[str](), project.root / ".unlearning/address", project.workspace.ledger.head
    while True:
        told.unlink(missing_ok=True)
        with processes.started(serve, project.root, told, True) as running:
            soon, left = _to_come(project)
            ends, after = time.monotonic() + chance.uniform(0, left * seconds), None
            if soon and chance.random() < 0.7:
                ends, after = math.inf, chance.choice(soon)
            if died.total() >= kills or died[STEPS[-1]] >= 2:
                ends, after = math.inf, None
            why = Patience(processes.PATIENCE_S, far).wait(partial(_why_now, running, project, told, ends, after))
            if why == "over":
                running.process.terminate()
                assert running.ended(at=far).error is None
                break
            if chance.random() < 0.5:
                for child in at_work(project.root):
                    with suppress(ProcessLookupError):
                        os.kill(child, signal.SIGKILL)
            running.kill()
            died[_said_last(project, after)] += 1
    Patience(processes.PATIENCE_S, far).wait(partial(_nobody_at_work, project))  # what a killed service left has nothing to do
    return died


def _to_come(project: Project) -> tuple[list[str], float]:
    """The next kinds of event, and which share of the way they stand before."""
    left = [kind for kind in STEPS if kind not in project.kinds()]
    return left[:3], (1 + len(left)) / (1 + len(STEPS))


def _said_last(project: Project, aim: object) -> str:
    last = next((kind for kind in reversed(project.kinds()) if kind in STEPS), "nothing yet")
    print(f"  killed after {last}, {f'aimed at {aim}' if aim else 'at any moment'}", flush=True)
    return last


def _why_now(running: Running, project: Project, told: Path, ends: float, after: str | None) -> str:
    """Why there is nothing more to wait for, if there is not: everything is over, the time is, or an event was recorded."""
    time.sleep(0.3)
    assert running.process.is_alive(), running.ended()
    if _is_over(project, told):
        return "over"
    return "its turn" if time.monotonic() > ends or after in project.kinds() else ""


def _nobody_at_work(project: Project) -> bool:
    time.sleep(0.3)
    return not at_work(project.root)


def at_work(root: Path) -> list[int]:
    """Processes of `unlearn` on a project."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if folder.name.isdigit() and f"--root\0{root}\0".encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def _is_over(project: Project, told: Path) -> bool:
    """Everything has ended, and no flow runs."""
    states = set(project.states().values())
    if not states or not states <= lifecycle.ENDED or not told.exists():
        return False
    try:
        return httpx.get(f"{told.read_text()}/readyz", timeout=60).json()["flows"]["runs"] is None
    except httpx.TransportError:
        return False


# --- rounds ---------------------------------------------------------------------------------------------------------


def round_of(world: World, seed: int, folder: Path, seen: Seen) -> None:
    """One round beside one that nothing disturbed."""
    chance = random.Random(seed)
    people = chance.sample(sorted({one for cell in world.template.cells().values() for one in cell}), PEOPLE)
    with world.copied(folder / "calm") as calm:
        take_in(calm, world.token, people, chance, 0)
        began = time.monotonic()
        carry = carried_out_by_flows if world.flows else carry_out
        carry(calm, chance, 0, 0)
        took = time.monotonic() - began
        expected = ending(calm)
    with world.copied(folder / "chaos") as project:
        killed, acknowledged = take_in(project, world.token, people, chance, 6)
        seen.service += killed
        assert set(acknowledged.values()) == project.states().keys()
        seen.erasure += carry(project, chance, 10, took)
        states = project.states()
        assert set(acknowledged.values()) == states.keys()
        refused = [event.body for event in project.events() if event.kind == "ErasureRefused"]
        assert set(states.values()) <= lifecycle.ENDED, (states, project.kinds(), refused)
        issued = [event for event in project.events() if event.kind == "CertificateIssued"]
        assert len(issued) == 1, f"{len(issued)} certificates of one batch"
        assert ending(project) == expected
    seen.requests += len(acknowledged)
    seen.rounds += 1


@contextmanager
def worlds(folder: Path, only: str | None = None) -> Iterator[list[World]]:
    """SQLite, the same by the service's own flows, and PostgreSQL where it is installed; or one of them."""
    with ExitStack() as stack:
        plain = create(folder / "sqlite")
        found = [World(STORES[0], plain, _token(plain))]
        found.append(World(STORES[2], plain, found[0].token, flows=True))
        if only in (STORES[0], STORES[2]):
            yield [one for one in found if one.name == only]
            return
        server = stack.enter_context(postgres_server())
        template = stack.enter_context(new_database(server))
        on_server = create(folder / "postgres", params={**_params(plain), "stores": {"ledger": template, "lineage": template}})
        found.append(World(STORES[1], on_server, _token(on_server), lambda: _copied(server, template)))
        yield [one for one in found if only in (None, one.name)]


def _at_home(folder: Path) -> Path:
    """Nothing is kept in the user's home, and no tool phones home; set before the first process is forked."""
    homes = {"PREFECT_HOME": "prefect", "DVC_SITE_CACHE_DIR": "dvc", "DVC_GLOBAL_CONFIG_DIR": "dvc-user"}
    os.environ.update(QUIET | {name: str(folder / home) for name, home in homes.items()})
    os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    os.environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for name in SERVERS:
        if name != "PREFECT_HOME":
            os.environ.pop(name, None)
    return folder


def _params(project: Project) -> dict[str, Any]:
    from ruamel.yaml import YAML

    found: dict[str, Any] = YAML(typ="safe").load((project.root / "params.yaml").read_text())["unlearning"]
    return found


def _token(project: Project) -> str:
    return str(access.grant(project.workspace, ["submit"], now=utc_now()).token)


def _copied(server: str, template: str) -> Iterator[str]:
    """A database with everything that the template's has."""
    admin = sa.create_engine(server.format(database="postgres"), isolation_level="AUTOCOMMIT")
    old, new = sa.make_url(template).database, f"chaos_{random.SystemRandom().getrandbits(64):x}"
    with admin.connect() as connection:
        end = sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
        connection.execute(end, {"name": old})
        connection.exec_driver_sql(f"CREATE DATABASE {new} TEMPLATE {old}")
    try:
        yield server.format(database=new)
    finally:
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {new} WITH (FORCE)")
        admin.dispose()


def page(found: dict[str, Seen], seed: int, ended: datetime) -> str:
    """What was seen, for people."""
    rows = [
        f"| {name} | {one.rounds} | {one.requests} | {one.service} | {one.erasure.total()} |" for name, one in found.items()
    ]
    steps = sum((one.erasure for one in found.values()), Counter[str]())
    by_step = [f"| {kind} | {steps[kind]} |" for kind in ("nothing yet", *STEPS)]
    total = sum(one.kills for one in found.values())
    head = f"""# Chaos

`make chaos` kills the service while requests come in, and the erasure in each step, by SIGKILL, at moments drawn from a seed;
on SQLite and on PostgreSQL. Where the service's own flows carry requests out, it is killed at any moment, alone or after its
flow. Each round is held against one that nothing disturbed: every acknowledged request reached a final state, tables, objects,
checkpoints, lineage and alias are the same byte for byte, and the batch has one certificate. A round that ends otherwise ends
the run.

Last run: {total} kills, seed {seed}, ended {ended:%Y-%m-%d %H:%M} UTC at commit {parts.commit()}; every round ended as the
undisturbed one.

| store | rounds | requests | kills of the service | kills of the erasure |
|---|---|---|---|---|
"""
    return head + "\n".join([*rows, "", "| last event before the kill | kills |", "|---|---|", *by_step]) + "\n"


def main() -> None:
    """`python -m tests.faults.chaos`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="so many at least, unless the time is over")
    parser.add_argument("--seed", type=int, default=14)
    parser.add_argument("--minutes", type=float, default=240, help="no round begins after so long")
    parser.add_argument("--on", choices=STORES, help="on this store alone")
    said = parser.parse_args()
    ends = time.monotonic() + 60 * said.minutes
    with tempfile.TemporaryDirectory(prefix="chaos-") as name, worlds(_at_home(Path(name)), said.on) as found:
        seen = {world.name: Seen() for world in found}
        number = 0
        while sum(one.kills for one in seen.values()) < said.kills and time.monotonic() < ends:
            world = found[number % len(found)]
            print(f"round {number} on {world.name}, seed {said.seed + number}", flush=True)
            with tempfile.TemporaryDirectory(prefix="round-", dir=name) as folder:
                round_of(world, said.seed + number, Path(folder), seen[world.name])
            print(f"  {seen[world.name]}", flush=True)
            number += 1
            PAGE.write_text(page(seen, said.seed, datetime.now(UTC)))


if __name__ == "__main__":
    main()
