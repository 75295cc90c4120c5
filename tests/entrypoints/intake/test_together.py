"""Callers of one moment are served by one call, each with its own answer or its own error, whoever else is in it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence

import pytest
from hypothesis import strategies as st

from tests.properties import drawn
from unlearning.entrypoints.intake.together import MOST, Together


class Bad(Exception):
    """Somebody's own fault."""


class Away(Exception):
    """Nobody's."""


class Squares:
    """Numbers kept one call at a time, and their squares; who asks for a negative one is refused before anything is kept."""

    def __init__(self) -> None:
        self.kept: list[int] = []
        self.calls: list[int] = []
        self.gate, self.under_way = threading.Event(), threading.Lock()

    def keep(self, numbers: Sequence[int]) -> list[int]:
        assert self.under_way.acquire(blocking=False), "two calls at once"
        try:
            self.gate.wait(60)
            self.calls.append(len(numbers))
            if any(one < 0 for one in numbers):
                raise Bad
            if 13 in numbers:
                raise Away
            self.kept += numbers
            return list(numbers)
        finally:
            self.under_way.release()

    def tell(self, _asked: Sequence[int], numbers: Sequence[int]) -> list[int]:
        if 99 in numbers:
            raise KeyError("told badly")
        return [one * one for one in numbers]


def asked_at_once(squares: Squares, numbers: Sequence[int]) -> list[int | BaseException]:
    """The answers; the first is under way when the others come, half of them in an event loop of their own."""
    together = Together(squares.keep, squares.tell, common=(Away,))
    later = numbers[1 : len(numbers) // 2 + 1], numbers[len(numbers) // 2 + 1 :]
    found: dict[int, int | BaseException] = {}

    async def ask(some: Sequence[int]) -> None:
        told = await asyncio.wait_for(asyncio.gather(*map(together, some), return_exceptions=True), 60)
        found.update(zip(some, told, strict=True))

    def until(there: Callable[[], bool]) -> None:
        while not there():
            threading.Event().wait(0.001)

    loops = [threading.Thread(target=lambda some=some: asyncio.run(ask(some))) for some in (numbers[:1], *later)]  # type: ignore[misc]
    for number, one in enumerate(loops):
        one.start()
        if not number:
            until(squares.under_way.locked)
    until(lambda: len(together._waiting) == len(numbers) - 1)
    squares.gate.set()
    for one in loops:
        one.join(60)
    return [found[one] for one in numbers]


def told(answer: int | BaseException) -> int:
    if isinstance(answer, BaseException):
        raise answer
    return answer


@drawn(few=15, many=500, numbers=st.lists(st.integers(-3, 12), min_size=1, max_size=8, unique=True))
def test_each_gets_its_own_answer_or_error_and_what_is_told_is_kept_once(numbers: list[int]) -> None:
    squares = Squares()
    for number, answer in zip(numbers, asked_at_once(squares, numbers), strict=True):
        if number < 0:
            with pytest.raises(Bad):
                told(answer)
        else:
            assert told(answer) == number * number
    assert sorted(squares.kept) == sorted(one for one in numbers if one >= 0)


def test_many_are_few_calls_and_none_is_larger_than_it_may_be() -> None:
    squares, many = Squares(), range(100, 100 + MOST + 20)
    assert asked_at_once(squares, many) == [one * one for one in many]
    assert squares.calls[0] == 1
    assert max(squares.calls) <= MOST
    assert len(squares.calls) <= 3


def test_what_may_have_been_done_is_not_done_again() -> None:
    """An error that is nobody's own, or that comes after the work, is everybody's."""
    squares = Squares()
    first, *others = asked_at_once(squares, [1, 13, 2])
    assert first == 1
    assert all(isinstance(one, Away) for one in others)
    squares = Squares()
    _, *others = asked_at_once(squares, [1, 99, 2])
    assert all(isinstance(one, KeyError) for one in others)
    assert sorted(squares.kept) == [1, 2, 99]


def test_the_end_of_the_process_leaves_nobody_waiting() -> None:
    def end(_numbers: Sequence[int]) -> Sequence[int]:
        raise SystemExit

    together = Together(end, lambda _asked, done: done)
    for _ in range(2):
        with pytest.raises(SystemExit):
            asyncio.run(together(1))


def test_who_went_away_keeps_nobody_waiting() -> None:
    """Neither one that stopped to wait nor one whose event loop was closed."""
    squares = Squares()
    together = Together(squares.keep, squares.tell)

    async def leave(number: int) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(together(number), 0.01)

    for number in (1, 2):
        asyncio.run(leave(number))
    squares.gate.set()
    assert asyncio.run(together(3)) == 9
    assert squares.kept == [1, 2, 3]


def test_where_no_thread_can_be_had_it_is_said_and_the_next_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    squares = Squares()
    squares.gate.set()
    together = Together(squares.keep, squares.tell)

    def none(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", none)
        for _ in range(2):
            with pytest.raises(RuntimeError):
                asyncio.run(asyncio.wait_for(together(1), 10))
    assert asyncio.run(asyncio.wait_for(together(3), 60)) == 9
    assert squares.calls == [1]
