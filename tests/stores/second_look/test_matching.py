"""Who is named in bytes and in cells, by code that the sweep does not use."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from mmap import ACCESS_READ, mmap
from tempfile import TemporaryFile

import pytest
from hypothesis import strategies as st

from tests.properties import drawn
from unlearning.domain import hashing
from unlearning.stores.second_look import matching, opening
from unlearning.stores.second_look.matching import Wanted

KEY = bytes(32)
SPLITTING = r"\s,;|\"'`<>()\[\]{}=\\\ufffd"


def wanted(*people: str, kind: str = "text", raw: bool = False) -> Wanted:
    tokens = frozenset(hashing.token(KEY, one, kind) for one in people)
    return Wanted(tokens, kind, KEY, ("patient",), people if raw else ())


@pytest.mark.parametrize("raw", [True, False], ids=["identifier", "token"])
@pytest.mark.parametrize(
    ("kind", "person", "text"),
    [
        ("text", "Zq-9999", "it is Zq-9999."),
        ("text", "Zq-9999", "path/Zq-9999.png"),
        ("text", "Zq-9999", 'x="Zq-9999";'),
        ("integer", "100042", "patient=100042, age 50"),
        ("integer", "100042", "[100042,7]"),
        ("email", "ann@example.org", "To: <ann@example.org>"),
    ],
)
def test_a_person_is_found_as_a_word(kind: str, person: str, text: str, raw: bool) -> None:
    assert wanted(person, kind=kind, raw=raw).in_bytes(text.encode())
    assert wanted(person, kind=kind, raw=raw).in_bytes(b"\0\1\2" + text.encode() + b"\0")
    assert not wanted(person, kind=kind, raw=raw).in_bytes(b"nobody, 1000423, Zq-99991, joann@example.orgs")


def test_what_is_spelled_otherwise_is_found_by_token() -> None:
    assert wanted("ann@example.org", kind="email").in_bytes(b"ANN@Example.org")
    assert wanted("100042", kind="integer").in_bytes(b"100042.0")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_with_the_identifier_any_width_of_text_counts(encoding: str) -> None:
    assert wanted("Zq-9999", raw=True).in_bytes("see Zq-9999 there".encode(encoding))


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_with_the_identifier_base64_and_escapes_count(before: str) -> None:
    assert wanted("Zq-canary-9999", raw=True).in_bytes(base64.b64encode(f"{before}Zq-canary-9999 and more".encode()))
    assert wanted("zoë-4711", raw=True).in_bytes(json.dumps("of zoë-4711").encode())


@pytest.mark.parametrize("person", ["17", "ann", "positive"])
def test_what_any_text_may_hold_by_chance_counts_only_in_a_person_column(person: str) -> None:
    for raw in (True, False):
        assert not wanted(person, raw=raw).in_bytes(f"about {person} here".encode())
        assert wanted(person, raw=raw).in_cells([person, "other"])
        assert not wanted(person, raw=raw).in_cells(["other"])


LETTERS = [*(bytes([one]) for one in b'aZ7@- \n\0\x7f"'), *(one.encode() for one in "é€😀٣")]
BROKEN = [b"\x80", b"\xc3", b"\xe2\x82", b"\xf0\x9f", b"\xff", "\ufffd".encode(), "\x85".encode()]
ANYTHING = st.lists(st.sampled_from(LETTERS * 3 + BROKEN), max_size=80).map(b"".join)


@drawn(few=200, many=5000, content=ANYTHING, window=st.sampled_from([1, 7, 4096]))
def test_the_words_of_anything_are_those_of_each_text_in_it(content: bytes, window: int) -> None:
    """Which is what stands between bytes that are in no text."""
    texts = re.findall(rb"[\x20-\x7e\x80-\xff]{6,}", content)
    expected = [word for text in texts for word in re.findall(f"[^{SPLITTING}]{{6,}}", text.decode("utf-8", "replace"))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "WINDOW", window)
        assert list(matching._words(content)) == expected


def test_an_identifier_is_in_no_log_of_it() -> None:
    assert "Zq-9999" not in repr(wanted("Zq-9999", raw=True))


@drawn(few=40, many=400, before=st.integers(0, 9000), after=st.integers(0, 9000), there=st.booleans())
def test_a_window_s_edge_hides_nobody_in_a_file_that_is_mapped(before: int, after: int, there: bool) -> None:
    content = b"\0" * before + (b"zq-canary-9999" if there else b"zq-canary-999\0") + b"\0" * after
    with TemporaryFile() as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "WINDOW", 4096)
        patch.setattr(opening, "WINDOW", 4096)
        file.write(content)
        file.flush()
        with mmap(file.fileno(), 0, access=ACCESS_READ) as mapped:
            for one in (content, mapped):
                assert wanted("zq-canary-9999", raw=True).in_bytes(one) == there
                assert opening.digest(one) == hashlib.sha256(content).hexdigest()
