"""The flows of a project where no Prefect server runs them: `unlearn serve` starts each when it is due, one at a time.

Each run is the command of its name in a process of its own: what it imports goes with it, and one that dies takes nobody along.
Of several services on one ledger one leads; its lease is a lock, which ends with its process or its connection, and then
another one goes on. An erasure begins as soon as there is something to do that was not there when the last one ended.
"""

from __future__ import annotations

import json
import logging
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cronsim import CronSim

from unlearning.domain.callbacks import pause
from unlearning.domain.clocks import Clock, utc_now
from unlearning.domain.errors import Unavailable, UnlearningError
from unlearning.entrypoints import last_resort
from unlearning.entrypoints.flows import deployments
from unlearning.erasure import batches

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace

LOCK = "flows"
ERASE, WATCH, TRAIN = deployments.ERASE.name, deployments.WATCH.name, deployments.TRAIN.name

LOOK_S = 1.0
"""Between two looks."""
_POLL_S = 0.2
_GRACE_S = 60.0
"""Seconds that a run which is told to end has; then it is killed. What it had done is in the ledger either way."""
_RESTS = timedelta(hours=1)
"""So long at most before what died, or met a service that was away, is tried again."""
_UNSEEN_S = 60.0
"""After it the ledger is asked for work though nothing was written: a moment may have come by which one must begin."""
_SHARE = 10
"""Asking for work takes at most one part of so many of the time."""

_COMMAND = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "  # ignored where a shell began the service
    "from unlearning.entrypoints.cli import main; sys.exit(main(prog_name='unlearn'))"
)
_SAID = (1, 2, 70)
"""Exit codes with which a command says what was wrong, or what is left."""

progress = logging.getLogger("unlearning.progress")


@dataclass(frozen=True)
class Ended:
    """How a run of a flow ended."""

    at: datetime
    how: str
    """`done`; `left`, done but for what is left or was found; `stopped`, told to end; `died`; or the kind of its error."""
    seconds: float

    @property
    def comes_again(self) -> bool:
        """Not for what was asked, so it is tried again soon: an outage or a death."""
        return self.how in ("died", Unavailable.__name__)


def how(code: int, said: str) -> str:
    """What an exit code and the document on standard output say of a run."""
    if code in (130, -signal.SIGINT):
        return "stopped"
    if code not in (0, *_SAID):
        return "died"
    try:
        document = json.loads(said)
    except ValueError:  # it was cut off; what ends well says something
        return "died"
    if isinstance(document, dict) and "error" in document:
        return str(document["error"])
    return "left" if code else "done"


def started(root: Path, name: str) -> subprocess.Popen[str]:
    """The command of this name on a project, in a session of its own: Ctrl-C is for the service, which hands it on."""
    command = [sys.executable, "-P", "-c", _COMMAND, name, "--root", str(root), "--json"]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, encoding="utf-8", start_new_session=True
    )


def awaited(process: subprocess.Popen[str], stop: threading.Event) -> tuple[int, str]:
    """Exit code and standard output of a run; one that is under way when `stop` is set is told to end, and has some time.

    A run is over when its process ended: what that left running may hold the output open for as long as it likes.
    """
    ends: float | None = None
    over = False
    while True:
        try:
            said, _ = process.communicate(timeout=_POLL_S)
        except subprocess.TimeoutExpired as still_open:
            if over:
                if process.stdout is not None:
                    process.stdout.close()
                return process.returncode, (still_open.output or b"").decode("utf-8", "replace")
            if process.poll() is not None:  # what it wrote last is read in one more round
                over = True
            elif ends is None and stop.is_set():
                ends = time.monotonic() + _GRACE_S
                process.send_signal(signal.SIGINT)
            elif ends is not None and time.monotonic() > ends:
                process.kill()
        else:
            return process.returncode, said


@dataclass
class Scheduler:
    """What is due of one project, and what runs."""

    workspace: Workspace
    schedules: Mapping[str, str | None]
    """Flow → when it runs by itself, in fields of cron."""
    start: Callable[[Path, str], subprocess.Popen[str]] = started
    clock: Clock = utc_now
    where: str = "elsewhere"
    """`here`; `elsewhere`, while another service leads or the ledger is away; `ended`."""
    runs: str | None = None
    """The flow that does."""
    last: dict[str, Ended] = field(default_factory=dict)
    count: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(flow, how it ended) → how often."""
    _asked: set[str] = field(default_factory=set)
    """Flows whose moment came, or that somebody asked for."""
    _next: dict[str, datetime] = field(default_factory=dict)
    _failed: Counter[str] = field(default_factory=Counter)
    """How often in a row a flow died or met an outage."""
    _again: dict[str, datetime] = field(default_factory=dict)
    _work: dict[str, str] = field(default_factory=dict)
    """What there was to do at the last look."""
    _tried: dict[str, str] = field(default_factory=dict)
    """What the last erasure left of what was there before it: begun again by the schedule, not at once."""
    _head: tuple[int, str] | None = None
    _looks: tuple[float, float] = (0.0, 0.0)
    """No question for work before the first of these moments, and one after the second though nothing was written."""
    _said: str = ""
    _wake: threading.Event = field(default_factory=threading.Event)

    def ask(self, name: str) -> bool:
        """A run of this flow that begins after this moment."""
        self._asked.add(name)
        self._wake.set()
        return True

    def wake(self, _request_ids: Sequence[str] = ()) -> None:
        """Look now: something is new."""
        self._wake.set()

    def keep_running(self, stop: threading.Event) -> None:
        """Lead while nobody else does, until `stop` is set. What goes wrong is said once, and stops nothing."""
        try:
            while not stop.is_set():
                try:
                    self._lead(stop)
                except Exception as error:  # whatever it was, the next look may go better
                    self._say(error)
                self.where, self.runs = "elsewhere", None
                self._rest()
        finally:
            self.where = "ended"

    def _lead(self, stop: threading.Event) -> None:
        ledger = self.workspace.ledger
        ledger.head()  # one that is away is said to be, and not taken for one where another service leads
        with ExitStack() as lease:
            try:
                lease.enter_context(ledger.exclusive(LOCK, timeout=0))
            except Unavailable:
                return
            self.where, self._next = "here", {}
            while not stop.is_set():
                if (name := self.due()) is None:
                    self._rest()
                else:
                    ledger.append_all((), at=self.clock())  # nothing, but refused where the lease was lost meanwhile
                    self.run(name, stop)

    def _rest(self) -> None:
        self._wake.wait(LOOK_S)
        self._wake.clear()

    def due(self) -> str | None:
        """The flow whose turn it is: the one that ran the longest ago, an erasure only where there is something to do."""
        now = self.clock()
        for name, cron in self.schedules.items():
            if cron is not None:
                if self._next.get(name, now + _RESTS) <= now:
                    self._asked.add(name)
                self._next[name] = next(CronSim(cron, now))  # anew each time: a clock may be set back
        begins = self._asked | {name for name, at in self._again.items() if not now < at < now + _RESTS}
        self._look()
        if not self._work:
            begins -= {ERASE}
        elif self._work.items() - self._tried.items():
            begins |= {ERASE}
        return min(begins, key=lambda name: (name in self.last and self.last[name].at.timestamp(), name), default=None)

    def _look(self, *, anew: bool = False) -> None:
        """Ask for work, unless it was asked for lately or nothing was written since."""
        began, (first, latest) = time.monotonic(), self._looks
        if not anew and began < first:
            return
        head = self.workspace.ledger.head()
        if not anew and head == self._head and began < latest:
            return
        try:
            self._work = batches.work(self.workspace, ())
        except Unavailable:
            raise
        except UnlearningError as error:
            self._say(error)
            self._work = {}
        ended = time.monotonic()
        self._head, self._looks = head, (ended + _SHARE * (ended - began), ended + _UNSEEN_S)

    def run(self, name: str, stop: threading.Event) -> None:
        """One run, and what follows from its end."""
        if name == ERASE:
            self._look(anew=True)
        before = self._work
        self._asked.discard(name)
        self._again.pop(name, None)
        self.runs, began = name, time.monotonic()
        progress.info("flows  %s begins", name)
        code, said = awaited(self.start(self.workspace.root, name), stop)
        ended = Ended(self.clock(), "stopped" if code and stop.is_set() else how(code, said), time.monotonic() - began)
        progress.info("flows  %s: %s after %.1f s", name, ended.how, ended.seconds)
        self.runs, self.last[name] = None, ended
        self.count[name, ended.how] += 1
        self._failed[name] = self._failed[name] + 1 if ended.comes_again else 0
        if ended.comes_again:
            self._again[name] = ended.at + pause(self._failed[name], random.random(), longest=_RESTS)
        if name == ERASE:
            self._look(anew=True)
            self._tried = {one: state for one, state in self._work.items() if one in before}

    def _say(self, error: Exception) -> None:
        said = str(error if isinstance(error, UnlearningError) else last_resort.ended(error, self.workspace.root))
        if said != self._said:
            self._said = said
            progress.error("flows  %s", said)

    def told(self) -> dict[str, object]:
        """What `/readyz` says of it: where flows run, which does, when each comes next, and how its last run ended."""
        last = {name: {"at": one.at.isoformat(timespec="seconds"), "how": one.how} for name, one in [*self.last.items()]}
        coming = {name: at.isoformat(timespec="seconds") for name, at in [*self._next.items()]} if self.where == "here" else {}
        return {"where": self.where, "runs": self.runs, "next": coming, "last": last}


def of_project(workspace: Workspace) -> Scheduler:
    """The flows of a project, on the schedules of its settings."""
    return Scheduler(workspace, {one.name: one.cron for one in deployments.of_project(workspace.root) if one.name != TRAIN})
