"""Pictures for the evaluator, as PNG: numbers of many records, never a record of its own."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from unlearning.checks.attacks import curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_BINS = 30


def losses(forgotten: Floats, unseen: Floats) -> bytes:
    """How wrong the model is on forgotten and on unseen records: they should look alike."""
    figure, axes = _figure("Losses of forgotten and unseen records", "loss", "share of records")
    most = float(np.quantile(np.concatenate((forgotten, unseen)), 0.99))
    for values, name in ((forgotten, "forgotten"), (unseen, "unseen")):
        shown = np.minimum(values, most)
        shares = np.full(len(shown), 1 / len(shown))
        axes.hist(shown, bins=_BINS, range=(0, most or 1), weights=shares, alpha=0.55, label=name)
    axes.legend()
    return _png(figure)


def roc(attacks: Mapping[str, tuple[Floats, Floats]]) -> bytes:
    """ROC curves on log scales, where few false alarms can be seen. attacks: name → scores of forgotten and of unseen."""
    figure, axes = _figure("Loss-threshold attack", "share of unseen taken for members", "share of forgotten found")
    least = min(1 / len(unseen) for _, unseen in attacks.values()) / 2
    for name, scores in attacks.items():
        points = curve(*scores)
        axes.plot(*(np.maximum(points[axis], least) for axis in ("false_positives", "true_positives")), label=name)
    axes.plot([least, 1], [least, 1], linestyle=":", color="grey", label="guessing")
    axes.set(xscale="log", yscale="log", xlim=(least, 1), ylim=(least, 1))
    axes.legend()
    return _png(figure)


def by_group(rows: Sequence[Mapping[str, Any]], metric: str) -> bytes:
    """What use each group keeps."""
    figure, axes = _figure(f"{metric} by group", metric, "")
    names = [f"{row['column']}={row['group']}" for row in rows]
    place = np.arange(len(rows))
    axes.barh(place - 0.2, [row[metric] for row in rows], height=0.4, label="this version")
    if all(row[f"{metric}_before"] is not None for row in rows):
        axes.barh(place + 0.2, [row[f"{metric}_before"] for row in rows], height=0.4, label="version before")
    axes.set_yticks(place, names)
    axes.legend()
    return _png(figure)


def moved(by: Floats, unit: str) -> bytes:
    """How far answers to unseen records moved from the version before."""
    figure, axes = _figure("How far answers moved", unit, "share of records")
    axes.hist(by, bins=_BINS, weights=np.full(len(by), 1 / len(by)))
    return _png(figure)


def _figure(title: str, across: str, up: str) -> tuple[Figure, Any]:
    """Apart from pyplot, whose figures belong to the user's session."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, xlabel=across, ylabel=up)
    return figure, axes


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110)
    return stream.getvalue()
