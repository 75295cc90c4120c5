"""Comparing the pieces of a file with those who are looked for, each distinct value once."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Literal

from unlearning.domain import hashing
from unlearning.domain.hashing import SAID_PART
from unlearning.stores.scans.candidates import Extractor, alike, packed_files, telling
from unlearning.stores.tables import cells
from unlearning.stores.tables.forms import documents
from unlearning.stores.tables.pieces import Aside, Column, Piece, Rows, Scalars, Text, Unread
from unlearning.stores.tables.reading import Reading, is_known

if TYPE_CHECKING:
    from unlearning.stores.scans.words import Watch

Compared = Literal["people", "cells", "words", "nothing"]
"""The person of every row; every cell of tables without a known person column; every word of a text; or nothing, for want of a
reader or because the file is broken."""

_ORDER: tuple[Compared, ...] = ("people", "cells", "words", "nothing")
_REMEMBERED = 1 << 20
"""Values that are not hashed again; more would fill the memory."""
_DEEPEST = 3
"""Documents inside the cells of documents that are parsed."""


@dataclass
class Tally:
    """What the pieces of one file showed."""

    watch: Watch
    thorough: bool = False
    """All columns of a table with a person column count, word by word."""
    found: set[str] = field(default_factory=set)
    maybe: set[str] = field(default_factory=set)
    in_bytes: set[str] = field(default_factory=set)
    """Found among the letters of something that is only bytes."""
    compared: Compared = "cells"
    whys: dict[str, int] = field(default_factory=dict)
    """Why something was not read → how many members."""
    pieces: int = 0
    _certain: set[object] = field(default_factory=set)
    _doubtful: set[object] = field(default_factory=set)

    def __post_init__(self) -> None:
        # Two: a word that was met among bytes is a new one in a text.
        self._extractor, self._among_bytes = (
            Extractor(self.watch.kind, self.watch.people, self.watch.spellings) for _ in range(2)
        )

    def add(self, piece: Piece) -> None:
        """One piece more."""
        if isinstance(piece, Rows):
            self._rows(piece)
        elif isinstance(piece, Scalars):
            self._reached("cells")
            self._scalars(piece.values)
        elif isinstance(piece, Text):
            self._reached("words")
            self.text(piece.text)
        elif isinstance(piece, Aside):
            self.text(piece.text, bytes_only=piece.bytes_only)
        else:
            self._reached("nothing")
            self.whys[piece.why] = self.whys.get(piece.why, 0) + 1

    @property
    def why(self) -> str:
        """Why not all of it was read; of an archive, of how many members that is true."""
        return "; ".join(f"{why} ({count} times)" if count > 1 else why for why, count in self.whys.items())

    def text(self, text: str, *, bytes_only: bool = False) -> None:
        """Whatever a text says."""
        said = (self._among_bytes if bytes_only else self._extractor).candidates(text)
        if bytes_only:
            self.in_bytes |= tokens_of(said.certain, self.watch)
            return
        self._compare(said.certain, certain=True)
        self._compare(said.doubtful, certain=False)
        for content in filter(is_known, packed_files(text)):
            self._file(content)

    def _rows(self, rows: Rows) -> None:
        self.text("\n".join(filter(None, rows.names)))
        self._compare(rows.names, certain=False)
        people = cells.positions(rows.names, self.watch.people)
        read = [one for one in people if all(at in rows.columns for at in one)]
        for one in read:
            self._compare(cells.people(self._likely([rows.columns[at] for at in one]), rows.encodings), certain=True)
        self._reached("people" if read else "cells")
        if any(cells.rounded(rows.columns[at]) for one in read for at in one):
            self.add(Unread("table", "numbers in its person column lost their last digits, so that several people are one"))
        if read and not self.thorough:
            return
        if SAID_PART in self.watch.kind and not read:
            self.add(Unread("table", "people are named by several columns, and it has none that is known as theirs"))
        for at, column in rows.columns.items():  # the person column too: `4711, left` is nobody's identifier, and names one
            self._cells(rows.names[at], cells.distinct(column, rows.encodings))
            for content in cells.files(column):
                self._file(content)

    def _likely(self, columns: list[Column]) -> list[Column]:
        """The cells of a person column, without those that surely name none of those who are looked for."""
        spelled = self.watch.spelled if len(columns) == 1 else None
        return columns if spelled is None else [spelled.likely(columns[0])]

    def _scalars(self, values: Sequence[tuple[str, object]], depth: int = 0) -> None:
        by_key: dict[str, list[object]] = {}
        for key, value in values:
            by_key.setdefault(key, []).append(value)
        for key, under in by_key.items():
            self._cells(key, cells.distinct(under), depth)

    def _cells(self, name: str, values: Iterable[object], depth: int = 0) -> None:
        """The values of a column that nobody named, or under a key."""
        found = list(values)
        certain = alike(name, self.watch.people)
        texts = [one for one in found if isinstance(one, str)]
        kind = self.watch.kind
        sure = found if certain else [one for one in texts if telling(one.strip(), kind)]
        self._compare(sure, certain=True)
        if not certain:
            self._compare(found, certain=False)
        self.text("\n".join(texts))
        if depth < _DEEPEST:
            for one in texts:
                self._parsed(one, depth + 1)

    def document(self, text: str, depth: int = 0) -> None:
        """A text that may be a JSON document."""
        self.text(text)
        self._parsed(text, depth)

    def _parsed(self, text: str, depth: int) -> None:
        if text.lstrip()[:1] not in ("{", "["):
            return
        try:
            content = documents.loads(text)
        except (ValueError, RecursionError):
            return
        for values in documents.scalars(content):
            self._scalars(values.values, depth)

    def _file(self, content: bytes) -> None:
        """A file in a cell, or packed into letters."""
        inner = Reading(people=self.watch.people, readers=self.watch.readers, depth=1, inside=True)
        for piece in inner.open(io.BytesIO(content))[1]:
            self.add(piece)

    def _compare(self, values: Iterable[object], *, certain: bool) -> None:
        seen = self._certain if certain else self._doubtful
        if len(seen) > _REMEMBERED:
            seen.clear()
        fresh = list(_fresh(values, seen))
        tokens = tokens_of(fresh, self.watch)
        (self.found if certain else self.maybe).update(tokens)

    def _reached(self, compared: Compared) -> None:
        """The weakest piece decides."""
        self.pieces += 1
        self.compared = max(self.compared, compared, key=_ORDER.index) if self.pieces > 1 else compared


def tallied(watch: Watch, stream: IO[bytes], name: str = "", *, thorough: bool = False) -> tuple[str, Tally]:
    """(form, what was seen) of one file. Never raises for what is in it; FileNotFoundError for one that vanished.

    thorough: of a table with a person column its other columns are looked through as well.
    """

    def select(names: Sequence[str]) -> Sequence[int] | None:
        here = cells.positions(names, watch.people)
        return None if thorough or not here else sorted({at for one in here for at in one})

    tally = Tally(watch, thorough)
    form, pieces = Reading(select, watch.people, watch.readers).open(stream, name)
    for piece in pieces:
        tally.add(piece)
    return form, tally


def tokens_of(values: Iterable[object], watch: Watch) -> set[str]:
    """The tokens of those who are looked for among values."""
    inner = {print_ for _, print_ in cells.fingerprints(values, watch.kind)}
    return {token.hex() for token in hashing.keyed(watch.key, inner)} & watch.tokens


def _fresh(values: Iterable[object], seen: set[object]) -> Iterator[object]:
    for value in values:
        if value not in seen:
            seen.add(value)
            yield value
