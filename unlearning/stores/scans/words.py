"""Who is named in a text or a file, by their tokens: the identifiers themselves are not needed, and nobody has them any more.

A table with the person column answers exactly. In any other text each word is read as if it were an identifier, and also
what stands between quotes, and what JSON says under the person column. Whole numbers are everywhere, so where people are
numbers only columns count; a word without a digit may be anybody's, so as a word it does not count either.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import IO, Any

from unlearning.domain.errors import DataError
from unlearning.domain.hashing import IdentifierKind
from unlearning.stores.scans import raw_bytes
from unlearning.stores.tables import people as table_people

SHORTEST_WORD = 6
"""Characters of a word that is taken for an identifier; shorter ones stand in any text by chance."""

_CHUNK_BYTES = 1 << 20
_OVERLAP_BYTES = 1 << 10
_DOCUMENT_BYTES = 1 << 24
"""JSON up to this size is also read as a table of columns and rows."""

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)+)"')
_BETWEEN = re.compile(r"""[\s,;:|=<>"'`()\[\]{}/\\&?!#]+""")
_PHONE = re.compile(r"[+0-9()./\- ]{7,}")


@dataclass(frozen=True)
class Watch:
    """Who is looked for."""

    people: Sequence[str]
    """Person columns; a person whom several columns name is found in tables only."""
    kind: IdentifierKind
    key: bytes = field(repr=False)
    tokens: frozenset[str] = frozenset()
    raw: re.Pattern[bytes] | None = field(default=None, repr=False)
    """Identifiers to find byte for byte as well."""

    @property
    def words(self) -> Watch:
        """The same people, looked for by their tokens alone."""
        return replace(self, raw=None)

    def in_text(self, text: str) -> bool:
        """One of them is named."""
        if self.raw is not None and self.raw.search(text.encode("utf-8", "surrogatepass")):
            return True
        return self._known({word for word in self._words(text) if self._telling(word)} | set(self._under_column(text)))

    def mentioned(self, text: str) -> tuple[frozenset[str], frozenset[str]]:
        """(tokens of those who are named in a text, tokens of those who may be)."""
        return (self.tokens if self.in_text(text) else frozenset()), frozenset()

    def in_stream(self, stream: IO[bytes]) -> bool:
        """One of them is in a file; it is read in pieces. Raises DataError for a table that is broken in the middle."""
        here = table_people.tokens(stream, self.people, kind=self.kind, key=self.key)
        if here is not None and not here.isdisjoint(self.tokens):
            return True
        stream.seek(0)
        return self.in_file(stream)

    def in_file(self, stream: IO[bytes]) -> bool:
        """The same for a file whose rows nobody looks at: what it says in text, anywhere."""
        if self.raw is not None and raw_bytes.occurs(stream, self.raw):
            return True
        stream.seek(0)
        return self._in_pieces(stream)

    def table(self, stream: IO[bytes]) -> bool:
        """The file is a table with the person column."""
        return table_people.identifiers(stream, self.people) is not None

    def _in_pieces(self, stream: IO[bytes]) -> bool:
        piece = stream.read(_CHUNK_BYTES)
        if b"\0" in piece[:_OVERLAP_BYTES]:
            return False  # no text
        if len(piece) < _CHUNK_BYTES or stream.seek(0, 2) <= _DOCUMENT_BYTES:
            stream.seek(0)
            return self.in_text(stream.read().decode("utf-8", "replace"))
        stream.seek(len(piece))
        while piece:
            if self.in_text(piece.decode("utf-8", "replace")):
                return True
            fresh = stream.read(_CHUNK_BYTES)
            piece = piece[-_OVERLAP_BYTES:] + fresh if fresh else b""
        return False

    def _words(self, text: str) -> Iterator[str]:
        yield text.strip()
        for quoted in _QUOTED.findall(text):
            yield _unescaped(quoted)
        yield from (word.strip(".") for word in text.split())
        for word in _BETWEEN.split(text):
            yield (plain := word.strip("."))
            if "." in plain:  # a file may be called after a person: `patient-4711.png`
                yield from (plain.partition(".")[0], plain.rpartition(".")[0])

    def _telling(self, word: str) -> bool:
        if self.kind == "integer":
            return False
        if self.kind == "email":
            return "@" in word
        if self.kind == "phone":
            return _PHONE.fullmatch(word) is not None
        return len(word) >= SHORTEST_WORD and any(letter.isdigit() or letter == "@" for letter in word)

    def _under_column(self, text: str) -> Iterator[object]:
        """What JSON says of the person column: `"patient": 17`, or columns and rows as MLflow writes tables."""
        for column in self.people:
            name = re.escape(json.dumps(column))
            for value in re.findall(rf'{name}\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+(?:\.0)?)', text):
                yield _unescaped(value.strip('"'))
            if json.dumps(column) in text and '"data"' in text:
                yield from _cells(text, column)

    def _known(self, found: set[Any]) -> bool:
        return not table_people.tokens_of(found, kind=self.kind, key=self.key).isdisjoint(self.tokens)


def _unescaped(quoted: str) -> str:
    if "\\" not in quoted:
        return quoted
    try:
        return str(json.loads(f'"{quoted}"'))
    except ValueError:
        return quoted


def _cells(text: str, column: str) -> Iterator[object]:
    try:
        document = json.loads(text)
    except ValueError:
        return
    tables = [document] if isinstance(document, dict) else []
    tables += [inner for outer in tables for inner in outer.values() if isinstance(inner, dict)]
    for table in tables:
        names, rows = table.get("columns"), table.get("data")
        if isinstance(names, list) and isinstance(rows, list) and column in names:
            at = names.index(column)
            yield from (row[at] for row in rows if isinstance(row, list) and len(row) > at)


def readable(watch: Watch, stream: IO[bytes]) -> bool:
    """`in_stream`, where a table that is broken in the middle is searched as text."""
    try:
        return watch.in_stream(stream)
    except DataError:
        stream.seek(0)
        return watch.in_file(stream)
