"""The page that one run of the benchmarks writes: sections of tables, and the machine they were measured on."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("torch", "mlflow", "dvc", "prefect", "great-expectations")


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


def page(sections: Sequence[Section], *, minutes: float, picture: str) -> str:
    """The whole page. picture: the file with the panels of its sections, beside it."""
    head = (
        "# Benchmarks\n\n"
        f"Written by `make bench` in one run of {minutes:.0f} minutes: {machine()}.\n"
        "Compare the ratios; the seconds are this machine's, and it may have had other things to do."
    )
    seen = f"![What each command costs as rows, parts, versions and requests grow, on logarithmic axes]({picture})"
    return "\n\n".join((head, seen, *(section.markdown for section in sections))) + "\n"


def machine() -> str:
    """Cores, Python and the packages that the seconds depend on."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, {packages}"


def say(line: str) -> None:
    """Progress, on standard error."""
    print(line, file=sys.stderr, flush=True)


def write(text: str, file: Path) -> None:
    """Show the page and keep it."""
    file.write_text(text, encoding="utf-8")
    print(text)
