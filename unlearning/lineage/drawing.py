"""A lineage as a picture: SVG drawn here, or Mermaid text; from left to right, people, data, runs, model versions, aliases.

Layers by longest path, order within a layer by barycentres (Sugiyama, Tagawa and Toda 1981, doi:10.1109/TSMC.1981.4308636).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Literal

from unlearning.certificate.page.templating import Templates

Kind = Literal["person", "data", "run", "model", "alias"]

HEADINGS: Mapping[Kind, str] = {
    "person": "people",
    "data": "data versions",
    "run": "runs",
    "model": "model versions",
    "alias": "aliases",
}
COLOURS: Mapping[Kind, tuple[str, str]] = {
    "person": ("#b42318", "#fef3f2"),
    "data": ("#175cd3", "#eff8ff"),
    "run": ("#667085", "#f9fafb"),
    "model": ("#067647", "#ecfdf3"),
    "alias": ("#b54708", "#fffaeb"),
}
"""Kind → (edge of the card, its ground); both give more than 4.5:1 against the text."""

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN, HEAD = 288, 52, 84, 18, 28, 34
_LETTERS = 32
"""That fit on a card's first line in the widest of the usual fonts; the second is set smaller."""
_SWEEPS = 12


@dataclass(frozen=True)
class Node:
    """One thing of the lineage."""

    id: str
    kind: Kind
    label: str
    detail: str = ""
    gone: bool = False
    """Deleted in MLflow, or its object is nowhere: drawn grey and dashed."""


@dataclass(frozen=True)
class Edge:
    """From what came first to what came of it."""

    source: str
    target: str
    label: str = ""


@dataclass(frozen=True)
class Picture:
    """A lineage to be drawn."""

    nodes: Sequence[Node]
    edges: Sequence[Edge]

    @cached_property
    def layers(self) -> Mapping[str, int]:
        """Node → column. Kinds keep their order; data made from data, and models made from models, take further columns."""
        found: dict[str, int] = {}
        first = 0
        for kind in HEADINGS:
            ids = [node.id for node in self.nodes if node.kind == kind]
            depth = _depths(ids, self.edges)
            found |= {name: first + depth[name] for name in ids}
            first += max(depth.values(), default=-1) + 1
        return found

    @cached_property
    def columns(self) -> list[list[str]]:
        """Node ids and bends of long edges (`source|target|layer`) by column, ordered so that few edges cross."""
        columns: list[list[str]] = [[] for _ in range(max(self.layers.values(), default=-1) + 1)]
        for node in self.nodes:
            columns[self.layers[node.id]].append(node.id)
        for path in self.paths:
            for name in path[1:-1]:
                columns[int(name.rpartition("|")[2])].append(name)
        return _ordered(columns, self.neighbours)

    @cached_property
    def paths(self) -> list[list[str]]:
        """Each edge as the row of places it passes: its source, a bend in every column between, its target."""
        return [
            [edge.source, *(f"{edge.source}|{edge.target}|{layer}" for layer in range(start + 1, end)), edge.target]
            for edge in self.edges
            for start, end in [(self.layers[edge.source], self.layers[edge.target])]
        ]

    @cached_property
    def neighbours(self) -> Mapping[str, list[str]]:
        """Place → the places next to it on any edge."""
        found: dict[str, list[str]] = {}
        for path in self.paths:
            for one, other in pairwise(path):
                found.setdefault(one, []).append(other)
                found.setdefault(other, []).append(one)
        return found


def _depths(ids: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Longest way to each node among nodes of one kind; a circle, which only a wrong statement can make, is cut."""
    inside, depth = set(ids), dict.fromkeys(ids, 0)
    within = [(edge.source, edge.target) for edge in edges if {edge.source, edge.target} <= inside]
    for _ in range(len(ids)):
        deeper = {target: depth[source] + 1 for source, target in within if depth[target] <= depth[source] < len(ids) - 1}
        if not deeper:
            break
        depth |= deeper
    return depth


def _ordered(columns: list[list[str]], neighbours: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Sweep to and fro; each place moves to the mean of its neighbours in the column before."""
    for sweep in range(_SWEEPS):
        order = range(1, len(columns)) if sweep % 2 == 0 else range(len(columns) - 2, -1, -1)
        for at in order:
            before = columns[at - 1 if sweep % 2 == 0 else at + 1]
            place = {name: number for number, name in enumerate(before)}
            columns[at] = sorted(columns[at], key=lambda name: _mean(name, neighbours, place, columns[at].index(name)))
    return columns


def _mean(name: str, neighbours: Mapping[str, Sequence[str]], place: Mapping[str, int], otherwise: float) -> float:
    known = [place[other] for other in neighbours.get(name, ()) if other in place]
    return sum(known) / len(known) if known else otherwise


# --- places on the page ----------------------------------------------------------------------------------------------


def _heights(picture: Picture) -> dict[str, float]:
    """Place → y of its middle: stacked in order, then pulled towards its neighbours without overlapping anything."""
    y: dict[str, float] = {}
    for column in picture.columns:
        for number, name in enumerate(column):
            y[name] = number * (HEIGHT + GAP_Y)
    for sweep in range(2 * _SWEEPS):
        for column in picture.columns if sweep % 2 else reversed(picture.columns):
            wished = {name: _mean_height(name, picture.neighbours, y) for name in column}
            y |= _apart(column, wished)
    top = min(y.values(), default=0.0)
    return {name: value - top + MARGIN + HEAD + HEIGHT / 2 for name, value in y.items()}


def _mean_height(name: str, neighbours: Mapping[str, Sequence[str]], y: Mapping[str, float]) -> float:
    near = [y[other] for other in neighbours.get(name, ())]
    return sum(near) / len(near) if near else y[name]


def _apart(column: Sequence[str], wished: Mapping[str, float]) -> dict[str, float]:
    """Heights in the given order, each pair far enough apart, as near to the wishes as blocks allow."""
    blocks: list[tuple[float, list[str]]] = []
    for name in column:
        blocks.append((wished[name], [name]))
        while len(blocks) > 1 and _bottom(blocks[-2]) > blocks[-1][0] - _room(blocks[-1][1][0]) / 2:
            (upper, above), (lower, below) = blocks[-2:]
            both = above + below
            shift = _span(above)
            middle = (upper * len(above) + (lower - shift) * len(below)) / len(both)
            blocks[-2:] = [(middle, both)]
    return {name: start + offset for start, names in blocks for name, offset in zip(names, _offsets(names), strict=True)}


def _room(name: str) -> float:
    """A bend of an edge needs less room than a card."""
    return GAP_Y * 1.4 if "|" in name else HEIGHT + GAP_Y


def _offsets(names: Sequence[str]) -> list[float]:
    """Middles of stacked places, from the middle of the first."""
    found = [0.0]
    for one, other in pairwise(names):
        found.append(found[-1] + (_room(one) + _room(other)) / 2)
    return found


def _span(names: Sequence[str]) -> float:
    return _offsets([*names, names[-1]])[-1]


def _bottom(block: tuple[float, list[str]]) -> float:
    return block[0] + _offsets(block[1])[-1] + _room(block[1][-1]) / 2


def _left(layer: int) -> float:
    return MARGIN + layer * (WIDTH + GAP_X)


# --- SVG -------------------------------------------------------------------------------------------------------------


def svg(picture: Picture, title: str, note: str = "") -> str:
    """The picture as a document of its own: no script, no font or style from elsewhere. note: a line below it."""
    y = _heights(picture)
    foot = round(max(y.values(), default=MARGIN + HEAD) + HEIGHT / 2 + MARGIN)
    return _TEMPLATES.fill(
        "lineage.svg.jinja",
        title=title,
        note=note,
        width=_left(max(len(picture.columns), 1)) - GAP_X + MARGIN,
        height=foot + (HEAD if note else 0),
        foot=foot,
        margin=MARGIN,
        card_width=WIDTH,
        card_height=HEIGHT,
        colours=COLOURS,
        headings=list(_headings(picture)),
        lines=[_line(edge, path, picture, y) for edge, path in zip(picture.edges, picture.paths, strict=True)],
        cards=[(node, _left(picture.layers[node.id]), y[node.id] - HEIGHT / 2) for node in picture.nodes],
    )


def _headings(picture: Picture) -> Iterator[tuple[str, float, str]]:
    """The name of each kind, where it stands, and its colour."""
    for kind, heading in HEADINGS.items():
        layers = [picture.layers[node.id] for node in picture.nodes if node.kind == kind]
        if layers:
            yield heading, _left(min(layers)), COLOURS[kind][0]


@dataclass(frozen=True, slots=True)
class _Line:
    """An edge as it is drawn."""

    curve: str
    label: str
    x: float
    """Where the label stands: near the end, where no two edges that leave together lie on each other."""
    y: float


def _line(edge: Edge, path: Sequence[str], picture: Picture, y: Mapping[str, float]) -> _Line:
    points = _points(path, picture, y)
    (x0, y0), (x1, y1) = points[-2:]
    return _Line(_curve(points), edge.label, x0 + (x1 - x0) * 0.52, y0 + (y1 - y0) * 0.53 - 4)


def _points(path: Sequence[str], picture: Picture, y: Mapping[str, float]) -> list[tuple[float, float]]:
    """Where an edge passes: out of the right side, through the bends, into the left side."""
    start, end = path[0], path[-1]
    points = [(_left(picture.layers[start]) + WIDTH, y[start])]
    for name in path[1:-1]:
        x = _left(int(name.rpartition("|")[2]))
        points += [(x, y[name]), (x + WIDTH, y[name])]
    return [*points, (_left(picture.layers[end]) - 2, y[end])]


def _curve(points: Sequence[tuple[float, float]]) -> str:
    drawn = [f"M{points[0][0]:.1f},{points[0][1]:.1f}"]
    for number, ((x0, y0), (x1, y1)) in enumerate(pairwise(points)):
        bend = 0.0 if number % 2 else (x1 - x0) * 0.5
        drawn.append(f"C{x0 + bend:.1f},{y0:.1f} {x1 - bend:.1f},{y1:.1f} {x1:.1f},{y1:.1f}")
    return " ".join(drawn)


def _short(text: str, letters: int, *, front: bool = False) -> str:
    """At most so many letters: of a path the end says most, of a sentence the beginning."""
    if len(text) <= letters:
        return text
    return f"{text[: letters - 1]}…" if front else f"…{text[1 - letters :]}"


_TEMPLATES = Templates(Path(__file__).with_name("templates"), {"px": "{:.1f}".format, "short": _short})


# --- Mermaid ---------------------------------------------------------------------------------------------------------

_SHAPES: Mapping[Kind, tuple[str, str]] = {
    "person": ("([", "])"),
    "data": ("[(", ")]"),
    "run": ("[", "]"),
    "model": ("[[", "]]"),
    "alias": ("{{", "}}"),
}


def mermaid(picture: Picture) -> str:
    """The same as Mermaid text, which Git hosts and Prefect's artifacts draw."""
    names = {node.id: f"n{number}" for number, node in enumerate(picture.nodes)}
    lines = ["flowchart LR"]
    for node in picture.nodes:
        before, after = _SHAPES[node.kind]
        text = f"{_quoted(node.label)}<br/><small>{_quoted(node.detail)}</small>" if node.detail else _quoted(node.label)
        lines.append(f'  {names[node.id]}{before}"{text}"{after}:::{"gone" if node.gone else node.kind}')
    for edge in picture.edges:
        said = f'|"{_quoted(edge.label)}"|' if edge.label else ""
        lines.append(f"  {names[edge.source]} -->{said} {names[edge.target]}")
    lines += [f"  classDef {kind} stroke:{edge},fill:{ground},color:#101828" for kind, (edge, ground) in COLOURS.items()]
    lines.append("  classDef gone stroke:#98a2b3,fill:#f9fafb,color:#667085,stroke-dasharray:4 3")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return re.sub(r"[\"<>|#&`]", lambda found: f"#{ord(found[0])};", text)


def document(picture: Picture, suffix: str, title: str, note: str = "") -> str | None:
    """The picture for a file of that suffix: `.svg`, `.mmd`, or `.md` with the text fenced; None for any other."""
    if suffix == ".svg":
        return svg(picture, title, note)
    text = mermaid(picture)
    return {".mmd": text, ".md": f"# {title}\n\n```mermaid\n{text}```\n" + (f"\n{note}\n" if note else "")}.get(suffix)
