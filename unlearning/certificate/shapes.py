"""Whether a JSON value has the shape that a JSON Schema describes: the keywords of draft 2020-12 that ours use, and no more.

An auditor needs no other library to check a document against the published schemas; tests compare this with `jsonschema`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from unlearning.domain.foreign import shown

Shape = Mapping[str, Any]

KEYWORDS = frozenset(
    {"$defs", "$id", "$ref", "$schema", "additionalProperties", "anyOf", "description", "enum", "format", "items", "maximum"}
    | {"minItems", "minLength", "minimum", "pattern", "properties", "required", "title", "type", "uniqueItems"}
)
"""All that a schema of ours may use; of formats, only `date-time`."""

_TYPES: Mapping[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int, float),
    "null": (type(None),),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}


class Misfit(NamedTuple):
    """A place where a value has another shape."""

    at: tuple[str, ...]
    found: str
    expected: str = ""

    def __str__(self) -> str:
        where = shown(".".join(self.at), 120) or "the document"
        return f"{where} {self.found}" + (f"; expected {self.expected}" if self.expected else "")


def misfits(value: Any, shape: Shape, defs: Mapping[str, Shape] | None = None, at: tuple[str, ...] = ()) -> Iterator[Misfit]:
    """Every place where the value is not of the shape. defs: what `$ref` names; by default the shape's own `$defs`."""
    known: Mapping[str, Shape] = shape.get("$defs", {}) if defs is None else defs
    if "$ref" in shape:
        yield from misfits(value, known[shape["$ref"].rpartition("/")[2]], known, at)
    if "anyOf" in shape:
        yield from _nearest([list(misfits(value, one, known, at)) for one in shape["anyOf"]])
    if not _is_of_type(value, shape.get("type")) or not _fits_alone(value, shape):
        yield Misfit(at, f"is {_said(value)}", _expected(shape))
    elif isinstance(value, dict):
        yield from _inside(value, shape, known, at)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from misfits(item, shape.get("items", {}), known, (*at, str(number)))


def _inside(value: dict[str, Any], shape: Shape, defs: Mapping[str, Shape], at: tuple[str, ...]) -> Iterator[Misfit]:
    properties, others = shape.get("properties", {}), shape.get("additionalProperties", True)
    for name in shape.get("required", ()):
        if name not in value:
            yield Misfit((*at, name), "is missing")
    for name, item in value.items():
        if name in properties:
            yield from misfits(item, properties[name], defs, (*at, name))
        elif others is False:
            yield Misfit((*at, name), "is a field that nobody knows")
        elif others is not True:
            yield from misfits(item, others, defs, (*at, name))


def _nearest(branches: list[list[Misfit]]) -> list[Misfit]:
    """What is wrong by the branch that was meant: it fits deepest, then best; where none does, all that were expected."""
    if not all(branches):
        return []
    ranks = [(max(len(one.at) for one in found), -len(found)) for found in branches]
    meant = [found for found, rank in zip(branches, ranks, strict=True) if rank == max(ranks)]
    if len(meant) == 1 or len(meant[0]) > 1:
        return meant[0]
    first = meant[0][0]
    return [Misfit(first.at, first.found, " or ".join(dict.fromkeys(one.expected for [one] in meant)))]


def _is_of_type(value: Any, name: str | None) -> bool:
    if name is None:
        return True
    if not isinstance(value, _TYPES[name]) or (isinstance(value, bool) and name != "boolean"):
        return False
    return name != "integer" or not isinstance(value, float) or value.is_integer()


def _fits_alone(value: Any, shape: Shape) -> bool:
    """The keywords that look at one value and not into it."""
    if "enum" in shape and not any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in shape["enum"]):
        return False
    match value:
        case str():
            long_enough, pattern = len(value) >= shape.get("minLength", 0), shape.get("pattern")
            # All patterns of ours are anchored; Python's `$` would let a line end pass.
            return long_enough and (pattern is None or bool(re.fullmatch(pattern, value))) and _is_moment(value, shape)
        case bool():
            return True
        case int() | float():
            return bool(shape.get("minimum", value) <= value <= shape.get("maximum", value))
        case list():
            return len(value) >= shape.get("minItems", 0) and not (shape.get("uniqueItems") and _repeats(value))
    return True


def _is_moment(value: str, shape: Shape) -> bool:
    if shape.get("format") != "date-time":
        return True
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _repeats(items: list[Any]) -> bool:
    return len({json.dumps(one, sort_keys=True) for one in items}) < len(items)


def _expected(shape: Shape) -> str:
    if "title" in shape:
        return str(shape["title"])
    if "enum" in shape:
        return " or ".join(repr(one) for one in shape["enum"])
    least = shape.get("minItems") or shape.get("minLength")
    return f"{shape.get('type', 'something else')}{f' of at least {least}' if least else ''}"


def _said(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return f"a JSON {'object' if isinstance(value, dict) else 'list'} of {len(value)}"
    return shown(json.dumps(value, ensure_ascii=False), 80)
