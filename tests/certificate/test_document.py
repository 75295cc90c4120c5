"""Documents that somebody else wrote: read strictly, and what is missing is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.certificate.document import Document, each, expecting, parse
from unlearning.domain.errors import VerificationFailed

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(texts, values, max_size=4))
def test_every_json_object_comes_back_as_it_was(content: dict[str, Any]) -> None:
    assert parse(json.dumps(content).encode(), "it").said == content


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "it is not JSON"),
        (b"{}x", "it is not JSON"),
        ("{}".encode("utf-16"), "it is not JSON"),
        (b'{"a": "\\ud800"}', "it is not JSON"),
        (b'{"a": 1e400}', "larger than any"),
        (b'{"a": -1e400}', "larger than any"),
        (b'{"a": ' + b"9" * 4400 + b"}", "thousands of digits"),
        (b'{"a": "\\udc00\\ud800"}', "surrogate"),
        (b'{"\\ud800": 1}', "surrogate"),
        (b"[" * 100_000, "nested more than 32 deep"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "nested more than 32 deep"),
        (b'{"a": ' + b"[" * 33 + b"]" * 33 + b"}", "nested more than 32 deep"),
        (b"[]", "it is a JSON list"),
        (b"null", "it is a JSON NoneType"),
        (b'{"a": 1, "a": 1}', "stands twice"),
        (b'{"a": {"b": 1, "\\u0062": 2}}', "stands twice"),
        (b'{"a": -Infinity}', "-Infinity is no JSON number"),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(VerificationFailed, match=why):
        parse(raw, "it")


def test_what_stands_under_a_path_is_found_and_what_does_not_is_named() -> None:
    document = Document({"a": {"b": [1, {"c": None}]}, "other": 2})
    assert document.at("a.b") == [1, {"c": None}]
    assert [one.said for one in each(document.at("a.b"))] == [1, {"c": None}]
    assert document.get("none") is None
    for path in ("a.c", "a.b.c", "other.a", "b"):
        with pytest.raises(VerificationFailed, match=f"no field {path};"):
            document.at(path)


@pytest.mark.parametrize("read", [lambda d: d["b"], lambda d: d["a"]["c"], lambda d: d["a"].lower(), lambda d: int(d["a"][0])])
def test_reading_more_than_is_there_is_a_failure_of_the_document(read: Any) -> None:
    with pytest.raises(VerificationFailed, match="malformed where its dates are"), expecting("its dates are"):
        read(Document({"a": ["x"]}))


def test_a_bug_stays_a_bug() -> None:
    with pytest.raises(ZeroDivisionError), expecting("anything is"):
        raise ZeroDivisionError
