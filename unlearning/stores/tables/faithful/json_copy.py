"""A JSON file without some of its records, every other character as it stands: numbers, order of keys, indentation.

Lines (one value a line), a list of records or of rows, and what pandas writes of a frame: by column, by row (`index`), `split`,
`tight` and `table`. Nothing is written anew: from the text, the spans of the records are cut out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.errors import DataError
from unlearning.stores.tables.encoding import encoding
from unlearning.stores.tables.faithful.same import check_rows

_SPLIT = {"columns", "index", "data", "index_names", "column_names", "name"}
_LINES = (".jsonl", ".ndjson")
_HEAD = 1 << 12
_BEGIN = re.compile(r'\s*(?:\{\s*(?:"|\})|\[\s*[\[{"\]])')
_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?[0-9]+")
_READ = json.JSONDecoder()


def subset(raw: bytes, keep: NDArray[np.bool_], named: str) -> bytes:
    """The text without the records where `keep` is false. Raises DataError where it is not clear what a record is."""
    found = encoding(raw)
    if found is None or not found.name.startswith("utf-"):
        raise DataError(f"{named} is no JSON in Unicode; rewrite it as UTF-8")
    try:
        text = raw[len(found.mark) :].decode(found.name)
        lines = named.lower().endswith(_LINES) or _has_lines(text)
        fewer = _lines(text, keep, named) if lines else _document(text, keep, named)
    except (ValueError, IndexError, RecursionError):
        raise DataError(f"{named} is no readable JSON; restore or rewrite it") from None
    return raw[: len(found.mark)] + fewer.encode(found.name)


def looks_like(raw: bytes) -> bool:
    """A text that begins as JSON does, and as no line of a CSV file should."""
    found = encoding(raw)
    if found is None:
        return False
    head = raw[len(found.mark) : len(found.mark) + _HEAD].decode(found.name, "ignore")
    return _BEGIN.match(head) is not None


# --- lines ----------------------------------------------------------------------------------------------------------


def _has_lines(text: str) -> bool:
    """More than one value, or one record: then it is a line, and goes as one."""
    begin = _space(text, 0)
    if begin == len(text):
        return True
    _, end = _READ.raw_decode(text, begin)
    more = _space(text, end) < len(text)
    return more or (text[begin] == "{" and "\n" not in text[begin:end] and _is_record(text[begin:end]))


def _is_record(text: str) -> bool:
    value = json.loads(text)
    return bool(value) and not all(isinstance(inner, dict | list) for inner in value.values())


def _lines(text: str, keep: NDArray[np.bool_], named: str) -> str:
    cut = re.compile(r"[^\n]*\n|[^\n]+" if "\n" in text else r"[^\r]*\r|[^\r]+")
    lines = cut.findall(text)
    filled = [at for at, line in enumerate(lines) if line.strip(" \t\r\n")]
    for at in filled:
        _READ.decode(lines[at].strip(" \t\r\n"))
    check_rows(keep, len(filled), named)
    gone = {at for at, kept in zip(filled, keep, strict=True) if not kept}
    return "".join(line for at, line in enumerate(lines) if at not in gone)


# --- one value ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Span:
    """One value in a text: of a list, without a key."""

    start: int
    """Of the key, or of the value without one."""
    value: int
    end: int
    key: str | None


@dataclass(frozen=True)
class _Container:
    """A list or an object in a text."""

    opened: int
    """Behind its bracket."""
    closed: int
    """At its other bracket."""
    spans: tuple[_Span, ...]

    @property
    def keys(self) -> list[str | None]:
        return [span.key for span in self.spans]


_Cut = tuple[int, int]


def _document(text: str, keep: NDArray[np.bool_], named: str) -> str:
    begin = _space(text, 0)
    top = _container(text, begin)
    if top is None:
        raise DataError(f"{named} is no JSON table; expected a list or an object")
    cuts = sorted(cut for one in _tables(text, top, text[begin], keep, named) for cut in _cuts(one, keep, named))
    kept, at = [], 0
    for low, high in cuts:
        kept.append(text[at:low])
        at = high
    return "".join([*kept, text[at:]])


def _tables(text: str, top: _Container, opens: str, keep: NDArray[np.bool_], named: str) -> Sequence[_Container]:
    """What has one member for each record. Raises DataError where two answers are possible."""
    if opens == "[":
        return [top]
    inner = {span.key: _container(text, span.value) for span in top.spans}
    data = inner.get("data")
    if len(inner) < len(top.spans):
        raise DataError(f"{named} has one key twice; rewrite it")
    if data is not None and {"columns", "data"} <= inner.keys() <= _SPLIT and _has_rows(text, data):
        return [data, *([index] if (index := inner.get("index")) is not None else [])]
    if data is not None and inner.keys() == {"schema", "data"}:
        _check_schema(text, top, named)
        return [data]
    columns = [one for one in inner.values() if one is not None]
    if len(columns) < len(inner) or not columns:
        raise DataError(f"{named} is a JSON object of a form that is not known here; rewrite it as lines or a list of records")
    return _by_column_or_row(top, columns, text, keep, named)


def _has_rows(text: str, data: _Container) -> bool:
    return text[data.opened - 1] == "[" and all(text[span.value] == "[" for span in data.spans)


def _by_column_or_row(
    top: _Container, inner: Sequence[_Container], text: str, keep: NDArray[np.bool_], named: str
) -> Sequence[_Container]:
    lists = all(text[one.opened - 1] == "[" for one in inner)
    alike = all(one.keys == inner[0].keys for one in inner)
    by_column = (lists or alike) and len(inner[0].spans) == len(keep)
    by_row = len(top.spans) == len(keep)
    if by_column and by_row and not lists:
        numbered = [all(_NUMBER.fullmatch(key or "") for key in one.keys) for one in (inner[0], top)]
        by_column, by_row = (numbered[0], numbered[1]) if numbered[0] != numbered[1] else (True, True)
        if by_column and by_row:
            raise DataError(f"{named} has as many columns as rows, and nothing says which is which; rewrite it as lines")
    if by_column:
        return inner
    if by_row and not lists:
        return [top]
    rows = len(inner[0].spans)
    check_rows(keep, rows, named)
    raise DataError(f"{named} has columns with different rows; rewrite it")


def _check_schema(text: str, top: _Container, named: str) -> None:
    """The schema that pandas puts before a table may list categories, which are cells too."""
    schema = next(span for span in top.spans if span.key == "schema")
    if '"enum"' in text[schema.value : schema.end]:
        raise DataError(f"{named} lists categories in its schema; rewrite it as lines or a list of records")


def _cuts(one: _Container, keep: NDArray[np.bool_], named: str) -> list[_Cut]:
    """What to cut so that the members that stay stand as they did; the separator before a member goes with it."""
    check_rows(keep, len(one.spans), named)
    if keep.all():
        return []
    if not keep.any():
        return [(one.opened, one.closed)]
    first = int(np.argmax(keep))
    cuts = [(one.spans[0].start, one.spans[first].start)] if first else []
    cuts += [(one.spans[at - 1].end, one.spans[at].end) for at in range(first + 1, len(keep)) if not keep[at]]
    return cuts


def _container(text: str, at: int) -> _Container | None:
    """The list or object that begins here; None for another value. Raises ValueError."""
    if text[at : at + 1] not in ("[", "{"):
        return None
    close = "]" if text[at] == "[" else "}"
    opened = at + 1
    spans: list[_Span] = []
    at = _space(text, opened)
    while text[at] != close or spans:
        span = _span(text, at, close == "}")
        spans.append(span)
        at = _space(text, span.end)
        if text[at : at + 1] == close:
            break
        if text[at : at + 1] != ",":
            raise ValueError
        at = _space(text, at + 1)
    return _Container(opened, at, tuple(spans))


def _span(text: str, at: int, keyed: bool) -> _Span:
    start, key = at, None
    if keyed:
        key, at = _READ.raw_decode(text, at)
        at = _space(text, at)
        if not isinstance(key, str) or text[at : at + 1] != ":":
            raise ValueError
        at = _space(text, at + 1)
    _, end = _READ.raw_decode(text, at)
    return _Span(start, at, end, key)


def _space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
