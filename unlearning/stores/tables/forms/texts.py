"""Texts: decoded in pieces that end at a line or a word, and tables in HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import IO

from unlearning.stores.tables.dialect import Dialect
from unlearning.stores.tables.encoding import decoded
from unlearning.stores.tables.forms.delimited import body
from unlearning.stores.tables.pieces import Piece, Rows, Text, Unread

_CHUNK_BYTES = 1 << 20
_LONGEST_WORD = 1 << 10
_BINARY = re.compile(rb"[\x00\x02-\x06\x0e-\x19]")
_HTML = re.compile(r"\s*(?:<!doctype html|<html\b|<table\b|<(?:head|body|div|style|p|h\d)\b)", re.IGNORECASE)


def text(stream: IO[bytes], dialect: Dialect) -> Iterator[Piece]:
    """The pieces of a text, under each encoding that it may be in."""
    wide = dialect.encoding.startswith("utf-")  # as UTF-8 from here on
    names = ("utf-8",) if wide else (dialect.encoding, *dialect.encodings)
    source = stream
    source.seek(len(dialect.mark))
    if wide and dialect.encoding != "utf-8":
        source, _ = body(stream, _unskipped(dialect))
    for piece in _pieces(source):
        yield from (Text(one) for one in decoded_lines(piece, names))
        if _BINARY.search(piece):
            yield Unread("unknown form", "it begins as a text and goes on as bytes")
            return


def decoded_lines(piece: bytes, names: tuple[str, ...]) -> Iterator[str]:
    """A piece of text; where it is in none of its encodings as a whole, line by line."""
    try:
        whole = decoded(piece, names) if len(names) > 1 else (piece.decode(names[0]),)
    except UnicodeDecodeError:
        whole = ("\n".join("\n".join(decoded(line, names)) for line in piece.splitlines()),)
    yield from whole


def looks_like_html(head: str) -> bool:
    """Markup of a page, or of a table in one."""
    return _HTML.match(head) is not None


def html_tables(page: str) -> Iterator[Rows]:
    """The tables in a page whose first row names the columns."""
    parser = _Tables()
    parser.feed(page)
    parser.close()
    for first, *others in filter(None, parser.tables):
        if others:
            lead = max(0, max(map(len, others)) - len(first))  # pandas leaves the corner above the index empty, or out
            names = ("",) * lead + tuple(first)
            yield Rows(names, {at: [row[at] if at < len(row) else None for row in others] for at in range(len(names))})


def _unskipped(dialect: Dialect) -> Dialect:
    return Dialect(dialect.encoding, dialect.delimiter, mark=dialect.mark)


def _pieces(source: IO[bytes]) -> Iterator[bytes]:
    """A chunk at a time, cut behind a line, or behind a word, or nowhere in a word of moderate length."""
    left = b""
    while chunk := source.read(_CHUNK_BYTES):
        left += chunk
        cut = max(left.rfind(b"\n"), left.rfind(b"\r")) + 1 or left.rfind(b" ") + 1
        if cut:
            yield left[:cut]
            left = left[cut:]
        elif len(left) > 2 * _CHUNK_BYTES:
            yield left
            left = left[-_LONGEST_WORD:]
    if left:
        yield left


class _Tables(HTMLParser):
    """The cells of every table, row by row."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[list[list[str]]] = []
        self._open: list[list[list[str]]] = []
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the parser's word
        if tag == "table":
            self._open.append([])
            self.tables.append(self._open[-1])
        elif tag == "tr" and self._open:
            self._open[-1].append([])
        elif tag in ("td", "th") and self._open and self._open[-1]:
            self._open[-1][-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "table" and self._open:
            self._open.pop()
        self._in_cell = self._in_cell and tag not in ("td", "th", "tr", "table")

    def handle_data(self, data: str) -> None:
        if self._in_cell and self._open and self._open[-1] and self._open[-1][-1]:
            self._open[-1][-1][-1] += data.strip()
