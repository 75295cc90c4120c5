"""JSON of strangers."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.entrypoints.intake import reading
from unlearning.entrypoints.intake.reading import Unacceptable


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused_and_never_repeated(raw: bytes) -> None:
    with suppress(Unacceptable):
        reading.json_of(raw)


@pytest.mark.parametrize(("depth", "fine"), [(reading.DEEPEST - 1, True), (reading.DEEPEST + 1, False), (100_000, False)])
def test_nesting_has_a_bound(depth: int, fine: bool) -> None:
    raw = b"[" * depth + b"]" * depth
    if fine:
        reading.json_of(raw)
    else:
        with pytest.raises(Unacceptable, match="nested"):
            reading.json_of(raw)


def test_fields_are_of_their_kind() -> None:
    found: dict[str, Any] = {"a": "x", "n": None, "i": 1, "l": [1], "e": [], "long": "x" * 3_000}
    assert (reading.text(found, "a"), reading.text(found, "n"), reading.items(found, "l", most=1)) == ("x", None, [1])
    for wrong in (
        lambda: reading.text(found, "i"),
        lambda: reading.text(found, "long"),
        lambda: reading.required(found, "n"),
        lambda: reading.flag(found, "i"),
        lambda: reading.items(found, "e", most=1),
        lambda: reading.fields([], "it"),
        lambda: reading.fields(found, "it", ("a",)),
        lambda: reading.identifier(1.5, "it"),
    ):
        with pytest.raises(Unacceptable):
            wrong()
