"""Callbacks out: receivers are told, signed, of the state that their requests are in; one process delivers at a time.

Who was told is an event after the call, so a process that was killed between both tells again, under the same id. States that
passed between two rounds are not told. A receiver that fails is tried again, later and later, and after five days that state
is given up, by an event.
"""

from __future__ import annotations

import json
import logging
import os
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from unlearning.domain import callbacks as decided
from unlearning.domain.callbacks import Callback, News
from unlearning.domain.clocks import Clock, utc_now
from unlearning.domain.entities import ErasureRequest
from unlearning.domain.environ import CALLBACK_SECRETS
from unlearning.domain.errors import KeyFileError, Unavailable, UnlearningError, WrongUse
from unlearning.domain.events import CallbackFailed, CallbackTold
from unlearning.entrypoints import last_resort
from unlearning.entrypoints.intake import signatures
from unlearning.entrypoints.intake.formats import fides, opendsr, own
from unlearning.project import callbacks
from unlearning.stores import calling

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace

LOCK = "callbacks"
ROUND_S = 2.0
"""Between two looks of the service."""
_AT_ONCE = 8
"""Hosts that are called at a time; each gets its calls one after the other."""
_REST = timedelta(minutes=10)
"""So long at most a host is left in peace that failed, however many calls wait for it."""

_NEWS: Mapping[str, Callable[[Callback, Sequence[ErasureRequest]], News | None]] = {
    "own": own.news,
    "opendsr": opendsr.news,
    "fides": fides.news,
}

progress = logging.getLogger("unlearning.progress")


class Busy(Unavailable):
    """Another process delivers."""


@dataclass(frozen=True)
class Round:
    """What one look did."""

    told: int = 0
    failed: int = 0
    given_up: int = 0
    open: int = 0
    """Callbacks with more to tell, sooner or later."""


@dataclass
class Deliveries:
    """What is to be told of one project, and to whom; what it knows it reads once, and then only what is new."""

    workspace: Workspace
    secrets: Sequence[bytes] = field(repr=False)
    clock: Clock = utc_now
    resolve: calling.Resolve = calling.resolved
    draw: Callable[[], float] = random.random
    _known: dict[str, Callback] = field(default_factory=dict)
    _read: int = 0
    _rests: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    """Host and port → how often in a row it failed, and until when it is left in peace."""
    _next: datetime | None = None
    """When something is to be tried again, though the ledger says nothing new."""
    _seen: tuple[int, str] | None = None
    """The head of the ledger at the last look that came to its end."""
    _one: threading.Lock = field(default_factory=threading.Lock)
    """One event at a time."""

    def deliver(self, *, stop: threading.Event | None = None) -> Round:
        """One look. Raises Busy while another process delivers, KeyFileError when there is nothing to sign with.

        stop: set from outside, nothing more is begun.
        """
        now, head = self.clock(), self.workspace.ledger.head()
        if head == self._seen and (self._next is None or self._next > now):
            return Round(open=len(self._known))
        with self._alone():
            self._follow()
            due = self._due(now)
            unsigned = 0 if self.secrets else sum(one.asked.form != "fides" for one, _ in due)
            by_host: dict[str, list[tuple[Callback, News]]] = {}
            for one, news in due:
                at = decided.receiver(one.asked.url).at
                if (self.secrets or one.asked.form == "fides") and self._rests_until(at, now) <= now:
                    by_host.setdefault(at, []).append((one, news))
            with ThreadPoolExecutor(max(1, min(_AT_ONCE, len(by_host)))) as pool:
                done = list(pool.map(lambda each: self._host(each[0], each[1], now, stop), by_host.items()))
            self._follow()
            callbacks.forget(self.workspace.root, self._known)
        self._seen, self._next = head, min(self._to_come(due, now), default=None)
        if unsigned:
            raise KeyFileError(
                f"{unsigned} callbacks wait, and {CALLBACK_SECRETS} is not set; expected a secret of Standard "
                "Webhooks there, which their receivers know too"
            )
        facts = [fact for each in done for fact in each]
        failed = [fact for fact in facts if isinstance(fact, CallbackFailed)]
        given_up = sum(fact.again is None for fact in failed)
        return Round(len(facts) - len(failed), len(failed) - given_up, given_up, len(self._known))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with ExitStack() as stack:
            try:
                stack.enter_context(self.workspace.ledger.exclusive(LOCK, timeout=0))
            except Unavailable as error:
                raise Busy("another process delivers callbacks now; run again when it has ended") from error
            yield

    def _follow(self) -> None:
        events = self.workspace.ledger.events(kinds=decided.KINDS, after=self._read)
        decided.follow(self._known, events)
        self._read = events[-1].seq if events else self._read
        for one in [one for one in self._known.values() if one.ended]:
            callbacks.use_up(self.workspace.root, one.name)
            del self._known[one.name]

    def _due(self, now: datetime) -> list[tuple[Callback, News]]:
        requests = self.workspace.ledger.standing.requests({name for one in self._known.values() for name in one.requests})
        found = [(one, _NEWS[one.asked.form](one, [requests[name] for name in one.requests])) for one in self._known.values()]
        return [(one, news) for one, news in found if news is not None and one.due(news.state, now)]

    def _to_come(self, due: Sequence[tuple[Callback, News]], now: datetime) -> Iterator[datetime]:
        """When each call that failed, or waits for a host that did, may be made."""
        for one in self._known.values():
            if one.again is not None:
                yield max(one.again, self._rests_until(decided.receiver(one.asked.url).at, now))
        for one, _ in due:
            if (until := self._rests_until(decided.receiver(one.asked.url).at, now)) > now:
                yield until

    def _rests_until(self, at: str, now: datetime) -> datetime:
        return self._rests[at][1] if at in self._rests else now

    def _host(
        self, at: str, due: Sequence[tuple[Callback, News]], now: datetime, stop: threading.Event | None
    ) -> list[CallbackTold | CallbackFailed]:
        """Tell one host; when it fails, its other calls wait until it was left in peace for a while."""
        facts: list[CallbackTold | CallbackFailed] = []
        for one, news in due:
            if stop is not None and stop.is_set():
                break
            if (why := self._call(one, news)) == _ELSEWHERE:
                continue
            fact: CallbackTold | CallbackFailed
            if why is None:
                fact = CallbackTold(callback=one.name, state=news.state)
            else:
                fact = one.after(news.state, why, now=now, share=self.draw())
            with self._one:
                self.workspace.ledger.append(one.subject, fact, at=self.clock())
            facts.append(fact)
            if why is not None:
                failed = self._rests[at][0] + 1 if at in self._rests else 1
                self._rests[at] = failed, now + decided.pause(failed, self.draw(), longest=_REST)
                break
            self._rests.pop(at, None)
        return facts

    def _call(self, one: Callback, news: News) -> str | None:
        """None once it was taken in, else why not."""
        body = json.dumps(news.document, separators=(",", ":")).encode()
        headers = {"Content-Type": news.media, "User-Agent": "mlflow-unlearning"}
        if one.asked.form == "fides":
            if (token := callbacks.token(self.workspace.root, one.name)) is None:
                return _ELSEWHERE
            headers["Authorization"] = f"Bearer {token}"
        else:
            headers |= signatures.sign(one.delivery(news.state), body, self.secrets, now=self.clock().timestamp())
        to, rules = decided.receiver(one.asked.url), callbacks.rules(self.workspace, one.asked.form)
        try:
            rules.require_permitted(to)  # settings may have become stricter since it was taken
            calling.post(to, body, headers, internal=rules.is_internal(to), resolve=self.resolve)
        except WrongUse:
            return "callbacks in params.yaml does not permit it"
        except calling.NotTaken as error:
            return str(error)
        return None


_ELSEWHERE = "its token is not kept here"
"""Another machine took the request in, and delivers."""


def deliveries(workspace: Workspace, environ: Mapping[str, str] = os.environ) -> Deliveries:
    """Those of a project. Raises KeyFileError for secrets that are none."""
    return Deliveries(workspace, signatures.secrets_in(environ.get(CALLBACK_SECRETS, ""), named=CALLBACK_SECRETS))


def keep_delivering(made: Deliveries, stop: threading.Event, *, every_s: float = ROUND_S) -> None:
    """Look again and again until `stop` is set. What goes wrong is said once, and stops nothing."""
    said = ""
    while not stop.is_set():
        try:
            made.deliver(stop=stop)
            said = ""
        except Exception as error:  # the service answers on, and says so
            ended = error if isinstance(error, UnlearningError) else last_resort.ended(error, made.workspace.root)
            if not isinstance(ended, Busy) and str(ended) != said:
                said = str(ended)
                progress.error("serve  callbacks: %s", said)
        stop.wait(every_s)
