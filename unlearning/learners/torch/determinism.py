"""What makes a training job give the same bytes: its threads, its random numbers, its algorithms.

torch keeps all three per process, so jobs in threads share them: settings are counted in and out, random numbers are locked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_RANDOM = threading.RLock()


class _Jobs:
    """The jobs running in this process, and the settings to return to after the last one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._threads = 1
        self._deterministic = False
        self._warn_only = False

    def enter(self, *, deterministic: bool) -> None:
        with self._lock:
            # Asked in every thread: it is what makes torch initialise the thread, which would later undo our setting.
            threads = torch.get_num_threads()
            if self._running == 0:
                self._threads = threads
                self._deterministic = torch.are_deterministic_algorithms_enabled()
                self._warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
            self._running += 1
            # Not a choice: batch normalisation sums per thread, so two threads give other bits than one (seen with torch 2.13).
            torch.set_num_threads(1)
            if deterministic:
                torch.use_deterministic_algorithms(True)

    def leave(self) -> None:
        with self._lock:
            self._running -= 1
            # The count belongs to the calling thread (OpenMP), so everyone restores it, not only the last to leave.
            torch.set_num_threads(self._threads)
            if self._running == 0:
                torch.use_deterministic_algorithms(self._deterministic, warn_only=self._warn_only)


_JOBS = _Jobs()
_THREAD = threading.local()


@contextmanager
def job(*, deterministic: bool) -> Iterator[None]:
    """Within: one torch thread for the calling thread, and deterministic algorithms where asked; restored afterwards."""
    if getattr(_THREAD, "in_job", False):
        yield  # a job's own helper: the settings are those of the job, until the job ends
        return
    _JOBS.enter(deterministic=deterministic)
    _THREAD.in_job = True
    try:
        yield
    finally:
        _THREAD.in_job = False
        _JOBS.leave()


@contextmanager
def seeded(device: torch.device, seed: int) -> Iterator[None]:
    """Within: torch's global generators start from `seed` and no other job draws from them; restored afterwards."""
    with _RANDOM:
        generators = _generators(device)
        before = [generator.get_state() for generator in generators]
        try:
            for generator in generators:
                generator.manual_seed(seed)
            yield
        finally:
            for generator, state in zip(generators, before, strict=True):
                generator.set_state(state)


def draws_numbers(step: Callable[[], object]) -> bool:
    """True when `step`, run once, calls an operator that takes numbers from a random generator."""
    watch = _Watch()  # type: ignore[no-untyped-call]
    with watch:
        step()
    return watch.drew


def _generators(device: torch.device) -> list[torch.Generator]:
    generators = [torch.default_generator]
    if device.type == "cuda":
        torch.cuda.init()  # type: ignore[no-untyped-call]
        index = torch.cuda.current_device() if device.index is None else device.index
        generators.append(torch.cuda.default_generators[index])
    return generators


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Looks for operators tagged `nondeterministic_seeded`, functional dropout and hand-written draws included."""

    drew: bool = False

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.drew = self.drew or torch.Tag.nondeterministic_seeded in func.tags
        return func(*args, **(kwargs or {}))
