"""What looking into one file shows: who is in it, and how much of it anybody read.

Never more is said than was seen: a file of a form that no reader knows was read as bytes, which proves nothing about it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Literal

from unlearning.stores.scans import raw_bytes
from unlearning.stores.scans.comparing import Compared, tallied
from unlearning.stores.scans.words import Watch

__all__ = ["Compared", "Left", "Look", "look", "look_at"]

Left = Literal["residual", "unverified"]
"""How a file leaves its place: it holds somebody, or nobody can say."""


@dataclass(frozen=True)
class Look:
    """One file."""

    form: str
    """What it is, for people: `Parquet`, `CSV`, `text`, `pickle`; of what nobody knows `unknown form`."""
    compared: Compared
    found: frozenset[str] = frozenset()
    """Tokens of those who are looked for and stand there."""
    maybe: frozenset[str] = frozenset()
    """Tokens of those who may: a number or a short word in a place that says nothing of people."""
    why: str = ""
    """Why it was not read to its end; empty when it was."""

    @property
    def read(self) -> bool:
        """All of it was compared."""
        return not self.why

    def left(self, tokens: Collection[str]) -> Left | None:
        """How a place that holds this file is left by them: a residual, unverified, or, of a file that is clean, neither."""
        if not self.found.isdisjoint(tokens):
            return "residual"
        return "unverified" if self.why or not self.maybe.isdisjoint(tokens) else None


def look(watch: Watch, stream: IO[bytes], name: str = "", *, thorough: bool = False) -> Look:
    """Look for people in one file. Never raises for what is in it; FileNotFoundError for one that vanished meanwhile.

    stream: it can be sought in. name: its path, which tells forms apart that content does not. thorough: of a table with a
    person column the other columns too, word by word.
    """
    form, tally = tallied(watch, stream, name, thorough=thorough)
    found = frozenset(tally.found | tally.in_bytes)
    if watch.raw is not None and not found and tally.compared in ("words", "nothing"):
        stream.seek(0)
        found = watch.tokens if raw_bytes.occurs(stream, watch.raw) else found
    return Look(form, tally.compared, found, frozenset(tally.maybe) - found, tally.why)


def look_at(watch: Watch, file: Path, *, below: Path, thorough: bool = False) -> Look:
    """The same of a file on this disk, whose name and folders up to `below` count as if they stood in it."""
    try:
        with file.open("rb") as stream:
            seen = look(watch, stream, file.name, thorough=thorough)
    except FileNotFoundError:  # deleted meanwhile
        return Look("text", "words")
    path = file.relative_to(below).as_posix()
    found = seen.found | (watch.tokens if watch.in_text(path) else frozenset())
    return replace(seen, found=found, maybe=(seen.maybe | watch.named(path).maybe) - found)
