"""What makes a fit give the same bytes: one thread, and no number from a generator of the process.

Thread counts of BLAS, generators and the filters of warnings belong to the process, and scikit-learn's `Parallel` empties those
filters for each of its tasks, be it the only one: two fits in threads would print what is muted, and restore each other's. So
one fit runs at a time in a process; processes and clusters run more.
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
_ALONE = threading.RLock()


@contextmanager
def one_thread() -> Iterator[None]:
    """Within: nobody else of this process is within, and BLAS and OpenMP take one thread; restored afterwards."""
    with _ALONE:
        OpenBLASController.clear_controlling_thread(force=True)  # or threadpoolctl heeds only the thread that set it first
        with ThreadpoolController().limit(limits=1):
            yield


def watched(make: Callable[[], T]) -> tuple[T, bool]:
    """What was made, and whether making it drew from a generator of the process; these are left as they were."""
    with _ALONE:
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
