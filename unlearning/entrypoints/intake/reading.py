"""What strangers send, read strictly: JSON that two readers could read differently is refused; nothing of it is repeated."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from typing import Any

DEEPEST = 16
"""Levels of nesting; no format here needs five."""


class Unacceptable(Exception):
    """What came is not taken in: the HTTP status, and words that repeat nothing of it."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


def json_of(raw: bytes, what: str = "the body") -> Any:
    """A JSON value in UTF-8, at most `DEEPEST` deep, no name twice in one object, no number without a value."""
    try:
        value = json.loads(raw.decode(), object_pairs_hook=_unique, parse_constant=_no_number, parse_float=_finite)
    except RecursionError:
        raise _nested(what) from None
    except ValueError:
        raise Unacceptable(400, f"{what} is no JSON in UTF-8") from None
    _require_shallow(value, what)
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Unacceptable(400, f"{what} holds half a surrogate pair; expected JSON in UTF-8") from None
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Unacceptable(400, "a name stands twice in one JSON object; expected each once")
    return value


def _no_number(_name: str) -> Any:
    raise Unacceptable(400, "NaN and Infinity are no JSON numbers")


def _finite(digits: str) -> float:
    if math.isinf(value := float(digits)):
        raise Unacceptable(400, "a number is larger than any that JSON readers share")
    return value


def _require_shallow(value: Any, what: str) -> None:
    level = [value]
    for _ in range(DEEPEST):
        inside = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, (dict, list))]
        level = [item for items in inside for item in items]
        if not level:
            return
    raise _nested(what)


def _nested(what: str) -> Unacceptable:
    return Unacceptable(400, f"{what} is nested more than {DEEPEST} deep")


def fields(value: Any, what: str, known: Collection[str] | None = None) -> Mapping[str, Any]:
    """A JSON object, with these names and no other. known: None takes any."""
    if not isinstance(value, dict):
        raise Unacceptable(400, f"{what} is no JSON object")
    if known is not None and (strange := len(value.keys() - set(known))):
        raise Unacceptable(400, f"{what} has {strange} unknown names; expected only {', '.join(sorted(known))}")
    return value


def text(found: Mapping[str, Any], name: str, *, longest: int = 2_000) -> str | None:
    """A value that is text; None where it is missing or null."""
    value = found.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise Unacceptable(400, f"{name} is no text of 1 to {longest} characters")
    return value


def required(found: Mapping[str, Any], name: str, *, longest: int = 2_000) -> str:
    """The same, where it has to be there."""
    value = text(found, name, longest=longest)
    if value is None:
        raise Unacceptable(400, f"{name} is missing")
    return value


def flag(found: Mapping[str, Any], name: str) -> bool:
    """A value that is true or false, false where it is missing."""
    value = found.get(name, False)
    if not isinstance(value, bool):
        raise Unacceptable(400, f"{name} is neither true nor false")
    return value


def items(found: Mapping[str, Any], name: str, *, most: int) -> list[Any]:
    """A list that is not empty."""
    value = found.get(name)
    if not isinstance(value, list) or not 0 < len(value) <= most:
        raise Unacceptable(400, f"{name} is no list of 1 to {most}")
    return value


def identifier(value: Any, what: str) -> str:
    """An identifier as somebody sends it: text, or a whole number."""
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not str(value).strip() or len(str(value)) > _LONGEST:
        raise Unacceptable(400, f"{what} is no identifier: expected text of 1 to {_LONGEST} characters, or a whole number")
    return str(value)


_LONGEST = 512
