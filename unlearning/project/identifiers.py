"""Files of identifiers, as officers hand them in: one a line, or a column of a CSV; each remembers its line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from unlearning.domain.errors import IdentifierError, NotFound
from unlearning.domain.hashing import PART, SAID_PART
from unlearning.domain.spellings import Given
from unlearning.stores.tables.encoding import encoding

_EXPECTED = "one identifier a line, or a CSV with --column"
_LINE_END = re.compile(r"\r\n|\n|\r")
"""Not str.splitlines(), which also cuts an identifier in two at U+2028 and the like."""
_DELIMITERS = ",;\t|"
_BETWEEN = re.compile(f"[{_DELIMITERS}]")
_HEADING = re.compile(
    "account|address|client|code|customer|data|e|emails?|employee|erasure|guid|id|identifiers?|ids|key|mail|member|mobile|names?|"
    "no|nr|number|patients?|people|person|phone|record|requests?|subject|surname|tel|telephone|users?|username|uuid|who",
    re.IGNORECASE,
)
"""What the words of a heading are; nobody is called only that."""
_HEADING_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def read(path: Path, *, column: str | None = None, known: Collection[str] = ()) -> list[Given]:
    """The identifiers in a file; see `parse`. Raises NotFound or IdentifierError, never repeating a value."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"identifier file {path} does not exist; expected {_EXPECTED}") from error
    except IsADirectoryError as error:
        raise IdentifierError(f"identifier file {path} is a folder; name one file in it") from error
    except OSError as error:
        raise IdentifierError(f"identifier file {path} cannot be read ({error.strerror})") from error
    return parse(content, str(path), column=column, known=known)


def parse(content: bytes, source: str, *, column: str | None = None, known: Collection[str] = ()) -> list[Given]:
    """The identifiers in the bytes of a file or of standard input. Raises IdentifierError.

    column: what names a person in the first line of a CSV; `clinic/patient` for both. known: the person columns of the project,
    by which a heading is recognised that nobody named a column of: it must not become a person.
    """
    text = _decoded(content, source)
    found = list(_in_column(text, source, column) if column else _in_lines(text, source))
    if not found:
        raise IdentifierError(f"{source} holds no identifier; expected {_EXPECTED}")
    if not column and _is_heading([str(one) for one in found], known):
        raise IdentifierError(
            f"{found[0].place} reads like a heading; name the column of a table with --column, or take that line out"
        )
    return found


def _decoded(content: bytes, source: str) -> str:
    found = encoding(content)
    name = found.name if found and found.mark else "utf-8"
    try:
        return content[len(found.mark) if found else 0 :].decode(name)
    except UnicodeDecodeError as error:
        raise IdentifierError(f"{source} is not UTF-8 (byte {error.start}); save it as UTF-8, one identifier a line") from None


def _in_lines(text: str, source: str) -> Iterator[Given]:
    for number, line in enumerate(_LINE_END.split(text), 1):
        if one := line.strip(" \t"):
            yield Given(one, f"line {number} of {source}")


def _is_heading(lines: Sequence[str], known: Collection[str]) -> bool:
    """The first line names a column, or is the only one of three or more that says no number and no address."""
    first, rest = lines[0], lines[1:]
    cells = [cell.strip(" \"'") for cell in _BETWEEN.split(first)]
    names = {name.casefold() for column in known for name in (column, *column.split(SAID_PART))}
    if any(cell.casefold() in names for cell in cells) or all(map(_is_heading_cell, cells)):
        return True
    return len(rest) > 1 and not _tells(first) and all(map(_tells, rest))


def _is_heading_cell(cell: str) -> bool:
    words = _HEADING_WORD.findall(cell)
    return bool(words) and cell.isascii() and not re.search(r"[0-9@]", cell) and all(map(_HEADING.fullmatch, words))


def _tells(line: str) -> bool:
    return any(sign.isdigit() or sign == "@" for sign in line)


def _in_column(text: str, source: str, column: str) -> Iterator[Given]:
    wanted = column.split(SAID_PART)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text, source, wanted), strict=True)
    try:
        names = [name.strip() for name in next(rows)]
        at, began = [names.index(name) for name in wanted], rows.line_num + 1
        for row in rows:
            place, began = f"line {began} of {source}", rows.line_num + 1
            if not any(cell.strip() for cell in row):
                continue
            parts = [row[one].strip(" \t") if one < len(row) else "" for one in at]
            if len(row) != len(names) or not all(parts):
                raise IdentifierError(f"{place} has {len(row)} cells and the heading {len(names)}, or no identifier")
            yield Given(PART.join(parts), place)
    except csv.Error:
        raise IdentifierError(f"line {rows.line_num} of {source} is no line of a CSV; save the table again as one") from None


def _delimiter(text: str, source: str, wanted: Sequence[str]) -> str:
    """What stands between the names of the first line, among which these are; each of them once."""
    first = _LINE_END.split(text, maxsplit=1)[0]
    for delimiter in _DELIMITERS:
        names = [name.strip() for name in next(csv.reader([first], delimiter=delimiter), [])]
        if all(names.count(one) == 1 for one in wanted):
            return delimiter
    raise IdentifierError(
        f"{source} has no column {SAID_PART.join(wanted)!r}, or two of that name, in its first line; "
        "expected a CSV whose first line names its columns"
    )
