"""Everything in an erasure that is not training: in a fresh process and a warm one, embedded and against started servers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.erasing import UNLEARN
from benchmarks.report import Section, say
from benchmarks.sampling import TRAINING
from tests.servers import mlflow_server, prefect_server

ROOT = Path(__file__).resolve().parents[1]
FRESH_AIM, WARM_AIM = 20, 6
ROUNDS = 3
QUIET = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
}


@dataclass(frozen=True)
class Erasure:
    """One erasure, seconds."""

    wall: float
    training: float
    where: Mapping[tuple[str, str], float]
    steps: Mapping[str, float]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Erasure:
        where = {(kind, what): spent for kind, what, spent in body["where"]}
        return cls(wall=body["wall"], training=body["training"], where=where, steps=body["steps"])

    @property
    def rest(self) -> float:
        """All but training."""
        return self.wall - self.training


@dataclass(frozen=True)
class Setting:
    """Erasures with the same services."""

    command: Sequence[float]
    """Seconds of `unlearn erase` as a command, from start to end, but for training."""
    fresh: Erasure
    warm: Sequence[Erasure]

    @property
    def warmest(self) -> Erasure:
        """The erasure with the middle overhead among those in a process that has done one."""
        return sorted(self.warm, key=lambda erasure: erasure.rest)[len(self.warm) // 2]


def sections() -> list[Section]:
    """The seconds, and where they go."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        folder = Path(scratch)
        embedded = _measure(folder / "embedded", {})
        with mlflow_server(folder / "mlflow") as mlflow, prefect_server(folder / "prefect") as prefect:
            served = _measure(folder / "served", {"MLFLOW_TRACKING_URI": mlflow, "PREFECT_API_URL": prefect})
    return [_totals(embedded, served), _where(embedded, served), _steps(embedded, served)]


def _measure(folder: Path, services: Mapping[str, str]) -> Setting:
    """A trained project on the demo's data; then one person at a time, as a command and within one process."""
    say(f"a project {'with started servers' if services else 'on the embedded default'}")
    environment = {**os.environ, **QUIET, **services, "PYTHONPATH": str(ROOT)}
    _run([sys.executable, "-c", _PROJECT, str(folder)], environment)
    _run([*UNLEARN, "train", "--root", str(folder)], environment)
    people = iter(_people(folder))
    command = [_command(folder, next(people), environment) for _ in range(ROUNDS)]
    asked = "\n".join(next(people) for _ in range(ROUNDS + 1))
    said = _run([sys.executable, "-m", "benchmarks.erasing", str(folder)], environment, asked)
    first, *others = map(Erasure.of, json.loads(said))
    return Setting(command=command, fresh=first, warm=others)


_PROJECT = (
    "import sys; from pathlib import Path; from unlearning.entrypoints.demo.demo import DEFAULT, EXAMPLES, make_project\n"
    "make_project(Path(sys.argv[1]), EXAMPLES[DEFAULT])"
)


def _people(folder: Path) -> list[str]:
    from pyarrow import parquet

    return list(dict.fromkeys(parquet.read_table(folder / "data/train.parquet")["patient"].to_pylist()))


def _command(folder: Path, identifier: str, environment: Mapping[str, str]) -> float:
    """Seconds of a whole `unlearn erase` but for its training."""
    _run([*UNLEARN, "request", "--root", str(folder), "--file", "-"], environment, identifier)
    began = time.perf_counter()
    erased = [*UNLEARN, "erase", "--root", str(folder), "--json"]
    report = json.loads(_run(erased, environment, also=1))  # places on a started server that nobody here can read are left
    spent = time.perf_counter() - began - float(report["models"][0]["training_seconds"])
    say(f"    unlearn erase: {spent:.1f} s but for training")
    return spent


def _run(command: Sequence[str], environment: Mapping[str, str], asked: str = "", *, also: int = 0) -> str:
    """What a command says. also: an exit code that is no failure of it."""
    done = subprocess.run(command, cwd=ROOT, env=environment, input=asked, capture_output=True, text=True, check=False)
    if done.returncode not in (0, also):
        raise RuntimeError(f"{' '.join(command[:6])} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


def _totals(embedded: Setting, served: Setting) -> Section:
    def row(name: str, values: Iterable[float], aim: str = "") -> tuple[str, ...]:
        ordered = sorted(values)
        return (name, f"{median(ordered):.1f}", f"{ordered[0]:.1f} to {ordered[-1]:.1f}", aim)

    return Section(
        "An erasure but for its training",
        f"One person of the demo's project, median of {ROUNDS}. A command is timed from outside, from its start until it and "
        "Prefect's embedded server have ended; a warm process has done one erasure before.",
        ("seconds", "median", "range", "aim"),
        (
            row("`unlearn erase`, embedded default", embedded.command, f"< {FRESH_AIM}"),
            row("warm process, embedded default", (erasure.rest for erasure in embedded.warm)),
            row("`unlearn erase`, started servers", served.command),
            row("warm process, started servers", (erasure.rest for erasure in served.warm), f"< {WARM_AIM}"),
        ),
    )


def _where(embedded: Setting, served: Setting) -> Section:
    """Imports and use of each service."""
    fresh, warm = embedded.fresh.where, served.warmest.where
    services = sorted({what for _, what in (*fresh, *warm)} - {TRAINING}, key=lambda what: -_sum(fresh, what))
    rows = [
        (
            what,
            *(f"{seconds.get(key, 0):.2f}" for seconds, key in ((fresh, ("import", what)), (fresh, ("use", what)))),
            _use(warm, what),
        )
        for what in services
    ]
    total = (
        f"{sum(spent for (kind, what), spent in fresh.items() if kind == wanted and what != TRAINING):.2f}"
        for wanted in ("import", "use")
    )
    rest = f"{sum(spent for (_, what), spent in warm.items() if what != TRAINING):.2f}"
    return Section(
        "Where those seconds go",
        "Seconds of the main thread, by looking at its stack a hundred times a second: a fresh process on the embedded default "
        "imports each service's package and uses it; a warm one against started servers only uses them. The embedded server "
        "starts beside the imports, so only the rest of its start is waited for. The start of Python and the end of the server "
        "come on top.",
        ("", "fresh: imports", "fresh: use", "warm, servers: use"),
        [*rows, ("all", *total, rest)],
    )


def _sum(seconds: Mapping[tuple[str, str], float], what: str) -> float:
    return sum(spent for (_, name), spent in seconds.items() if name == what)


def _use(seconds: Mapping[tuple[str, str], float], what: str) -> str:
    return f"{_sum(seconds, what):.2f}"


def _steps(embedded: Setting, served: Setting) -> Section:
    fresh, warm = embedded.fresh.steps, served.warmest.steps
    rows = [(step, f"{spent:.2f}", f"{warm.get(step, 0):.2f}") for step, spent in fresh.items()]
    return Section("The same erasures by step", "", ("seconds", "fresh, embedded", "warm, servers"), rows)
