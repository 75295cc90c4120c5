"""Rows of a CSV are read block by block, and a line that is no row is a text."""

from __future__ import annotations

import io

import pytest

from unlearning.stores.tables import cells
from unlearning.stores.tables.dialect import csv_dialect
from unlearning.stores.tables.forms import delimited
from unlearning.stores.tables.pieces import Aside, Piece, Rows, Text


def pieces(content: bytes) -> list[Piece]:
    dialect = csv_dialect(content[: 1 << 16])
    return list(delimited.csv(io.BytesIO(content), dialect, delimited.header(content[: 1 << 16], dialect), lambda _: [0]))


def people(found: list[Piece]) -> set[object]:
    return {one for piece in found if isinstance(piece, Rows) for one in cells.distinct(piece.columns[0], piece.encodings)}


def text(found: list[Piece]) -> str:
    return "\n".join(piece.text for piece in found if isinstance(piece, Text))


def test_a_preamble_goes_aside() -> None:
    found = pieces(b"# for ann\nwho,x\nbob,1\ncid,2\n")
    assert people(found) == {"bob", "cid"}
    assert [piece.text.strip() for piece in found if isinstance(piece, Aside)] == ["# for ann"]


def test_a_row_of_another_width_is_a_text() -> None:
    found = pieces(b"who,x\n" + b"bob,1\n" * 20 + b"ann\nann,1,2\n")
    assert people(found) == {"bob"}
    assert text(found).split() == ["ann", "ann,1,2"]


def test_rows_that_a_quote_swallows_are_a_text() -> None:
    found = pieces(b"who,x\n" + b"bob,1\n" * 20 + b'cid,"2\nann,3\ndan,4\n')
    assert "ann" in text(found)


def test_a_cell_of_several_lines_is_a_cell() -> None:
    assert not text(pieces(b'who,x\nbob,"one\ntwo"\ncid,"a, b\nc"\n' + b"dan,1\n" * 9))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "utf-32", "cp1252"])
def test_names_with_marks_are_read_in_every_encoding(encoding: str) -> None:
    assert "Zoë" in people(pieces(("who;x\r" + "Zoë;1\rann;2\r" * 9).encode(encoding)))


def test_one_odd_byte_late_in_a_file_hides_nobody() -> None:
    assert people(pieces(b"who,x\n" + b"bob,1\n" * 50_000 + b"Zo\xeb,1\nann,2\n")) == {"bob", "Zoë", "ann"}
