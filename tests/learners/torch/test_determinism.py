"""Settings that torch keeps per process, shared by jobs in threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from unlearning.learners.torch.determinism import draws_numbers, job, seeded

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def settings_restored() -> Iterator[None]:
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


def test_a_job_has_one_thread_and_gives_the_others_back() -> None:
    torch.set_num_threads(2)
    with job(deterministic=False):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def test_a_job_within_a_job_ends_nothing_early() -> None:
    torch.set_num_threads(2)
    with job(deterministic=True):
        with job(deterministic=True):
            pass
        assert torch.get_num_threads() == 1
        assert torch.are_deterministic_algorithms_enabled()
    assert torch.get_num_threads() == 2
    assert not torch.are_deterministic_algorithms_enabled()


def test_settings_come_back_when_a_job_fails() -> None:
    torch.set_num_threads(2)
    with pytest.raises(ZeroDivisionError), job(deterministic=True):
        _ = 1 / 0
    assert torch.get_num_threads() == 2
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_job_that_ends_leaves_the_others_their_settings() -> None:
    """Both run; the first ends; the second still has one thread and deterministic algorithms."""
    torch.set_num_threads(2)
    started, first_ended, seen = threading.Event(), threading.Event(), []

    def second() -> None:
        with job(deterministic=True):
            started.set()
            first_ended.wait(300)
            seen.append((torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()))

    with job(deterministic=True):
        thread = threading.Thread(target=second)
        thread.start()
        assert started.wait(300)
    first_ended.set()
    thread.join(300)
    assert seen == [(1, True)]
    assert not torch.are_deterministic_algorithms_enabled()


def test_seeded_numbers_repeat_and_leave_the_global_ones_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    numbers = []
    for _ in range(2):
        with seeded(CPU, 9):
            numbers.append(torch.rand(2))
    assert torch.equal(numbers[0], numbers[1])
    assert torch.equal(torch.rand(4), expected)


def test_jobs_that_draw_wait_for_each_other() -> None:
    entered = threading.Event()

    def other() -> None:
        with seeded(CPU, 1):
            entered.set()

    thread = threading.Thread(target=other)
    with seeded(CPU, 2):
        thread.start()
        assert not entered.wait(0.1)
    assert entered.wait(300)
    thread.join(300)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (lambda: torch.ones(3).cumsum(0), False),
        (lambda: torch.rand(3), True),
        (lambda: torch.ones(3).bernoulli(), True),
        (lambda: torch.nn.functional.dropout(torch.ones(3), 0.5), True),
        (lambda: torch.nn.functional.dropout(torch.ones(3), 0.5, training=False), False),
        (lambda: torch.nn.functional.scaled_dot_product_attention(*[torch.ones(1, 2, 4)] * 3, dropout_p=0.3), True),
        (lambda: torch.nn.functional.scaled_dot_product_attention(*[torch.ones(1, 2, 4)] * 3), False),
        (lambda: torch.randperm(3), True),
    ],
)
def test_draws_finds_the_operators_that_take_random_numbers(step: object, expected: bool) -> None:
    assert draws_numbers(step) is expected  # type: ignore[arg-type]
