"""`prefect.yaml` of an earlier version, whose flows were an import name of their own: `flows.deployed` and its neighbours."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from unlearning.domain import hashing

ENTRYPOINTS = {
    "flows.deployed.train": "unlearning.entrypoints.flows.deployed.train",
    "flows.deployed.erase": "unlearning.entrypoints.flows.deployed.erase",
    "flows.watch.watch": "unlearning.entrypoints.flows.watch.watch",
    "flows.follow.follow": "unlearning.entrypoints.flows.follow.follow",
}
"""What an entrypoint was → what it is."""

_WRITTEN = frozenset(
    {
        "7b9343c7f3420e2c7df80d3a3313ae470bfaec2cad478b2d254c44ed4f240e84",
        "b81fc9989448fd1355f7dbd5da9abb5ab0b3cd1d00eabf6f17e6eade5c70920d",
        "109ea7e9791d3ec29a153e7957e212340b185da15339e1fda27f87ffe0a9a3b9",
    }
)
"""Digests of the files that `unlearn init` wrote then, for projects that train and for one that adopts all its models."""

_LINE = re.compile(r"""^\s*(?:-\s+)?entrypoint:\s*["']?(?P<entrypoint>[\w.]+)["']?\s*(?:\#.*)?$""")


class Line(NamedTuple):
    """A line that names what is no longer there."""

    number: int
    entrypoint: str

    @property
    def should_be(self) -> str:
        """The same flow today."""
        return ENTRYPOINTS[self.entrypoint]


def is_untouched(text: str) -> bool:
    """Whether `unlearn init` wrote it, to the last byte: then it may write it again."""
    return hashing.bytes_digest(text.encode()) in _WRITTEN


def lines(root: Path, text: str) -> list[Line]:
    """The lines to change; a module of the project's own that is called the same is what its lines mean."""
    found = ((number, _LINE.match(line)) for number, line in enumerate(text.splitlines(), start=1))
    named = [Line(number, match["entrypoint"]) for number, match in found if match and match["entrypoint"] in ENTRYPOINTS]
    return [one for one in named if not (root / _file(one.entrypoint)).exists()]


def _file(entrypoint: str) -> str:
    return entrypoint.rpartition(".")[0].replace(".", "/") + ".py"
