"""Identifiers in bytes, however they are encoded and wherever a chunk ends."""

from __future__ import annotations

import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.domain.errors import IdentifierError
from unlearning.stores.scans import raw_bytes

PERSON = "Zoë-4711"


def wanted(*identifiers: str) -> re.Pattern[bytes]:
    found = raw_bytes.pattern(identifiers)
    assert found is not None
    return found


class InPieces(io.BytesIO):
    """A stream that gives what it holds in pieces of a few bytes, as an object store may."""

    def __init__(self, content: bytes, size: int) -> None:
        super().__init__(content)
        self.size = size

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(self.size, size) if size and size > 0 else self.size)


@pytest.mark.parametrize(
    "spelled",
    ["Zo\\u00eb-4711", "Zo\\u00EB-4711", "Zo\\xeb-4711", "Zo\\xEB-4711", "Zoe\u0308-4711", "Zoe\\u0308-4711"],
)
def test_an_identifier_is_found_however_it_is_escaped_or_composed(spelled: str) -> None:
    assert raw_bytes.occurs(io.BytesIO(f"\0\1{spelled}\0".encode()), wanted(PERSON))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "cp1252", "latin-1"])
def test_an_identifier_is_found_in_every_encoding_that_arrays_and_files_use(encoding: str) -> None:
    content = b"\0\1" + PERSON.encode(encoding) + b"\0\2"
    assert raw_bytes.occurs(io.BytesIO(content), wanted(PERSON))


def test_an_identifier_is_found_as_python_and_json_escape_it() -> None:
    latin, beyond = "Zoë-4711", "Łuk-4711"
    assert raw_bytes.occurs(io.BytesIO(ascii(latin).encode()), wanted(latin))
    assert raw_bytes.occurs(io.BytesIO(json.dumps(beyond).encode()), wanted(beyond))


@pytest.mark.parametrize("beside", ["7", "a", "Z"])
def test_a_longer_word_is_somebody_else(beside: str) -> None:
    for text in (f"MRN-4711{beside}", f"{beside}MRN-4711"):
        assert not raw_bytes.occurs(io.BytesIO(text.encode()), wanted("MRN-4711"))


def test_a_full_stop_or_another_sign_beside_it_is_no_part_of_a_word() -> None:
    for text in ("MRN-4711.", "(MRN-4711)", "MRN-4711", "MRN-471!MRN-4711"):
        assert raw_bytes.occurs(io.BytesIO(text.encode()), wanted("MRN-4711")), text


def test_signs_that_mean_something_to_a_pattern_mean_themselves() -> None:
    assert raw_bytes.occurs(io.BytesIO(b"it is a.b*c|d"), wanted("a.b*c|d"))
    assert not raw_bytes.occurs(io.BytesIO(b"it is axbbc or d"), wanted("a.b*c|d"))


def test_nobody_is_no_pattern_and_a_short_identifier_is_refused_without_being_repeated() -> None:
    assert raw_bytes.pattern([]) is None
    with pytest.raises(IdentifierError, match="fewer than 4") as caught:
        raw_bytes.pattern([PERSON, "xyz"])
    assert "xyz" not in str(caught.value)


words = st.lists(st.sampled_from(["MRN-4711", "MRN-47112", "xMRN-4711", "MRN", " ", "-", "4711", ","]), max_size=8)


@given(pieces=words, size=st.integers(1, 40))
def test_it_makes_no_difference_in_what_pieces_a_stream_is_read(pieces: list[str], size: int) -> None:
    content, pattern = "".join(pieces).encode(), wanted("MRN-4711")
    assert raw_bytes.occurs(InPieces(content, size), pattern) == (pattern.search(content) is not None)
