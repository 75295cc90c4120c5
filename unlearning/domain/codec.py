"""Frozen dataclasses as plain JSON values and back, by their type hints alone: the one reader and writer of what is stored.

A field is written under its name, a moment as ISO 8601, a tuple as a list. What a field's metadata may say besides: `AS`
another key, `BESIDE` that a nested value's keys stand among those around it, `LEFT_OUT` that the default is not written. A key
that is missing reads as the field's default: stored values of earlier versions stay readable. A key that nobody here knows
raises Damaged: a newer version said something there, and whoever acts on the rest acts on half a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from unlearning.domain.entities import CheckResult
from unlearning.domain.errors import Damaged

T = TypeVar("T")
Reader = Callable[[Any], Any]

AS, BESIDE, LEFT_OUT = "unlearning.as", {"unlearning.beside": True}, {"unlearning.left_out": True}
"""Metadata of a field; `{AS: "from"}` names its key."""

_DERIVED = {CheckResult: ("passed",)}
"""Type → properties that are written beside its fields, for readers who know the JSON alone; they are not read back."""


def write(value: Any) -> Any:
    """A value as plain JSON values. Raises ValueError for a moment without a time zone."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, (tuple, list)):
        return [write(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): write(item) for key, item in value.items()}
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"the moment {value.isoformat()} has no time zone; expected an aware datetime")
        return value.isoformat()
    return _written(value) if is_dataclass(value) else value


def _written(value: Any) -> dict[str, Any]:
    kind: Any = type(value)
    found: dict[str, Any] = {}
    for one in _parts(kind):
        item = getattr(value, one.name)
        if one.beside is not None:
            found |= {} if item is None else write(item)
        elif not (one.left_out and item == one.default):
            found[one.key] = write(item)
    return found | {name: getattr(value, name) for name in _DERIVED.get(kind, ())}


def read(kind: type[T], value: Any, *, of: str = "") -> T:
    """The inverse of `write`. Raises Damaged for what no such value was written as. of: what it is a part of, for messages."""
    hint: Any = kind
    try:
        result: T = _reader(hint)(value)
    except _Unreadable as error:
        raise Damaged(f"{of or kind.__name__} cannot be read: {error}") from None
    return result


class _Unreadable(Exception):
    """What is wrong with a value; never the value itself, it may say who somebody is."""


@cache
def _reader(hint: Any) -> Reader:
    origin, inner = get_origin(hint), get_args(hint)
    if is_dataclass(hint):
        return _object(hint)
    if hint is datetime:
        return _moment
    if origin in (Union, UnionType):
        return _either(inner)
    if origin is Literal:
        return _one_of(inner)
    if origin is tuple:
        return _list(_reader(inner[0])) if inner[1:] == (...,) else _row(tuple(map(_reader, inner)))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(inner[0], _reader(inner[1]))
    return _leaf((int, float) if hint is float else (hint,))


@cache
def _leaf(kinds: tuple[type, ...]) -> Reader:
    def reader(value: Any) -> Any:
        if type(value) not in kinds:
            raise _Unreadable(f"a {type(value).__name__} where {' or '.join(kind.__name__ for kind in kinds)} was expected")
        return value

    return reader


def _either(hints: tuple[Any, ...]) -> Reader:
    others = [hint for hint in hints if hint is not NoneType]
    reader = _reader(others[0]) if len(others) == 1 else _leaf((*others, int) if float in others else tuple(others))
    return (lambda value: None if value is None else reader(value)) if NoneType in hints else reader


def _one_of(allowed: tuple[Any, ...]) -> Reader:
    def reader(value: Any) -> Any:
        if value not in allowed:
            raise _Unreadable(f"expected one of {', '.join(map(str, allowed))}")
        return value

    return reader


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _Unreadable("expected a moment in ISO 8601") from None
    if moment.tzinfo is None:
        raise _Unreadable("a moment has no time zone")
    return moment


def _list(item: Reader) -> Reader:
    return lambda value: tuple(map(item, _leaf((list,))(value)))


def _row(items: tuple[Reader, ...]) -> Reader:
    def reader(value: Any) -> Any:
        if type(value) is not list or len(value) != len(items):
            raise _Unreadable(f"expected a list of {len(items)}")
        return tuple(item(part) for item, part in zip(items, value, strict=True))

    return reader


def _mapping(key: Any, item: Reader) -> Reader:
    def reader(value: Any) -> dict[Any, Any]:
        try:
            return {key(name): item(part) for name, part in _leaf((dict,))(value).items()}
        except ValueError:
            raise _Unreadable(f"a key is no {key.__name__}") from None

    return reader


def _object(kind: Any) -> Reader:
    parts, known = _parts(kind), _keys(kind)
    readers = {one.name: _reader(one.hint if one.beside is None else one.beside) for one in parts}

    def reader(value: Any) -> Any:
        body: Mapping[str, Any] = _leaf((dict,))(value)
        if strange := sorted(body.keys() - known):
            raise _Unreadable(f"this version knows no {', '.join(strange)}; a newer mlflow-unlearning wrote it, install that")
        made: dict[str, Any] = {}
        for one in parts:
            if one.beside is not None:
                inside = {key: body[key] for key in _keys(one.beside) & body.keys()}
                made[one.name] = readers[one.name](inside) if inside or one.beside is one.hint else None
            elif one.key in body:
                made[one.name] = _within(one.key, readers[one.name], body[one.key])
            elif one.required:
                raise _Unreadable(f"{one.key} is missing")
        return kind(**made)

    return reader


def _within(key: str, reader: Reader, value: Any) -> Any:
    try:
        return reader(value)
    except _Unreadable as error:
        raise _Unreadable(f"{key}: {error}") from None


@dataclass(frozen=True, slots=True)
class _Part:
    """A field, and what its metadata says."""

    name: str
    key: str
    hint: Any
    beside: Any
    """The type whose keys stand among those around it, if that is asked for."""
    left_out: bool
    default: Any
    required: bool


@cache
def _parts(kind: Any) -> tuple[_Part, ...]:
    hints = get_type_hints(kind)
    return tuple(
        _Part(
            name=one.name,
            key=str(one.metadata.get(AS, one.name)),
            hint=hints[one.name],
            beside=_without_none(hints[one.name]) if BESIDE.items() <= one.metadata.items() else None,
            left_out=LEFT_OUT.items() <= one.metadata.items(),
            default=one.default,
            required=one.default is MISSING and one.default_factory is MISSING,
        )
        for one in fields(kind)
    )


def _without_none(hint: Any) -> Any:
    """The type of an optional value."""
    return next((one for one in get_args(hint) if one is not NoneType), hint) if NoneType in get_args(hint) else hint


@cache
def _keys(kind: Any) -> frozenset[str]:
    """Every key that a value of this type is written with."""
    inside = (_keys(one.beside) for one in _parts(kind) if one.beside is not None)
    here = frozenset(one.key for one in _parts(kind) if one.beside is None)
    return here.union(_DERIVED.get(kind, ()), *inside)
