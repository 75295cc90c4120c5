"""What one request costs in a ledger with many others: CPU seconds of whole commands, and how they grow.

    python -m benchmarks.ledger --requests 10 1000000

The others are requests of people who are in no table, as many open ones as closed ones, appended by the ledger's own code, ten
thousand at a time. A closed one was erased in a batch of a hundred, with the events of a true erasure. Every command is a
process of its own: what it imports and what its own services take counts.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.erasing import UNLEARN
from benchmarks.report import Panel, Section, say
from tests import small_project
from unlearning.domain.events import ErasureStarted, Fact, RequestReceived, SubjectSuppressed
from unlearning.project.workspace import open_workspace
from unlearning.stores.sql.ledger import SqlLedger

SIZES = (10, 10_000, 1_000_000)
AIM = 1.1
PORTION, BATCH = 10_000, 100
TRIES = 2
"""Of each command that changes nothing the cheapest counts."""


def section(sizes: Sequence[int] = SIZES) -> Section:
    """One person's request through every command, in a small ledger and in a large one."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        template = small_project.create(Path(folder) / "template")
        _cpu(template.root, "request", str(template.cells()[2, 1][0]))
        _cpu(template.root, "erase")
        found = [measure(small_project.copy(template, Path(folder) / str(size)), size) for size in sizes]
    rows = [
        (name, *(f"{one[name]:.2f}" for one in found), f"{found[-1][name] / found[0][name]:.2f}", f"≤ {AIM}" * (name in ASKED))
        for name in found[0]
    ]
    return Section(
        "One request among many",
        f"CPU seconds of fresh processes on a project of {small_project.PEOPLE} people whose ledger holds so many open requests"
        f" of others, and as many closed ones, erased {BATCH} at a time. The certificate commits to everyone who is suppressed,"
        " two hashes each; an audit reads every event.",
        ("command", *(f"{size:,} requests" for size in sizes), "×", "aim"),
        rows,
        [
            Panel(
                "open requests",
                "CPU s",
                {name: {size: one[name] for size, one in zip(sizes, found, strict=True)} for name in ASKED},
            )
        ],
    )


ASKED = ("request", "status R", "impact", "erase")


def measure(project: small_project.Project, others: int) -> dict[str, float]:
    """Command → CPU seconds, in a ledger with so many open requests besides."""
    root = project.root
    person, next_one = (str(project.cells()[shard, 1][0]) for shard in (0, 1))
    say(f"a ledger of {others:,} requests: filling it")
    fill(root, others)
    say(f"a ledger of {others:,} requests: asking it")
    took = {"request": _cpu(root, "request", next_one)}
    _cpu(root, "request", person)
    made = open_workspace(root).ledger.standing.of_people([project.token(person)])[0].request_id
    took["status R"] = min(_cpu(root, "status", made) for _ in range(TRIES))
    took["impact"] = min(_cpu(root, "impact", "--request", made) for _ in range(TRIES))
    took["erase"] = _cpu(root, "erase", "--request", made)
    took["audit"] = _cpu(root, "audit")
    say(f"a ledger of {others:,} requests: {took}")
    return took


def fill(root: Path, requests: int) -> None:
    """So many requests of strangers that are open, and as many that were erased."""
    ledger, now = open_workspace(root).ledger, datetime.now(UTC)
    steps = _steps(ledger)
    for first in range(0, requests, PORTION):
        end = min(first + PORTION, requests)
        ledger.append_all(_strangers("open", first, end), at=now)
        ledger.append_all(_strangers("closed", first, end), at=now)
        for start in range(first, end, BATCH):
            ledger.append_all(_erasure(start, min(start + BATCH, end), steps), at=now)


def _steps(ledger: SqlLedger) -> Sequence[Fact]:
    """What a true erasure of one person noted."""
    (started,) = ledger.of(ErasureStarted)
    return [event.fact for event in ledger.events(subject=started.subject)]


def _erasure(first: int, end: int, steps: Sequence[Fact]) -> Iterator[tuple[str, Fact]]:
    """The same of a batch of strangers."""
    erasure = f"erasure-{_name('erasure', first)[:12]}"
    for fact in steps:
        batch = tuple(_request("closed", number) for number in range(first, end))
        yield erasure, replace(fact, requests=batch) if isinstance(fact, ErasureStarted) else fact


def _strangers(what: str, first: int, end: int) -> Iterator[tuple[str, Fact]]:
    for number in range(first, end):
        token, hidden, request = _name(f"index {what}", number), _name(f"list {what}", number), _request(what, number)
        received = RequestReceived(token=token, suppression_token=hidden, regulation="gdpr", due_at=None, group=request)
        yield request, received
        yield request, SubjectSuppressed(token=token, suppression_token=hidden)


def _request(what: str, number: int) -> str:
    return f"request-{_name(f'request {what}', number)[:16]}"


def _name(what: str, number: int) -> str:
    return hashlib.sha256(f"{what} {number}".encode()).hexdigest()


def _cpu(root: Path, command: str, *arguments: str) -> float:
    """CPU seconds of one command and of whatever it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*UNLEARN, command, *arguments, "--root", str(root)], check=True, stdout=2)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, nargs="+", default=SIZES, help="how many others, smallest first")
    print(section(parser.parse_args().requests).markdown, file=sys.stdout)
