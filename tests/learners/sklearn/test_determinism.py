"""One thread, and no draw from a generator of the process."""

from __future__ import annotations

import random
import threading
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


def test_jobs_that_overlap_leave_the_counts_as_they_were() -> None:
    before, meet = counts(), threading.Barrier(2)

    def job(first: bool) -> set[tuple[str, int]]:
        with one_thread():
            meet.wait(30)  # both are within
            if not first:
                meet.wait(30)  # the other one has left
                return {one for one in counts().items() if one[1] != 1}
        meet.wait(30)
        return set()

    with ThreadPoolExecutor(2) as pool:
        assert set[tuple[str, int]]().union(*pool.map(job, (True, False))) == set()
    assert counts() == before


def test_a_draw_from_a_generator_of_the_process_is_seen_and_undone() -> None:
    for draw in (np.random.random, random.random):
        state = np.random.get_state()[1].tolist(), random.getstate()  # type: ignore[index,union-attr]
        assert watched(draw)[1]
        assert (np.random.get_state()[1].tolist(), random.getstate()) == state  # type: ignore[index,union-attr]
    assert watched(lambda: np.random.default_rng(0).random())[1] is False
