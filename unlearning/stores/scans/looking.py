"""What looking into one file shows: who is in it, and how much of it anybody read.

Never more is said than was seen: a file of a form that no reader knows was read as bytes, which proves nothing about it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Literal

from unlearning.domain.errors import DataError
from unlearning.stores.scans.words import Watch
from unlearning.stores.tables import people as table_people

Compared = Literal["people", "cells", "words", "nothing"]
"""The person of every row; every cell of tables without a known person column; every word of a text; or nothing, for want of a
reader or because the file is broken."""


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


def look(watch: Watch, stream: IO[bytes], name: str = "") -> Look:  # noqa: ARG001  readers to come tell forms by it
    """Look for people in one file. Never raises for what is in it.

    name: its path, which tells forms apart that content does not.
    """
    try:
        found = table_people.tokens(stream, watch.people, kind=watch.kind, key=watch.key)
    except DataError as error:
        return Look("table", "nothing", why=str(error))
    if found is not None:
        return Look("table", "people", found & watch.tokens)
    stream.seek(0)
    head = stream.read(1 << 10)
    stream.seek(0)
    found = watch.tokens if watch.in_file(stream) else frozenset()
    if b"\0" in head:
        return Look("unknown form", "nothing", found, why="no reader knows its form")
    return Look("text", "words", found)


def look_at(watch: Watch, file: Path, *, below: Path) -> Look:
    """The same of a file on this disk, whose name and folders up to `below` count as if they stood in it."""
    try:
        with file.open("rb") as stream:
            seen = look(watch, stream, file.name)
    except FileNotFoundError:  # deleted meanwhile
        return Look("text", "words")
    return replace(seen, found=seen.found | watch.tokens) if watch.in_text(file.relative_to(below).as_posix()) else seen
