"""What makes a fit give the same bytes: one thread, and no number from a generator of the process.

Thread counts belong to the process (BLAS) or to the calling thread (OpenMP), so jobs in threads share the first and each set
the second: settings are counted in and out.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
from threadpoolctl import OpenBLASController, ThreadpoolController

T = TypeVar("T")
_RANDOM = threading.RLock()


class _Jobs:
    """The jobs running in this process, and the settings of BLAS to return to after the last one."""

    lock = threading.Lock()
    running = 0
    before: Any = None


@contextmanager
def one_thread() -> Iterator[None]:
    """Within: BLAS and OpenMP take one thread for whoever calls; restored afterwards."""
    pools = ThreadpoolController()
    with _Jobs.lock:
        if not _Jobs.running:
            _take_over()
            _Jobs.before = pools.select(user_api="blas").limit(limits=1)
        _Jobs.running += 1
    try:
        with pools.select(user_api="openmp").limit(limits=1):
            yield
    finally:
        with _Jobs.lock:
            _Jobs.running -= 1
            if not _Jobs.running:
                _take_over()
                _Jobs.before.restore_original_limits()


def _take_over() -> None:
    """Let this thread set the threads of OpenBLAS: threadpoolctl heeds only who did so first, and that job may have ended."""
    OpenBLASController.clear_controlling_thread(force=True)


def watched(make: Callable[[], T]) -> tuple[T, bool]:
    """What was made, and whether making it drew from a generator of the process; these are left as they were."""
    with _RANDOM:
        before = np.random.get_state(), random.getstate()
        try:
            made = make()
            after = np.random.get_state(), random.getstate()
        finally:
            np.random.set_state(before[0])
            random.setstate(before[1])
    return made, _plain(before) != _plain(after)


def _plain(states: Any) -> str:
    """Both states as text that can be compared."""
    (name, key, *rest), other = states
    return repr((name, key.tobytes(), rest, other))
