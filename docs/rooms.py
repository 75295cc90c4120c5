"""The picture of the package: its rooms on their floors, and who imports whom, read from the imports.

A room stands one floor above the highest room that it imports, so every arrow runs down. An arrow that follows from two others
is left out. `make docs` writes it to `docs/rooms.svg`.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from unlearning.certificate.page.templating import Templates
from unlearning.domain.derivation import reached

ROOT = Path(__file__).parents[1]
PACKAGE = "unlearning"

WIDTH, FLOOR, GAP, MARGIN = 960, 84, 26, 12
"""Pixels: the picture, a floor's height, the space between floors, the space around."""
_CHARACTER = 6.4
"""Pixels of a character of the small print, on average; wide enough for the usual sans-serif fonts."""


@dataclass(frozen=True)
class Room:
    """A folder of the package with what its face says of it."""

    name: str
    says: str
    inside: Sequence[str]
    """Folders in it."""


@dataclass(frozen=True)
class Box:
    """A room on the page."""

    room: Room
    x: float
    y: float
    width: float

    @property
    def lines(self) -> list[str]:
        """What the room says, in lines that fit."""
        return textwrap.wrap(self.room.says, int((self.width - 24) / _CHARACTER))[:2]

    @property
    def inside(self) -> str:
        """Its folders, as one line."""
        return " · ".join(self.room.inside)


@dataclass(frozen=True)
class Arrow:
    """From a room to one that it imports."""

    start: float
    end: float
    """Across."""
    top: float
    bottom: float


def svg() -> str:
    """The picture as an SVG document."""
    rooms = {room.name: room for room in _rooms()}
    needs = {name: _needs(name) & rooms.keys() for name in rooms}
    floors = _floors(needs)
    rows = enumerate([rooms[name] for name in names] for names in reversed(floors))
    boxes = {box.room.name: box for number, row in rows for box in _row(number, row)}
    arrows = [arrow for upper, lower in sorted(_reduced(needs)) for arrow in _between(boxes[upper], boxes[lower])]
    height = MARGIN * 2 + len(floors) * (FLOOR + GAP) - GAP
    spelled = "; ".join(f"{name} imports {', '.join(sorted(needs[name])) or 'nothing'}" for name in sorted(needs))
    page = Templates(Path(__file__).with_name("templates"), {"px": "{:.0f}".format})
    size = {"width": WIDTH, "height": height, "floor": FLOOR}
    return page.fill("rooms.svg.jinja", **size, boxes=boxes.values(), arrows=arrows, spelled=spelled)


def _rooms() -> Iterator[Room]:
    for face in sorted((ROOT / PACKAGE).glob("*/__init__.py")):
        folders = sorted(child.parent.name for child in face.parent.glob("*/__init__.py"))
        said = ast.get_docstring(ast.parse(face.read_text("utf-8"))) or ""
        yield Room(face.parent.name, said.splitlines()[0].replace("`", ""), folders)


def _needs(room: str) -> frozenset[str]:
    """The other rooms that a room's modules import, at the top or late."""
    found: set[str] = set()
    for path in (ROOT / PACKAGE / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(f"{PACKAGE}."):
                found.add(node.module.split(".")[1])
    return frozenset(found - {room})


def _floors(needs: Mapping[str, frozenset[str]]) -> list[list[str]]:
    """Rooms by floor, the ground first. Raises CycleError for rooms that import each other in a circle."""
    sorter, floors = TopologicalSorter(needs), []
    sorter.prepare()
    while sorter.is_active():
        floors.append(sorted(sorter.get_ready()))
        sorter.done(*floors[-1])
    return floors


def _reduced(needs: Mapping[str, frozenset[str]]) -> set[tuple[str, str]]:
    """The imports that do not follow from others."""
    return {
        (name, one)
        for name, wanted in needs.items()
        for one in wanted
        if one not in reached((far for near in wanted - {one} for far in needs[near]), needs.__getitem__)
    }


def _row(number: int, rooms: Sequence[Room]) -> Iterator[Box]:
    width = (WIDTH - 2 * MARGIN - (len(rooms) - 1) * MARGIN) / len(rooms)
    for place, room in enumerate(rooms):
        yield Box(room, MARGIN + place * (width + MARGIN), MARGIN + number * (FLOOR + GAP), width)


def _between(upper: Box, lower: Box) -> Iterator[Arrow]:
    """An arrow to the floor below; past a floor in between it would lie on somebody else's box."""
    if lower.y - upper.y != FLOOR + GAP:
        return
    left, right = max(upper.x, lower.x), min(upper.x + upper.width, lower.x + lower.width)
    if right > left:
        yield Arrow((left + right) / 2, (left + right) / 2, upper.y + FLOOR, lower.y)
    else:
        aside = 3 * MARGIN if upper.x > lower.x else -3 * MARGIN
        yield Arrow(left + aside, right - aside, upper.y + FLOOR, lower.y)
