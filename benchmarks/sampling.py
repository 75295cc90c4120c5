"""Where a process spends its time: its main thread's stack, looked at a hundred times a second and put down to a service."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

PAUSE = 0.01
TRAINING, WAITING, SELF = "training", "Prefect, waiting for its server", "this package"
HOMES: Mapping[str, str] = {
    "unlearning/entrypoints/flows/embedded": WAITING,
    "unlearning/entrypoints/flows/steps": "Prefect",
    "unlearning/entrypoints/flows/erase": "Prefect",
    "unlearning/stores/mlflow/": "MLflow",
    "unlearning/stores/dvc/": "DVC",
    "unlearning/stores/git/": "Git",
    "unlearning/checks/data": "Great Expectations",
    "unlearning/learners/": "torch",
    "unlearning/stores/sql/": "ledger and lineage",
}
"""Our file → the service it speaks to; ours is whoever was asked last."""
PACKAGES: Mapping[str, str] = {
    **{name: "Prefect" for name in ("prefect", "docket", "fastapi", "key_value")},
    "mlflow": "MLflow",
    **{name: "DVC" for name in ("dvc", "dvc_data", "dvc_objects", "scmrepo", "dulwich", "networkx")},
    "great_expectations": "Great Expectations",
    **{name: "torch" for name in ("torch", "sympy")},
    **{name: "pyarrow and pandas" for name in ("pyarrow", "pandas", "numpy")},
    "sqlalchemy": "ledger and lineage",
}
"""Package that an import asked for → the service it is for."""

Frame = tuple[str, str]
"""(file, function)."""


@contextmanager
def sampled() -> Iterator[dict[tuple[str, str], float]]:
    """Seconds of the block by ("import" or "use", service), filled when the block ends."""
    seconds: dict[tuple[str, str], float] = {}
    counts: Counter[tuple[str, str]] = Counter()
    over, watched = threading.Event(), threading.get_ident()

    def watch() -> None:
        while not over.wait(PAUSE):
            counts[attribute(_stack(sys._current_frames().get(watched)))] += 1

    thread, began = threading.Thread(target=watch, daemon=True), time.perf_counter()
    thread.start()
    try:
        yield seconds
    finally:
        spent = time.perf_counter() - began
        over.set()
        thread.join()
        seconds |= {place: spent * count / counts.total() for place, count in counts.items()}


def attribute(stack: Sequence[Frame]) -> tuple[str, str]:
    """What a stack, outermost frame first, was busy with."""
    importing = next((at for at, (_, function) in enumerate(stack) if function == "_find_and_load"), None)
    if importing is not None and (package := _asked_for(stack[importing:])):
        return "import", PACKAGES.get(package, "other packages")
    ours = [frame for frame in stack if _ours(frame[0])]
    if any(function == "mapped" for _, function in ours):
        return "use", TRAINING
    inner = _ours(ours[-1][0]) if ours else ""
    return "use", next((service for home, service in HOMES.items() if inner.startswith(home)), SELF)


def _asked_for(stack: Sequence[Frame]) -> str | None:
    """The first package of somebody else's that is being loaded."""
    loading = (file for file, function in stack if function == "<module>" and "/site-packages/" in file)
    return next((file.rpartition("/site-packages/")[2].split("/")[0].removesuffix(".py") for file in loading), None)


def _ours(file: str) -> str:
    """A file of this project relative to it; empty for anybody else's."""
    if "/site-packages/" in file:
        return ""
    for package in ("unlearning/", "flows/"):
        if f"/{package}" in file:
            return package + file.rpartition(f"/{package}")[2]
    return ""


def _stack(frame: FrameType | None) -> list[Frame]:
    frames = []
    while frame is not None:
        frames.append((frame.f_code.co_filename, frame.f_code.co_name))
        frame = frame.f_back
    return frames[::-1]
