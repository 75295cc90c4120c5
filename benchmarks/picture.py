"""The picture of growth: every panel of a run's sections, on logarithmic axes. A slope of one is cost in proportion."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import Panel

_COLUMNS, _WIDTH, _HEIGHT = 3, 4.2, 3.2
"""Inches of a panel."""


def draw(panels: Sequence[Panel], file: Path) -> None:
    """Write the panels as one SVG; the same numbers give the same bytes."""
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.rcParams.update({"svg.hashsalt": "growth", "svg.fonttype": "none", "font.size": 9})
    rows = -(-len(panels) // _COLUMNS)
    figure = Figure(figsize=(_COLUMNS * _WIDTH, rows * _HEIGHT), layout="constrained")
    names = list(dict.fromkeys(name for panel in panels for name in panel.curves))
    colours = {name: f"C{at}" for at, name in enumerate(names)}
    drawn: dict[str, Any] = {}
    for at, panel in enumerate(panels, 1):
        axes = figure.add_subplot(rows, _COLUMNS, at)
        for name, curve in panel.curves.items():
            (drawn[name],) = axes.loglog(list(curve), list(curve.values()), marker="o", markersize=3, color=colours[name])
        axes.set(xlabel=panel.against, ylabel=panel.measured)
        axes.grid(visible=True, which="major", color="0.9")
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend([drawn[name] for name in names], names, loc="outside upper center", ncols=len(names), frameon=False)
    figure.savefig(file, format="svg", metadata={"Date": None})
