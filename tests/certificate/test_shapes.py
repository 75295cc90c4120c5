"""Our reader of JSON Schema agrees with `jsonschema` on every document and every keyword that our schemas use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from tests.certificate.examples import CERTIFICATES, membership_proof
from unlearning.certificate import schema
from unlearning.certificate.shapes import KEYWORDS, misfits
from unlearning.certificate.statement import statement

FORMATS = FormatChecker()


@FORMATS.checks("date-time", raises=ValueError)
def is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


DOCUMENTS = [(statement(made()), schema.certificate()) for made in CERTIFICATES.values()]
DOCUMENTS += [(membership_proof(), schema.proof()), (membership_proof(name="after"), schema.proof())]

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2**54),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        ["", "exact", "exact\n", "verified", "2026-11-02T14:00:00Z", "2026-13-02T14:00:00Z", "not recorded", "0" * 64]
    ),
    st.just([]),
    st.just({}),
    st.just({"x": 1}),
    st.just([1, 1]),
)


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield (*at, key)
        yield from places(inner, (*at, key))


@given(st.data())
def test_a_changed_document_fits_exactly_when_jsonschema_says_so(data: st.DataObject) -> None:
    document, shape = data.draw(st.sampled_from(DOCUMENTS))
    changed = json.loads(json.dumps(document))
    for _ in range(data.draw(st.integers(0, 2))):
        *way, last = data.draw(st.sampled_from(list(places(changed))))
        holder = changed
        for step in way:
            holder = holder[step]
        if data.draw(st.booleans()):
            holder[last] = data.draw(VALUES)
        elif isinstance(holder, dict):
            del holder[last]
            holder.update(data.draw(st.sampled_from([{}, {"beside": 1}])))
    theirs = Draft202012Validator(shape, format_checker=FORMATS).is_valid(changed)
    ours = not list(misfits(changed, shape))
    assert ours == theirs or (theirs and '\\n"' in json.dumps(changed)), "ours lets no line end pass at the end of a pattern"


@pytest.mark.parametrize("name", schema.PUBLISHED)
def test_a_schema_is_one_and_uses_no_keyword_that_ours_would_pass_over(name: str) -> None:
    made = schema.PUBLISHED[name]()
    Draft202012Validator.check_schema(made)
    assert keywords(made) <= KEYWORDS


def keywords(shape: Any) -> set[str]:
    found = set(shape)
    for name in ("properties", "$defs"):
        found |= {word for inner in shape.get(name, {}).values() for word in keywords(inner)}
    inside = [*shape.get("anyOf", []), *([shape["items"]] if "items" in shape else [])]
    if isinstance(shape.get("additionalProperties"), dict):
        inside.append(shape["additionalProperties"])
    return found | {word for inner in inside for word in keywords(inner)}


@pytest.mark.parametrize(
    ("value", "shape", "said"),
    [
        (4, {"type": "string"}, "the document is 4; expected string"),
        (True, {"type": "integer"}, "the document is true; expected integer"),
        ("", {"type": "string", "minLength": 1}, 'the document is ""; expected string of at least 1'),
        ([], {"type": "array", "minItems": 1}, "the document is a JSON list of 0; expected array of at least 1"),
        ([1, 1], {"type": "array", "uniqueItems": True}, "the document is a JSON list of 2; expected array"),
        ({}, {"type": "object", "required": ["a"]}, "a is missing"),
        ({"a": {"b": 1}}, {"properties": {"a": {"additionalProperties": False}}}, "a.b is a field that nobody knows"),
        ({"a": [1, "x"]}, {"properties": {"a": {"items": {"type": "integer"}}}}, 'a.1 is "x"; expected integer'),
        ("x", {"anyOf": [{"enum": ["a"]}, {"enum": ["b"]}]}, "the document is \"x\"; expected 'a' or 'b'"),
        ({"a": 1}, {"anyOf": [{"enum": ["none"]}, {"properties": {"a": {"type": "string"}}}]}, "a is 1; expected string"),
        ("\x1b[2K\n", {"enum": ["a"]}, "the document is \"\\u001b[2K\\n\"; expected 'a'"),
        ({"\x1b": 1}, {"additionalProperties": False}, r"\x1b is a field that nobody knows"),
    ],
)
def test_the_place_that_does_not_fit_is_named(value: Any, shape: dict[str, Any], said: str) -> None:
    assert [str(one) for one in misfits(value, shape)] == [said]
