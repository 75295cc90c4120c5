"""In which encoding a text is: what the mark says, what the bytes show, and otherwise every likely one."""

from __future__ import annotations

import gzip
import random

import pytest

from unlearning.stores.tables.encoding import decoded, encoding

OTHERS = {"cp1251": "пациент-4711", "shift_jis": "患者-4711", "gb18030": "患者-4711", "iso8859-2": "Žofie-4711"}
TEXT = "patient;note\nZoë-4711;“größer” – naïve\n" * 5


@pytest.mark.parametrize("name", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_unicode_is_known_with_and_without_a_mark(name: str) -> None:
    content = TEXT.encode(name)
    found = encoding(content)
    assert found is not None
    assert content[len(found.mark) :].decode(found.name) == TEXT
    assert len(found.names) == 1


@pytest.mark.parametrize("name", ["cp1252", "latin-1", "cp1251", "shift_jis", "gb18030", "cp437", "mac_roman", "iso8859-2"])
def test_the_true_encoding_is_among_the_candidates_or_spells_the_same(name: str) -> None:
    text = OTHERS.get(name, "Zoë-4711")
    content = (text + "\n") * 20
    found = encoding(content.encode(name))
    assert found is not None
    assert text in decoded(text.encode(name), found.names)


def test_plain_letters_are_the_same_in_every_candidate() -> None:
    found = encoding("Zoë is MRN-4711\n".encode("cp1252"))
    assert found is not None
    assert decoded(b"MRN-4711", found.names) == ("MRN-4711",)


def test_one_odd_byte_in_a_long_text_is_read_as_well() -> None:
    assert decoded("Zoë".encode("cp1252"), ("utf-8",)) == ("Zoë",)
    assert decoded(b"\x81", ("utf-8",)) == ("\x81",)


@pytest.mark.parametrize("seed", range(20))
def test_bytes_are_no_text(seed: int) -> None:
    noise = random.Random(seed).randbytes(5000)
    assert encoding(noise) is None
    assert encoding(gzip.compress(noise)) is None
    assert encoding(bytes(100)) is None


def test_nothing_is_an_empty_text() -> None:
    assert encoding(b"") is not None
