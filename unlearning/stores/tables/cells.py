"""The distinct values in columns of any type, as plain Python: what can be compared with an identifier."""

from __future__ import annotations

import decimal
import itertools
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from unlearning.domain import hashing, spellings
from unlearning.domain.errors import IdentifierError
from unlearning.domain.hashing import IdentifierKind
from unlearning.stores.tables.encoding import decoded, encoding
from unlearning.stores.tables.pieces import Column

_UUID_BYTES = 16
_WHOLE_UP_TO = {"halffloat": 2.0**11, "float": 2.0**24, "double": 2.0**53}
"""Type → from where on not every whole number has a value of its own."""


def distinct(column: Column, encodings: tuple[str, ...] = ("utf-8",)) -> Iterator[object]:
    """The values of a column, each once or so: lists and structs taken apart, bytes as text, whole numbers as int, no null.

    encodings: in which bytes may be.
    """
    for value in _values(column):
        if isinstance(value, bytes):
            filled = value.rstrip(b"\0")  # columns of one width are filled up
            wide = encoding(value) if b"\0" in filled else None
            yield from (value.decode(wide.name, "ignore"),) if wide else decoded(filled, encodings)
            if len(value) == _UUID_BYTES:
                yield str(uuid.UUID(bytes=value))
        elif (one := plain(value)) is not None:
            yield one


def files(column: Column) -> Iterator[bytes]:
    """The cells of a column, each once or so, that are bytes and no text: a picture, something compressed, a pickle."""
    for value in _values(column) if may_hold_files(column) else ():
        if isinstance(value, bytes) and len(value) != _UUID_BYTES and encoding(value.rstrip(b"\0")) is None:
            yield value


def may_hold_files(column: Column) -> bool:
    """A list of plain values, or a type with bytes somewhere in it."""
    return isinstance(column, list) or "binary" in str(column.type)


def plain(value: Any) -> object:
    """A value as normalising expects it: 4711.0 as 4711, as pandas writes whole numbers; None for what names nobody."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None if value != value else value
    if isinstance(value, decimal.Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else value
    return value


def rounded(column: Column) -> int:
    """How many values are numbers so large that they lost their last digits: people became one, and nobody can say who."""
    if isinstance(column, list):
        return sum(map(_is_rounded, column))
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_floating(kind):
        wide = column.cast(kind).cast(pa.float32() if kind == pa.float16() else kind)
        lost = pc.greater_equal(pc.abs(wide), _WHOLE_UP_TO[str(kind)])
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        lost = pc.match_substring_regex(column.cast(kind), f"^\\s*(?:{spellings.ROUNDED.pattern})\\s*$")
    else:
        return 0
    return pc.sum(lost).as_py() or 0


def _is_rounded(value: object) -> bool:
    if isinstance(value, str):
        return spellings.ROUNDED.fullmatch(value.strip()) is not None
    return isinstance(value, float) and abs(value) >= _WHOLE_UP_TO["double"]


def people(columns: Sequence[Column], encodings: tuple[str, ...] = ("utf-8",)) -> Iterator[object]:
    """The identifiers that these columns name together, distinct or so; a cell that names several people gives each as well."""
    if len(columns) == 1:
        for one in distinct(columns[0], encodings):
            yield one
            yield from hashing.several(one)
        return
    rows = zip(*(map(plain, _listed(column)) for column in columns), strict=True)
    for row in dict.fromkeys(rows):
        if None not in row:
            spelled = [decoded(part, encodings) if isinstance(part, bytes) else (str(part),) for part in row]
            yield from (hashing.PART.join(parts) for parts in itertools.product(*spelled))


def positions(names: Sequence[str], people: Sequence[str]) -> list[tuple[int, ...]]:
    """Where the columns of each person column stand that is here; where two have one name, each combination."""
    return list(itertools.chain.from_iterable(_of_one(names, person) for person in people))


def _of_one(names: Sequence[str], person: str) -> Iterator[tuple[int, ...]]:
    columns = person.split(hashing.SAID_PART)
    return itertools.product(*([at for at, name in enumerate(names) if name == column] for column in columns))


def may_identify(kind: Any) -> bool:
    """A column of this Arrow type can name people: not what is true or false, nor a moment, nor a value with a shape."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return may_identify(kind.value_type)
    return not (pa.types.is_boolean(kind) or pa.types.is_temporal(kind) or pa.types.is_nested(kind))


def fingerprints(values: Iterable[object], kind: IdentifierKind) -> Iterator[tuple[object, bytes]]:
    """(value, fingerprint) of each that can be an identifier of this kind."""
    for value in values:
        try:
            yield value, hashing.fingerprint(value, kind)
        except (IdentifierError, ValueError):  # a number of more digits than Python turns into one
            continue


def _listed(column: Column) -> list[Any]:
    return column if isinstance(column, list) else flat(column).to_pylist()


def _values(column: Column) -> Iterable[Any]:
    if isinstance(column, list):
        return _flattened(column)
    import pyarrow as pa

    return itertools.chain.from_iterable(_unique(array) for array in _taken_apart(column, pa))


def _flattened(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, dict):
            yield from _flattened(value.keys())
            yield from _flattened(value.values())
        elif isinstance(value, (list, tuple)):
            yield from _flattened(value)
        else:
            yield value


def _unique(array: Any) -> Iterable[Any]:
    import pyarrow as pa

    try:
        found: list[Any] = array.unique().to_pylist()
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):  # not for every type, nor for text that is no UTF-8
        found = [_unchecked(one) for one in array]
    return found


def _unchecked(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        return scalar.as_buffer().to_pybytes()


def _taken_apart(array: Any, pa: Any) -> Iterator[Any]:
    """The flat arrays in an array, without those that can hold no identifier; of a dictionary every value, used or not."""
    kind = array.type
    if isinstance(array, pa.ChunkedArray):
        inner: Iterable[Any] = array.chunks
    elif pa.types.is_dictionary(kind):
        inner = [array.dictionary]
    elif pa.types.is_map(kind):
        inner = [array.keys, array.items]
    elif pa.types.is_struct(kind):
        inner = [pa.array([field.name for field in kind]), *array.flatten()]
    elif pa.types.is_union(kind):
        inner = [array.field(number) for number in range(kind.num_fields)]
    elif pa.types.is_nested(kind):
        inner = [array.flatten()]
    elif pa.types.is_run_end_encoded(kind):
        inner = [array.values]
    elif isinstance(array, pa.ExtensionArray):
        inner = [array.storage]
    else:
        simple = flat(array)
        yield from [] if simple is None else [simple]
        return
    for one in inner:
        yield from _taken_apart(one, pa)


def flat(array: Any) -> Any:
    """A flat array of a type that Arrow can work with; None where nothing in it is a name or a number."""
    import pyarrow as pa

    kind = array.type
    if pa.types.is_dictionary(kind):
        return flat(array.cast(kind.value_type))
    if pa.types.is_null(kind) or pa.types.is_boolean(kind) or pa.types.is_interval(kind):
        return None
    if pa.types.is_temporal(kind):  # a number that somebody's tool took for a moment
        return array.cast(pa.int32() if kind.bit_width == 32 else pa.int64())
    views = {pa.float16(): pa.float32(), pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
    return array.cast(views[kind]) if kind in views else array
