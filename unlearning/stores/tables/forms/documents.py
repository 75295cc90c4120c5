"""Documents of keys and values: JSON in whatever way a table was put into it, lines of JSON, and YAML."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any, TypeGuard

from unlearning.stores.tables.encoding import Encoding
from unlearning.stores.tables.pieces import Aside, Piece, Rows, Scalars, Select

MOST_BYTES = 1 << 26
"""A document up to this size is parsed; of a larger one the words are compared."""
_YAML_BYTES = 1 << 22
_BATCH = 1 << 14
_YAML = re.compile(r"(?:%YAML.*\n)?(?:\s*#.*\n|\s*\n)*(?:---|- \S|[\w\"'.$/@ -]+:(?:\s|$))")


class Pairs(list[tuple[str, Any]]):
    """An object of a document: its keys and values as they stand there, a key maybe twice."""

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)


def loads(text: str) -> Any:
    """A JSON document; a number too long for Python is text. Raises ValueError or RecursionError."""
    return json.loads(text, object_pairs_hook=Pairs, parse_int=_number)


def looks_like_lines(first: str) -> bool:
    """The first line is a JSON document of its own."""
    try:
        return isinstance(loads(first), (list, dict)) if first.lstrip()[:1] in ("{", "[") else False
    except (ValueError, RecursionError):
        return False


def lines(stream: IO[bytes], found: Encoding, select: Select) -> Iterator[Piece]:
    """The pieces of a file with a JSON document in each line. Raises ValueError for a line that is none."""
    stream.seek(len(found.mark))
    batch: list[Any] = []
    for line in io.TextIOWrapper(io.BufferedReader(_Kept(stream)), found.name, newline=None):
        if line.strip():
            batch.append(loads(line))
        if len(batch) == _BATCH:
            yield from records(batch, select)
            batch = []
    yield from records(batch, select)


def document(content: Any, select: Select) -> Iterator[Piece]:
    """The pieces of one document: a table where it is one, and otherwise every value with its key."""
    table = as_table(content, select)
    if table is None:
        yield from scalars(content)
        return
    names, columns, beside = table
    yield from _table(names, columns, select)
    if select(names) is None:
        yield from scalars(beside)
    else:  # the numbers of rows, a schema
        yield Aside("\n".join(f"{key}: {value}" for key, value in _walk(beside)))


def records(rows: Sequence[Any], select: Select) -> Iterator[Piece]:
    """The pieces of a list of objects with the same keys, or of a list of anything."""
    if not rows:
        return
    table = _of_records(rows)
    if table is None:
        for row in rows:
            yield from scalars(row)
    else:
        yield from _table(*table, select)


def as_table(content: Any, select: Select) -> tuple[tuple[str, ...], list[list[Any]], Any] | None:
    """(names, columns, what is said beside them) of a document that is one table; None for another."""
    if isinstance(content, Pairs):
        keys = dict(content)
        if len(keys) < len(content):
            return None
        if _plain_list(rows := keys.get("data")):
            beside = Pairs((key, value) for key, value in content if key not in ("data", "columns"))
            names = keys.get("columns")
            if isinstance(names, list) and all(isinstance(row, list) and len(row) == len(names) for row in rows):
                columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in names]
                return tuple(map(_name, names)), columns, beside
            found = _of_records(rows) if rows else None
            return None if found is None else (*found, beside)
        return _of_columns(content, select)
    if isinstance(content, list) and content:
        found = _of_records(content)
        return None if found is None else (*found, Pairs())
    return None


def scalars(content: Any) -> Iterator[Scalars]:
    """Every value of a document with the key that it stands under, and every key as a value."""
    found: list[tuple[str, object]] = []
    for one in _walk(content):
        found.append(one)
        if len(found) >= _BATCH:
            yield Scalars(found)
            found = []
    if found:
        yield Scalars(found)


def looks_like_yaml(head: str) -> bool:
    """Begins as a list or with a key."""
    return _YAML.match(head) is not None


def yaml(text: str) -> Any:
    """A YAML document, or a list of several. Raises YAMLError and whatever else its parser does; ValueError when it is none."""
    from ruamel.yaml import YAML

    if len(text) > _YAML_BYTES:
        raise ValueError("too long")
    parser = YAML(typ="safe")
    parser.allow_duplicate_keys = True
    found = [_paired(one, {}) for one in parser.load_all(text)]
    if all(isinstance(one, str) or one is None for one in found):
        raise ValueError("plain text")
    return found[0] if len(found) == 1 else found


def _number(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:  # more digits than Python turns into a number
        return digits


def _name(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _of_records(rows: Iterable[Any]) -> tuple[tuple[str, ...], list[list[Any]]] | None:
    """A list of objects, each with every key once, as columns; None where they are not alike."""
    names: dict[str, int] | None = None
    columns: list[list[Any]] = []
    for row in rows:
        if not isinstance(row, Pairs):
            return None
        if names is None:
            names = {key: at for at, (key, _) in enumerate(row)}
            columns = [[] for _ in names]
        if len(row) != len(names) or not row:
            return None
        for key, value in row:
            at = names.get(key)
            if at is None:
                return None
            columns[at].append(value)
    if names is None or any(len(column) != len(columns[0]) for column in columns):
        return None
    return tuple(names), columns


def _of_columns(content: Pairs, select: Select) -> tuple[tuple[str, ...], list[list[Any]], Any] | None:
    """An object of columns, each a list or an object of the same row names, as `DataFrame.to_json` writes them."""
    names = tuple(key for key, _ in content)
    values = [value for _, value in content]
    if len(set(names)) < len(names) or not values:
        return None
    if all(map(_plain_list, values)):
        same = len({len(value) for value in values}) == 1
        return (names, [list(value) for value in values], Pairs()) if same else None
    if not all(isinstance(value, Pairs) for value in values):
        return None
    labels = [tuple(key for key, _ in value) for value in values]
    plain = not any(isinstance(inner, list) for value in values for _, inner in value)
    if len(set(labels)) > 1 or not plain:
        return None
    if select(labels[0]) is not None:  # an object of rows, each with its columns
        rows = [[inner for _, inner in value] for value in values]
        return (*labels[0], ""), [*(list(column) for column in zip(*rows, strict=True)), list(names)], Pairs()
    # Row names may be people's: they are a column without a name.
    return (*names, ""), [*([inner for _, inner in value] for value in values), list(labels[0])], Pairs()


def _table(names: tuple[str, ...], columns: list[list[Any]], select: Select) -> Iterator[Piece]:
    nested = [any(isinstance(value, (list, dict, bool)) for value in column) for column in columns]
    wanted = select(["" if odd else name for name, odd in zip(names, nested, strict=True)])
    if wanted is not None:
        yield Rows(names, {at: columns[at] for at in wanted}, whole=False)
        return
    yield Rows(names, {at: column for at, column in enumerate(columns) if not nested[at]})
    yield from scalars(Pairs((names[at], column) for at, column in enumerate(columns) if nested[at]))


def _walk(content: Any) -> Iterator[tuple[str, object]]:
    """Without recursion: a document may be nested as deep as its parser allows."""
    stack: list[tuple[str, Any]] = [("", content)]
    seen: set[tuple[str, int]] = set()
    while stack:
        key, value = stack.pop()
        if isinstance(value, list):
            if (key, id(value)) in seen:  # an alias of YAML
                continue
            seen.add((key, id(value)))
            if isinstance(value, Pairs):
                yield from (("", name) for name, _ in value)
                stack.extend(_split(value) or ((_under(key, name), inner) for name, inner in value))
            else:
                stack.extend(_tabled(key, value))
        else:
            yield key, value


def _tabled(key: str, values: list[Any]) -> Iterator[tuple[str, Any]]:
    """The items of a list, under its key; of a list of rows, the first of which names columns, each under its column."""
    first = values[0] if values else None
    names: list[Any] = first if _plain_list(first) and all(isinstance(one, str) for one in first) else []
    if names and all(_plain_list(row) and len(row) == len(names) for row in values):
        yield from ((name, inner) for row in values for name, inner in zip(names, row, strict=True))
    else:
        yield from ((key, value) for value in values)


def _split(value: Pairs) -> list[tuple[str, Any]] | None:
    """The cells of a table inside a document, with their columns' names, and whatever stands beside it."""
    keys = dict(value)
    names: object = keys.get("columns")
    rows: object = keys.get("data")
    if len(keys) < len(value) or not _plain_list(names) or not _plain_list(rows):
        return None
    if not all(_plain_list(row) and len(row) == len(names) for row in rows):
        return None
    cells = [(_name(name), inner) for row in rows for name, inner in zip(names, row, strict=True)]
    return [*cells, *(("", name) for name in names), *((key, inner) for key, inner in value if key not in ("columns", "data"))]


def _plain_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list) and not isinstance(value, Pairs)


def _under(key: str, name: str) -> str:
    """Row names, which are numbers, are no keys: `{"patient": {"0": 17}}`."""
    return key if key and name.isdigit() else name


def _paired(value: Any, known: dict[int, Any]) -> Any:
    """A parsed YAML document as JSON gives one; an alias stays one value."""
    if id(value) in known:
        return known[id(value)]
    if isinstance(value, dict):
        found: Any = known.setdefault(id(value), Pairs())
        found.extend((str(key), _paired(inner, known)) for key, inner in value.items())
        return found
    if isinstance(value, (list, tuple, set, frozenset)):
        items: list[Any] = known.setdefault(id(value), [])
        items.extend(_paired(inner, known) for inner in value)
        return items
    return value


class _Kept(io.RawIOBase):
    """A stream that whoever wraps it does not close."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._stream.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)
