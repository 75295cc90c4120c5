"""How often somebody may ask: a bucket for each caller that fills again with time."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Buckets:
    """One for each caller; those who have not asked for long are forgotten."""

    MOST = 10_000
    """Callers that are remembered."""

    def __init__(self, *, rate: float, burst: float, clock: Callable[[], float]) -> None:
        """rate: tokens a second. burst: how many there are at most. clock: monotonic seconds."""
        self._rate, self._burst, self._clock = rate, burst, clock
        self._filled: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, caller: str, cost: float = 1.0) -> float:
        """Seconds until the caller may ask again; 0 where it may now, and then it is counted."""
        with self._lock:
            now = self._clock()
            left, at = self._filled.pop(caller, (self._burst, now))
            left = min(self._burst, left + max(now - at, 0) * self._rate)
            wait = 0.0 if left >= cost else (cost - left) / self._rate
            self._filled[caller] = (left if wait else left - cost, now)
            if len(self._filled) > self.MOST:
                del self._filled[next(iter(self._filled))]
            return wait
