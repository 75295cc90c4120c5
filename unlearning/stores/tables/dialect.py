"""How a CSV file is written: found out once, from its head, for whoever loads, searches or redacts it."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256

from unlearning.domain.errors import DataError
from unlearning.stores.tables.encoding import Encoding, encoding

SAMPLE_BYTES = 1 << 16
"""Of the head, what is looked at."""

_SAMPLE_ROWS = 200
_SLOW_SAMPLE = 1 << 13
"""Characters for the careful sniffer, which is slow."""
COMMON = ",;\t|"
"""Delimiters that most tables have."""
_RARE_DELIMITERS = "~^\x1f\x01§¦ "
"""What else is believed to be one: `:`, `=`, `/` and `.` stand in texts and paths, and cut identifiers in two."""
_SAID = re.compile(r"sep=(.)[\r\n]*", re.IGNORECASE)
"""A first line by which Excel is told."""
_EVEN_SHARE = 0.9


@dataclass(frozen=True)
class Dialect:
    """One file's way to write rows."""

    encoding: str
    """Python's codec, without a mark: `utf-8`, `utf-16-le`, `cp1252`."""
    delimiter: str
    quote: str = '"'
    escape: str = ""
    """What takes a sign's meaning, such as a backslash; empty where quotes are doubled."""
    line_end: str = "\n"
    skipped_lines: int = 0
    """Before the header: blank ones, comments, a preamble."""
    mark: bytes = b""
    """The byte order mark that the file begins with."""
    encodings: tuple[str, ...] = ()
    """Besides `encoding`, what the bytes might be in as well."""
    columns: int = 1
    """Of the header."""
    even: bool = True
    """The sampled rows have as many fields each."""


def csv_dialect(head: bytes) -> Dialect:
    """The dialect of a CSV file that begins with these bytes; of a text that is no CSV, one that gives a single column.

    Raises DataError for what is no text.
    """
    found = encoding(head)
    if found is None:
        raise DataError("a file is no text, so it is no CSV table; expected lines of text with one delimiter")
    text = head[len(found.mark) : SAMPLE_BYTES].decode(found.name, "ignore")
    whole = len(head) < SAMPLE_BYTES
    return _dialect(text if whole else text[: max(text.rfind("\n"), text.rfind("\r")) + 1] or text, found)


def rows(text: str, dialect: Dialect) -> Iterator[list[str]]:
    """The rows of a text in this dialect, blank lines left out. Raises DataError for what Python's parser refuses."""
    options = {"delimiter": dialect.delimiter, "doublequote": not dialect.escape, "escapechar": dialect.escape or None}
    quoting = csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE
    reader = csv.reader(io.StringIO(text, newline=""), quotechar=dialect.quote or None, quoting=quoting, **options)  # type: ignore[arg-type]
    try:
        yield from (row for row in reader if row)
    except csv.Error:
        raise DataError("a CSV file has a field that no parser reads; rewrite it") from None


def _dialect(text: str, found: Encoding) -> Dialect:
    end = _line_end(text)
    base = Dialect(found.name, ",", line_end=end, mark=found.mark, encodings=found.names[1:])
    lines = text.split(end)
    if said := _SAID.fullmatch(lines[0]):
        return _measured(text, replace(base, delimiter=said[1], skipped_lines=1))
    tried = [_measured(text, one) for one in _candidates(text, base)]
    fair = [one for one in tried if one.columns > 1 and one.even]
    if fair:
        return max(fair, key=lambda one: (not one.skipped_lines, one.columns, -tried.index(one)))
    return _sniffed(text, base) or _measured(text, base)


def _candidates(text: str, base: Dialect) -> Iterator[Dialect]:
    """Plain dialects, the commonest first; quotes and escapes only where their signs are."""
    for delimiter in filter(text.__contains__, COMMON):
        single = len(re.findall(rf"(?:^|[\r\n]|{re.escape(delimiter)})'[^'\r\n]*'(?={re.escape(delimiter)}|[\r\n]|$)", text))
        if single > 2 and single > text.count('"'):
            yield replace(base, delimiter=delimiter, quote="'")
        if re.search(rf'\\"(?!{re.escape(delimiter)}|[\r\n]|$)', text):  # before a delimiter the quote closes the cell: `"C:\"`
            yield replace(base, delimiter=delimiter, escape="\\")
        yield replace(base, delimiter=delimiter)


def _measured(text: str, dialect: Dialect) -> Dialect:
    """With the header's place and width, and whether the rows after it have that width."""
    end = dialect.line_end
    lines = text.split(end)
    blank = next((number for number, line in enumerate(lines) if line.strip(" \t\r\n\ufeff")), 0)
    start = max(blank, dialect.skipped_lines)
    widths = _widths(end.join(lines[start:]), dialect)
    if not widths:
        return dialect
    # What most rows have; where two are as common, what the first line has, and otherwise the wider one.
    later = Counter(widths[len(widths) // 2 :])
    usual = max(later, key=lambda width: (later[width], width == widths[0], width))
    lead = next(number for number, width in enumerate(widths) if width == usual) if usual > 1 else 0
    even = sum(width == usual for width in widths[lead:]) >= _EVEN_SHARE * len(widths[lead:])
    skipped = _lines_before(lines, start, lead)
    return replace(dialect, skipped_lines=skipped, columns=usual, even=even and (usual > 1 or lead == 0))


def _widths(text: str, dialect: Dialect) -> list[int]:
    """Fields of each of the first rows."""
    found: list[int] = []
    try:
        for row in rows(text, dialect):
            found.append(len(row))
            if len(found) == _SAMPLE_ROWS:
                break
    except DataError:
        return []
    return found


def _lines_before(lines: list[str], start: int, lead: int) -> int:
    """Physical lines before the row with this number; a preamble has one line a row."""
    number = start
    while lead or not lines[number].strip(" \t\r\n"):
        lead -= bool(lines[number].strip("\r\n"))
        number += 1
        if number >= len(lines) - 1:
            break
    return number


def _sniffed(text: str, base: Dialect) -> Dialect | None:
    """What the careful sniffer says, where it gives an even table."""
    found = _carefully(text[:_SLOW_SAMPLE].rpartition(base.line_end)[0] or text[:_SLOW_SAMPLE])
    tried = []
    if found and found[0] in COMMON + _RARE_DELIMITERS:
        tried = [replace(base, delimiter=found[0], quote=found[1] or '"', escape=found[2] or "")]
    tried += [replace(base, delimiter=one) for one in _RARE_DELIMITERS if one in text]
    measured = [_measured(text, one) for one in tried]
    return next((one for one in measured if one.columns > 1 and one.even), None)


_Signs = tuple[str, str | None, str | None]
"""Delimiter, quote and escape; without any, nothing is said."""
_remembered: dict[bytes, _Signs | tuple[()]] = {}
"""SHA-256 of a sample → what the careful sniffer said: one purge reads the same texts several times."""
_MOST_REMEMBERED = 1024


def _carefully(sample: str) -> _Signs | tuple[()]:
    """What the careful sniffer says."""
    name = sha256(sample.encode("utf-8", "surrogatepass")).digest()
    if (known := _remembered.get(name)) is not None:
        return known
    import clevercsv

    try:
        seen = clevercsv.Sniffer().sniff(sample)
    except (clevercsv.Error, ValueError, IndexError):
        seen = None
    found = (seen.delimiter, seen.quotechar, seen.escapechar) if seen is not None and seen.delimiter else ()
    if len(_remembered) >= _MOST_REMEMBERED:
        _remembered.clear()
    _remembered[name] = found
    return found


def _line_end(text: str) -> str:
    pairs = text.count("\r\n")
    if pairs and pairs >= text.count("\n") - pairs:
        return "\r\n"
    return "\n" if "\n" in text else "\r" if "\r" in text else "\n"
