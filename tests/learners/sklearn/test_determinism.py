"""One thread, and no draw from a generator of the process."""

from __future__ import annotations

import random
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import threadpoolctl

from unlearning.learners.sklearn.determinism import one_thread, watched


def counts() -> dict[str, int]:
    return {one["filepath"]: one["num_threads"] for one in threadpoolctl.threadpool_info()}


def test_within_there_is_one_thread_and_afterwards_what_was_before() -> None:
    before = counts()
    with one_thread(), one_thread():
        assert set(counts().values()) <= {1}
    assert counts() == before


def test_fits_in_threads_come_one_after_the_other_and_leave_the_process_as_it_was() -> None:
    """As `sklearn.utils.parallel` does around each of its tasks."""
    before, filters, within = counts(), list(warnings.filters), list[int]()

    def job(number: int) -> set[int]:
        with one_thread(), warnings.catch_warnings():
            warnings.resetwarnings()
            within.append(number)
            time.sleep(0.01 * (1 + number % 3))  # each would leave while another is within
            within.remove(number)
            return {*within, *(one for one in counts().values() if one != 1)}

    with ThreadPoolExecutor(4) as pool:
        assert set[int]().union(*pool.map(job, range(8))) == set()
    assert (counts(), list(warnings.filters)) == (before, filters)


def test_a_draw_from_a_generator_of_the_process_is_seen_and_undone() -> None:
    for draw in (np.random.random, random.random):
        state = np.random.get_state()[1].tolist(), random.getstate()  # type: ignore[index,union-attr]
        assert watched(draw)[1]
        assert (np.random.get_state()[1].tolist(), random.getstate()) == state  # type: ignore[index,union-attr]
    assert watched(lambda: np.random.default_rng(0).random())[1] is False
