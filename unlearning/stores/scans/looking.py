"""What looking into one file shows: who is in it, and how much of it anybody read.

Never more is said than was seen: a file of a form that no reader knows was read as bytes, which proves nothing about it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Literal

from unlearning.domain import hashing
from unlearning.stores.contents import State, digest_of, state, steady
from unlearning.stores.files import looked_at
from unlearning.stores.scans import raw_bytes
from unlearning.stores.scans.comparing import Compared, tallied
from unlearning.stores.scans.words import Watch
from unlearning.stores.tables.reading import told_by_content

__all__ = ["Compared", "Left", "Look", "look", "look_at"]

Left = Literal["residual", "unverified"]
"""How a file leaves its place: it holds somebody, or nobody can say."""
_LARGE = 1 << 16
"""Bytes from which on it is quicker to know a content again than to compare it once more."""
_REMEMBERED = 4096


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
    before = steady(stream)
    about = _about(watch, stream, before, thorough=thorough)
    if about is not None and state(stream) == before and (known := _seen.get(about)) is not None:
        return known
    seen = _look(watch, stream, name, thorough=thorough)
    if about is not None and seen.read and state(stream) == before:
        if len(_seen) >= _REMEMBERED:
            _seen.clear()
        _seen[about] = seen
    return seen


_seen: dict[str, Look] = {}
"""What was looked for in which bytes → what was there: a table lies in work tree, cache and remote, and is compared once."""


def _about(watch: Watch, stream: IO[bytes], before: State | None, *, thorough: bool) -> str | None:
    """Everything that shapes a look at these bytes; None where it is not worth it, or where more does.

    They are read for it, unless this process read them since the file is as it is. A name under the key of those who are
    looked for, so that nothing that is kept tells who they are. before: as the file was when this began; without it no change
    would be seen.
    """
    if before is None or before.size < _LARGE or not told_by_content(stream):
        return None
    content = digest_of(stream)
    stream.seek(0)
    raw = [watch.raw.pattern.hex(), watch.raw.flags] if watch.raw is not None else None
    who = [list(watch.people), watch.kind, sorted(watch.tokens), list(watch.spellings), raw]
    return hashing.label(watch.key, hashing.canonical([content, thorough, who]).decode())


def _look(watch: Watch, stream: IO[bytes], name: str, *, thorough: bool) -> Look:
    form, tally = tallied(watch, stream, name, thorough=thorough)
    found = frozenset(tally.found | tally.in_bytes)
    if watch.raw is not None and not found and tally.compared in ("words", "nothing"):
        stream.seek(0)
        found = watch.tokens if raw_bytes.occurs(stream, watch.raw) else found
    return Look(form, tally.compared, found, frozenset(tally.maybe) - found, tally.why)


def look_at(watch: Watch, file: Path, *, below: Path, thorough: bool = False) -> Look:
    """The same of a file on this disk, whose name and folders up to `below` count as if they stood in it."""
    try:
        with looked_at(file) as stream:
            seen = look(watch, stream, file.name, thorough=thorough)
    except FileNotFoundError:  # deleted meanwhile
        return Look("text", "words")
    path = file.relative_to(below).as_posix()
    found = seen.found | (watch.tokens if watch.in_text(path) else frozenset())
    return replace(seen, found=found, maybe=(seen.maybe | watch.named(path).maybe) - found)
