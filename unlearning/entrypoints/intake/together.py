"""One call for everybody who comes at the same moment: whoever comes while it is under way is in the next.

So a hundred requests at once are a few transactions, and each is answered only after its own was kept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    done: bool = False
    answer: R | None = None
    error: BaseException | None = None

    def end(self, answer: R | None = None, error: BaseException | None = None) -> None:
        self.answer, self.error, self.done = answer, error, True


class Together(Generic[A, D, R]):
    """A function of many, called by threads with one each."""

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
        self._busy, self._change = False, threading.Condition()

    def __call__(self, asked: A) -> R:
        """The answer. Raises what is raised for it."""
        mine = _Caller[A, R](asked)
        with self._change:
            self._waiting.append(mine)
        while some := self._turn(mine):
            try:
                self._serve(some)
            finally:
                self._end()
        if mine.error is not None:
            raise mine.error
        return cast("R", mine.answer)

    def _turn(self, mine: _Caller[A, R]) -> Sequence[_Caller[A, R]]:
        """Whom this caller serves now; nobody once it was served itself."""
        with self._change:
            self._change.wait_for(lambda: mine.done or not self._busy)
            if mine.done:
                return ()
            some, self._waiting, self._busy = self._waiting[:MOST], self._waiting[MOST:], True
            return some

    def _end(self) -> None:
        with self._change:
            self._busy = False
            self._change.notify_all()

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
            if not isinstance(error, Exception):
                raise
