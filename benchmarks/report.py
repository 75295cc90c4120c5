"""What the benchmarks said, when, of which code and on which machine: a file, and the page that is made from it."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter

from tests.campaign.parts import commit

PAGE = Path(__file__).resolve().parents[1] / "docs/benchmarks.md"
FILE, PICTURE = PAGE.with_name("benchmarks.json"), PAGE.with_name("growth.svg")
HEAD = f"""# Benchmarks

`make bench` measures everything below and writes this page; `make bench ONLY="growth ledger"` measures these two, and leaves
the others as they are. What is compared in a table was measured in one run. Compare the ratios: the seconds are a machine's,
which may have had other things to do; how long it takes for ten million additions in plain Python says how quick it was.

![What each command costs as rows, parts, versions and requests grow, on logarithmic axes]({PICTURE.name})
"""
COLUMNS = ("`ONLY=`", "ended", "commit", "minutes", "on", "ten million additions, CPU s")
ADDITIONS = 10_000_000


@dataclass(frozen=True)
class Panel:
    """What grew with what, for the picture: curves on logarithmic axes."""

    against: str
    measured: str
    curves: Mapping[str, Mapping[int, float]]


@dataclass(frozen=True)
class Section:
    """One question, its answer in a table, and what is to be read from it."""

    title: str
    text: str
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    panels: Sequence[Panel] = ()

    @property
    def markdown(self) -> str:
        return "\n\n".join(part for part in (f"## {self.title}", self.text, table(self.columns, self.rows)) if part)


@dataclass(frozen=True)
class Measured:
    """What one benchmark said in its last run."""

    ended: str
    commit: str
    minutes: float
    machine: str
    additions: float
    """CPU seconds."""
    sections: Sequence[Section]

    @property
    def cells(self) -> tuple[str, ...]:
        return (self.ended, self.commit, f"{self.minutes:.0f}", self.machine, f"{self.additions:.1f}")


_KEPT = TypeAdapter(dict[str, Measured])


def measure(benchmark: Callable[[], Sequence[Section]]) -> Measured:
    """Run one benchmark, on the code and the machine as they are when it begins."""
    machine = f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}"
    of, additions, began = commit(), min(_additions() for _ in range(3)), time.perf_counter()
    made = benchmark()
    minutes, ended = (time.perf_counter() - began) / 60, f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    return Measured(ended, of, minutes, machine, additions, made)


def _additions() -> float:
    began, total = time.process_time(), 0
    for number in range(ADDITIONS):
        total += number
    return time.process_time() - began


def kept(file: Path = FILE) -> dict[str, Measured]:
    """What each benchmark last said."""
    return _KEPT.validate_json(file.read_bytes()) if file.exists() else {}


def add(name: str, measured: Measured, order: Sequence[str], file: Path = FILE) -> dict[str, Measured]:
    """Keep it beside what the others said last, which another process may have added while this was measured."""
    found = {**kept(file), name: measured}
    found = {each: found[each] for each in order if each in found}
    text = json.dumps({each: asdict(one) for each, one in found.items()}, indent=1, ensure_ascii=False)
    file.write_text(f"{text}\n", encoding="utf-8")
    return found


def page(found: Mapping[str, Measured]) -> str:
    """The whole page, in the order that is given."""
    when = table(COLUMNS, [(name, *one.cells) for name, one in found.items()])
    return "\n\n".join((HEAD.strip(), when, *(section.markdown for one in found.values() for section in one.sections))) + "\n"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table that also reads well as text; the first column is left-aligned, numbers are right-aligned."""
    if not rows:
        return ""
    widths = [max(len(row[at]) for row in (columns, *rows)) for at in range(len(columns))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    aligned = [
        [row[0].ljust(widths[0]), *(cell.rjust(widths[at]) for at, cell in enumerate(row) if at)] for row in (columns, *rows)
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (aligned[0], rule, *aligned[1:]))


def say(line: str) -> None:
    """Progress, on standard error."""
    print(line, file=sys.stderr, flush=True)
