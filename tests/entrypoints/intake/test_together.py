"""Callers of one moment are served by one call, each with its own answer or its own error, whoever else is in it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

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


def asked_at_once(squares: Squares, numbers: Sequence[int]) -> list[Future[int]]:
    """The first is under way when the others come."""
    together = Together(squares.keep, squares.tell, common=(Away,))
    with ThreadPoolExecutor(max(len(numbers), 1)) as pool:
        asked = [pool.submit(together, numbers[0])]
        while not squares.under_way.locked():
            threading.Event().wait(0.001)
        asked += [pool.submit(together, one) for one in numbers[1:]]
        while len(together._waiting) < len(numbers) - 1:
            threading.Event().wait(0.001)
        squares.gate.set()
        wait(asked)
    return asked


@drawn(few=15, many=500, numbers=st.lists(st.integers(-3, 12), min_size=1, max_size=8, unique=True))
def test_each_gets_its_own_answer_or_error_and_what_is_told_is_kept_once(numbers: list[int]) -> None:
    squares = Squares()
    for number, told in zip(numbers, asked_at_once(squares, numbers), strict=True):
        if number < 0:
            with pytest.raises(Bad):
                told.result()
        else:
            assert told.result() == number * number
    assert sorted(squares.kept) == sorted(one for one in numbers if one >= 0)


def test_many_are_few_calls_and_none_is_larger_than_it_may_be() -> None:
    squares, many = Squares(), range(100, 100 + MOST + 20)
    assert [one.result() for one in asked_at_once(squares, many)] == [one * one for one in many]
    assert squares.calls[0] == 1
    assert max(squares.calls) <= MOST
    assert len(squares.calls) <= 3


def test_what_may_have_been_done_is_not_done_again() -> None:
    """An error that is nobody's own, or that comes after the work, is everybody's."""
    squares = Squares()
    first, *others = asked_at_once(squares, [1, 13, 2])
    assert first.result() == 1
    assert all(isinstance(one.exception(), Away) for one in others)
    squares = Squares()
    _, *others = asked_at_once(squares, [1, 99, 2])
    assert all(isinstance(one.exception(), KeyError) for one in others)
    assert sorted(squares.kept) == [1, 2, 99]


def test_the_end_of_the_process_leaves_nobody_waiting() -> None:
    def end(_numbers: Sequence[int]) -> Sequence[int]:
        raise SystemExit

    together = Together(end, lambda _asked, done: done)
    for _ in range(2):
        with pytest.raises(SystemExit):
            together(1)
