"""What is due when, one at a time, again after an outage, handed over when told to end; and two that share a ledger."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.histories import History
from tests.properties import drawn
from unlearning.domain.errors import Unavailable, WrongUse
from unlearning.entrypoints.flows import deployments, scheduler
from unlearning.entrypoints.flows.scheduler import Scheduler, awaited, how
from unlearning.erasure import batches
from unlearning.project import settings
from unlearning.project.workspace import Workspace

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WAITS = {"request-1": "suppressed"}


@dataclass
class Day:
    """A scheduler whose clock, work and runs a test decides."""

    flows: Scheduler
    now: datetime = NOON
    work: dict[str, str] = field(default_factory=dict)
    ends: list[tuple[int, str]] = field(default_factory=list)
    """How the next runs end: exit code and standard output; then well."""
    ran: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def after(self, **passed: float) -> list[str]:
        """What runs, at most ten times, once so much time has passed."""
        self.now += timedelta(**passed)
        self.flows._looks = (0.0, 0.0)
        ran: list[str] = []
        while len(ran) < 10 and (name := self.flows.due()):
            self.flows.run(name, self.stop)
            ran.append(name)
        self.ran += ran
        return ran


@pytest.fixture
def day(beginning: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Day:
    schedules = settings.Schedules().model_dump()
    made = Day(Scheduler(beginning.copy(tmp_path / "project").workspace, schedules, clock=lambda: made.now))

    def start(_root: Path, name: str) -> subprocess.Popen[str]:
        code, said = made.ends.pop(0) if made.ends else (0, "{}")
        if name == "erase" and code == 0:
            made.work.clear()
        return process(f"print({said!r}); raise SystemExit({code})")

    made.flows.start = start
    monkeypatch.setattr(batches, "work", lambda *_: dict(made.work))
    return made


def process(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE, text=True)


def away(code: int = 1, kind: str = "Unavailable") -> tuple[int, str]:
    return code, json.dumps({"error": kind, "message": "…"})


# --- what is due ----------------------------------------------------------------------------------------------------


def test_each_runs_on_its_schedule_and_an_erasure_only_where_there_is_work(day: Day) -> None:
    assert day.after() == []
    assert day.after(minutes=15) == ["watch"]
    assert sorted(day.after(minutes=15)) == ["follow", "watch"]
    assert day.after(minutes=30) == ["watch"]  # an hour, and nothing to erase
    assert set(day.after(hours=15)) == {"follow", "retire", "watch"}  # several moments that passed are one run


def test_an_erasure_begins_as_soon_as_there_is_work_and_not_again_for_what_it_left(day: Day) -> None:
    day.work, day.ends = dict(WAITS), [away(kind="ValidationRefused")]
    assert day.after(seconds=1) == ["erase"]
    assert day.after(minutes=14) == []
    day.work["request-2"], day.ends = "suppressed", [away(kind="ValidationRefused")]
    assert day.after(seconds=1) == ["erase"]  # somebody new
    assert day.after(seconds=1) == []
    day.work["request-1"], day.ends = "queued", [away(kind="ValidationRefused")]
    assert day.after(seconds=1) == ["erase"]  # somebody approved
    assert day.after(seconds=1) == []
    assert "erase" in day.after(hours=1)  # what was left, by the schedule
    assert day.work == {}


def test_what_comes_while_an_erasure_runs_is_new_though_the_run_fails(day: Day) -> None:
    day.work = dict(WAITS)
    plain, came = day.flows.start, iter([{"request-2": "suppressed"}])

    def start(root: Path, name: str) -> subprocess.Popen[str]:
        day.work.update(next(came, {}))
        return plain(root, name)

    day.flows.start, day.ends = start, [away(kind="OnHold"), away(kind="OnHold")]
    assert day.after(seconds=1) == ["erase", "erase"]
    assert day.after(seconds=1) == []


@pytest.mark.parametrize("end", [away(), (-9, ""), (1, "Aborted"), (77, "")])
def test_what_met_an_outage_or_died_is_tried_again_soon_and_later_and_later(end: tuple[int, str], day: Day) -> None:
    day.flows.schedules = {"erase": None}
    day.work, day.ends, waited = dict(WAITS), [end] * 6, list[float]()
    assert day.after(seconds=1) == ["erase"]
    for _ in range(5):
        begin = day.now
        while day.after(seconds=3) == []:
            assert day.now < begin + timedelta(hours=1)
        waited.append((day.now - begin).total_seconds())
    assert waited[0] < 15
    assert waited[-1] > 4 * waited[0]
    assert day.ran == ["erase"] * 6


def test_whoever_waited_longest_goes_first_though_there_is_always_work(day: Day) -> None:
    day.flows.ask("watch")
    day.flows.ask("follow")
    day.work = {f"request-{number}": "suppressed" for number in range(5)}
    plain = day.flows.start

    def start(root: Path, name: str) -> subprocess.Popen[str]:
        made = plain(root, name)
        if name == "erase" and len(day.flows.last) < 3:
            day.work |= {f"request-{day.now}": "suppressed"}
        day.now += timedelta(seconds=1)
        return made

    day.flows.start = start
    assert sorted(day.after()[:3]) == ["erase", "follow", "watch"]


def test_a_project_where_nothing_can_be_asked_says_so_once_and_still_watches(
    day: Day, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def work(*_: object) -> dict[str, str]:
        raise WrongUse("no table")

    monkeypatch.setattr(batches, "work", work)
    assert day.after() == []
    assert day.after(minutes=15) == ["watch"]
    assert day.after(minutes=15)
    assert [one.message for one in caplog.records if "no table" in one.message] == ["flows  no table"]


@drawn(few=8, many=200, steps=st.lists(st.integers(-3 * 86_400, 3 * 86_400), min_size=1, max_size=8))
def test_a_clock_that_jumps_makes_no_flow_wait_longer_than_its_schedule(steps: Sequence[int]) -> None:
    flows = Scheduler(None, {"watch": "*/15 * * * *"})  # type: ignore[arg-type]
    now = NOON
    flows.clock, flows._look = lambda: now, lambda: None  # type: ignore[method-assign, misc, assignment]
    for step in steps:
        now += timedelta(seconds=step)
        flows.due()
        flows._asked.clear()
        assert now < flows._next["watch"] <= now + timedelta(minutes=15)
    now += timedelta(minutes=15)
    assert flows.due() == "watch"


# --- how runs end ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "said", "expected"),
    [
        (0, '{"a": 1}', "done"),
        (0, "[]", "done"),
        (1, '{"residuals": [1]}', "left"),
        (1, '{"error": "OnHold", "message": ""}', "OnHold"),
        (2, '{"error": "SettingsError", "message": ""}', "SettingsError"),
        (70, '{"error": "Unforeseen", "message": ""}', "Unforeseen"),
        (130, "", "stopped"),
        (-2, "", "stopped"),
        (-9, "", "died"),
        (-15, "{}", "died"),
        (1, "", "died"),
        (0, "", "died"),
    ],
)
def test_how_a_run_ended_is_read_from_its_code_and_what_it_said(code: int, said: str, expected: str) -> None:
    assert how(code, said) == expected


def test_a_run_may_say_much(tmp_path: Path) -> None:
    code, said = awaited(process("print('x' * 1_000_000)"), threading.Event())
    assert (code, len(said)) == (0, 1_000_001)


LEAVES_ONE = """
import os, subprocess, sys
print(subprocess.Popen(["sleep", "60"]).pid, flush=True)
{}
"""


@pytest.mark.parametrize(("end", "code"), [("os.kill(os.getpid(), 9)", -9), ("sys.exit(1)", 1)])
def test_a_run_is_over_when_it_ended_though_a_process_that_it_left_holds_its_output(end: str, code: int) -> None:
    ended = threading.Event()
    found: list[tuple[int, str]] = []
    run = process(LEAVES_ONE.format(end))
    waits = threading.Thread(target=lambda: (found.append(awaited(run, threading.Event())), ended.set()), daemon=True)
    waits.start()
    assert run.wait(30) == code
    assert ended.wait(20)
    [(how_it_ended, said)] = found
    os.kill(int(said), signal.SIGKILL)
    assert how_it_ended == code


ENDS_WELL = """
import sys, time
try:
    print("begun", file=sys.stderr, flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_a_run_that_is_told_to_end_may_end_well_and_is_killed_else(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    stop.set()
    stubborn = f"import signal; signal.signal(2, signal.SIG_IGN)\n{ENDS_WELL}"
    for code, grace, expected in ((ENDS_WELL, 60, 130), (stubborn, 0.5, -9)):
        monkeypatch.setattr(scheduler, "_GRACE_S", grace)
        running = subprocess.Popen(
            [sys.executable, "-S", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert running.stderr is not None
        running.stderr.readline()
        assert awaited(running, stop)[0] == expected


# --- a thread of its own, and others on the same ledger ---------------------------------------------------------------


@contextmanager
def running(flows: Scheduler) -> Iterator[threading.Event]:
    stop = threading.Event()
    thread = threading.Thread(target=flows.keep_running, args=(stop,))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        flows.wake()
        thread.join(30)
        assert not thread.is_alive()


def soon(holds: Callable[[], object]) -> None:
    ends = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_of_two_services_on_one_ledger_one_starts_flows_until_it_ends_and_then_the_other(
    beginning: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "LOOK_S", 0.02)
    root, at_once, most = beginning.copy(tmp_path / "project").root, [0], [0]

    def start(_root: Path, _name: str) -> subprocess.Popen[str]:
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        made = process("print('{}')")
        made.wait()
        at_once[0] -= 1
        return made

    one, other = (Scheduler(History(root).workspace, {"watch": None}, start=start) for _ in range(2))
    with running(one) as end:
        soon(lambda: one.where == "here")
        with running(other):
            for _ in range(3):
                one.ask("watch")
                soon(lambda: not one._asked and one.runs is None)
            other.ask("watch")  # it keeps this until it leads
            assert other.where == "elsewhere"
            assert one.count == {("watch", "done"): 3}
            assert not other.count
            end.set()
            soon(lambda: other.count == {("watch", "done"): 1})
            assert other.where == "here"
            assert other.told()["where"] == "here"
    assert most == [1]
    assert {one.where, other.where} == {"ended"}


def test_a_ledger_that_is_away_is_said_once_and_led_again_when_it_is_back(
    beginning: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(scheduler, "LOOK_S", 0.02)
    workspace: Workspace = beginning.copy(tmp_path / "project").workspace
    flows, head, gone = Scheduler(workspace, {"erase": None}), workspace.ledger.head, [False]

    def maybe() -> tuple[int, str]:
        if gone[0]:
            raise Unavailable("the ledger does not answer")
        return head()

    monkeypatch.setattr(workspace.ledger, "head", maybe)
    with running(flows):
        soon(lambda: flows.where == "here")
        gone[0] = True
        soon(lambda: flows.where == "elsewhere")
        time.sleep(0.1)
        gone[0] = False
        soon(lambda: flows.where == "here")
    assert [one.message for one in caplog.records if "does not answer" in one.message] == ["flows  the ledger does not answer"]


def test_a_project_has_the_flows_of_its_settings_but_no_training(beginning: History, tmp_path: Path) -> None:
    workspace = beginning.copy(tmp_path / "project").workspace
    assert scheduler.of_project(workspace).schedules == {
        one.name: one.cron for one in deployments.of_project(workspace.root) if one.name != "train"
    }
    assert scheduler.of_project(workspace).told() == {"where": "elsewhere", "runs": None, "next": {}, "last": {}}
