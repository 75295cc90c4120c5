"""Texts come in pieces that cut no word, under every encoding that they may be in."""

from __future__ import annotations

import io

import pytest

from unlearning.stores.tables.dialect import csv_dialect
from unlearning.stores.tables.forms import texts
from unlearning.stores.tables.pieces import Text, Unread


def read(content: bytes) -> list[str]:
    return [piece.text for piece in texts.text(io.BytesIO(content), csv_dialect(content[: 1 << 16])) if isinstance(piece, Text)]


@pytest.mark.parametrize("between", ["\n", "\r", " "])
def test_no_word_is_cut(between: str) -> None:
    words = [f"MRN-{number:07d}" for number in range(250_000)]
    found = read(between.join(words).encode())
    assert len(found) > 1
    assert set().union(*(piece.split() for piece in found)) == set(words)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "cp1252", "latin-1"])
def test_a_name_is_there_in_its_encoding(encoding: str) -> None:
    assert any("Zoë is here" in piece for piece in read(("Zoë is here. " * 20 + "\n").encode(encoding)))


def test_a_line_in_another_encoding_is_read_as_well() -> None:
    assert "Zoë" in "".join(read(b"plain\n" * 20_000 + "Zoë".encode("cp1252") + b"\nplain\n"))


def test_a_text_that_turns_into_bytes_is_unread() -> None:
    content = b"#!/bin/sh\n" * 10_000 + bytes(range(256))
    assert isinstance(list(texts.text(io.BytesIO(content), csv_dialect(content[: 1 << 16])))[-1], Unread)


def test_tables_of_a_page_have_the_names_of_their_columns() -> None:
    (one,) = texts.html_tables(
        "<table><tr><th></th><th>who</th></tr><tr><th>0</th><td>a&#110;n</td></tr></table><table></table>"
    )
    assert (one.names, one.columns[1]) == (("", "who"), ["ann"])
