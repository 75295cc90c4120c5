"""Work in processes of their own that are really killed, forked from one that has imported everything."""

from __future__ import annotations

import importlib
import itertools
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from tests.small_project import Project

T = TypeVar("T")

PRELOADED = [
    "mlflow",
    "torch",
    "dvc.repo",
    "great_expectations.expectations",
    "unlearning.entrypoints.flows.erase",
    "unlearning.erasure.purge_again",
    "unlearning.traces.sweep",
    "unlearning.learners.torch",
    "unlearning.stores.mlflow.packaging",
    "unlearning.checks.data",
]
PATIENCE_S = 240
"""For one erasure on a machine that does much else; or, of who is watched, since it last moved."""

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(PRELOADED)


@dataclass(frozen=True)
class Death:
    """At which kind of ledger event a process kills itself."""

    kind: str
    when: Literal["before", "after"]
    """Before the event is recorded, with the step's work done; or as soon as it is durable."""

    def arm(self) -> None:
        """Make every ledger of this process deadly."""
        from unlearning.domain.events import kind_of
        from unlearning.stores.sql.ledger import SqlLedger

        append_all = SqlLedger.append_all

        def appending(ledger: SqlLedger, lines: Any, *, at: Any) -> Any:
            wanted = list(lines)
            strikes = any(kind_of(fact) == self.kind for _, fact in wanted)
            if strikes and self.when == "before":
                die()
            events = append_all(ledger, wanted, at=at)
            if strikes:
                die()
            return events

        SqlLedger.append_all = appending  # type: ignore[method-assign]


@dataclass(frozen=True)
class DeathAt:
    """Before which change of a file or start of a program, counted from 1, a process kills itself."""

    number: int

    def arm(self) -> None:
        """Count them by Python's audit events; what SQLite and Git do inside is not seen."""
        counted = itertools.count(1)

        def hook(event: str, arguments: Any) -> None:
            if _changes(event, arguments) and next(counted) == self.number:
                die()

        sys.addaudithook(hook)


@dataclass(frozen=True)
class DeathIn:
    """In which method a process kills itself, instead of carrying it out."""

    module: str
    owner: str
    method: str

    def arm(self) -> None:
        """Make the method deadly."""
        owner = getattr(importlib.import_module(self.module), self.owner)
        assert callable(getattr(owner, self.method))
        setattr(owner, self.method, lambda *_, **__: die())


_CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.truncate")


def _changes(event: str, arguments: Any) -> bool:
    if event == "open":
        _, mode, flags = arguments
        return bool(flags & (os.O_WRONLY | os.O_RDWR) if flags is not None else set(mode or "") & set("wax+"))
    return event in _CHANGES or event == "subprocess.Popen"


def die() -> None:
    """Here and now, without a word."""
    os.kill(os.getpid(), signal.SIGKILL)


def counted(out: Path, do: Callable[..., None], *arguments: Any) -> None:
    """Do it, and write down how many changes `DeathAt` would have counted."""
    number = [0]

    def hook(event: str, given: Any) -> None:
        number[0] += _changes(event, given)

    sys.addaudithook(hook)
    do(*arguments)
    out.write_text(str(number[0]))


class Deadly(Protocol):
    """What kills a process at a certain moment."""

    def arm(self) -> None:
        """Set it up in the process that is to die."""


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    killed: bool
    error: str | None = None
    """Class and message of what it raised."""
    seconds: float = 0.0


def erase(root: Path) -> None:
    """The steps of the erasure flow."""
    Project(root).erase()


def purge(root: Path) -> None:
    """`unlearn purge`."""
    from unlearning.erasure import purge_again

    purge_again.purge(Project(root).workspace, [])


@dataclass(frozen=True)
class Patience:
    """How long something may stay where it is: its whole way may take longer on a machine that does much else."""

    within_s: float
    at: Callable[[], object] = lambda: None
    """How far it is."""

    def wait(self, over: Callable[[], T]) -> T:
        """The first answer that says so, of a question that waits a while itself. Raises TimeoutError when nothing moves."""
        seen, since = self.at(), time.monotonic()
        while not (answer := over()):
            if (now := self.at()) != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() > since + self.within_s:
                raise TimeoutError(f"not over, and for {self.within_s} s still at {seen}")
        return answer


@contextmanager
def started(
    do: Callable[..., None], *arguments: Any, death: Deadly | None = None, limits: Mapping[int, int] | None = None
) -> Iterator[Running]:
    """The function in a process of its own, which is gone when the block ends."""
    receiver, sender = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=_work, args=(sender, do, arguments, death, dict(limits or {})), daemon=True)
    process.start()
    sender.close()
    running = Running(process, receiver, time.monotonic())
    try:
        yield running
    finally:
        running.kill()
        process.join(30)
        receiver.close()


@dataclass(frozen=True)
class Running:
    """A process at work."""

    process: ForkServerProcess
    receiver: Connection
    began: float

    def kill(self) -> None:
        """SIGKILL, unless it has ended; that may be known a moment before `is_alive` knows."""
        if self.process.pid is not None and self.process.is_alive():
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)

    def ended(self, *, within_s: float = PATIENCE_S, at: Callable[[], object] = lambda: None) -> Ended:
        """Wait for its end. at: how far it is; whenever that changes, it has the whole time again."""
        Patience(within_s, at).wait(self._gone)
        error = self._said()
        killed = self.process.exitcode == -signal.SIGKILL
        if not killed and self.process.exitcode:
            error = error or f"exit code {self.process.exitcode}"
        return Ended(killed, error, time.monotonic() - self.began)

    def _gone(self) -> bool:
        self.process.join(1)
        return not self.process.is_alive()

    def _said(self) -> str | None:
        try:
            said: str | None = self.receiver.recv() if self.receiver.poll() else None
        except EOFError:  # it ended without a word
            return None
        return said


def run(do: Callable[..., None], *arguments: Any, at: Callable[[], object] = lambda: None, **how: Any) -> Ended:
    """Start it and wait for its end."""
    with started(do, *arguments, **how) as running:
        return running.ended(at=at)


def finish(do: Callable[..., None], *arguments: Any, at: Callable[[], object] = lambda: None) -> Ended:
    """Run it to its end, asking again while it is busy, as the flow does: Git outlives a killed process."""
    for pause_s in (1, 5, 0):
        ended = run(do, *arguments, at=at)
        if ended.error is None or "Unavailable" not in ended.error:
            break
        time.sleep(pause_s)
    return ended


def _work(
    sender: Connection,
    do: Callable[..., None],
    arguments: Sequence[Any],
    death: Deadly | None,
    limits: Mapping[int, int],
) -> None:
    import resource

    import torch

    torch.set_num_threads(1)
    if death is not None:
        death.arm()
    for limit, value in limits.items():
        resource.setrlimit(limit, (value, resource.getrlimit(limit)[1]))
    try:
        do(*arguments)
    except Exception as error:
        sender.send(f"{type(error).__name__}: {error}")
