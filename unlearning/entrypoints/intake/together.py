"""One call for everybody who comes at the same moment: whoever comes while it is under way is in the next.

So a hundred requests at once are a few transactions, and each is answered only after its own was kept.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

A = TypeVar("A")
"""What is asked."""
D = TypeVar("D")
"""What is done."""
R = TypeVar("R")
"""What is answered."""

MOST = 100
"""So many at most are served by one call."""


@dataclass(eq=False)
class _Caller(Generic[A, R]):
    """One who waits."""

    asked: A
    answer: R | None = None
    error: BaseException | None = None
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, answer: R | None = None, error: BaseException | None = None) -> None:
        self.answer, self.error = answer, error
        with suppress(RuntimeError):  # its loop was closed: nobody waits
            self.loop.call_soon_threadsafe(self.ended.set)


class Together(Generic[A, D, R]):
    """A function of many, awaited by each with one. It runs in a thread of its own, one call at a time."""

    def __init__(
        self,
        do: Callable[[Sequence[A]], Sequence[D]],
        answer: Callable[[Sequence[A], Sequence[D]], Sequence[R]],
        *,
        common: tuple[type[Exception], ...] = (),
    ) -> None:
        """do: one result for each, in order; when it raises for several, nothing was done for any, and each is asked alone.

        answer: what each is told of the results, once; what it raises everybody gets. common: errors of `do` that are about
        nobody's own and may come when something was done: everybody gets them, and nothing is tried again.
        """
        self._do, self._answer, self._common = do, answer, common
        self._waiting: list[_Caller[A, R]] = []
        self._change, self._thread = threading.Lock(), ThreadPoolExecutor(1, type(self).__name__)

    async def __call__(self, asked: A) -> R:
        """The answer. Raises what is raised for it."""
        mine = _Caller[A, R](asked)
        with self._change:
            if not self._waiting:
                self._thread.submit(self._next)  # first, and it waits for us: where no thread can be had, nobody waits for it
            self._waiting.append(mine)
        await mine.ended.wait()
        if mine.error is not None:
            raise mine.error
        return cast("R", mine.answer)

    def _next(self) -> None:
        """Serve who waits; whoever comes after these were taken is served next."""
        with self._change:
            some, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            if self._waiting:
                self._thread.submit(self._next)
        if some:
            self._serve(some)

    def _serve(self, some: Sequence[_Caller[A, R]]) -> None:
        asked = [one.asked for one in some]
        try:
            try:
                done = self._do(asked)
            except Exception as error:
                if len(some) == 1 or isinstance(error, self._common):
                    raise
                for one in some:
                    self._serve([one])
                return
            for one, answer in zip(some, self._answer(asked, done), strict=True):
                one.end(answer)
        except BaseException as error:
            for one in some:
                one.end(error=error)
