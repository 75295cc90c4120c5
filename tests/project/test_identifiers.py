"""Files of identifiers: one a line or a column of a CSV, whatever they are written with; nothing else becomes a person."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.domain.errors import IdentifierError, NotFound
from unlearning.domain.spellings import Given
from unlearning.project.identifiers import parse, read


def places(found: list[Given]) -> list[tuple[str, str]]:
    return [(str(one), one.place) for one in found]


# --- one a line ------------------------------------------------------------------------------------------------------


def test_one_identifier_a_line_whatever_ends_the_line() -> None:
    content = "\ufeffann-1\r\n\n  Zoë van 4 Holm \rbob-2".encode()
    assert places(parse(content, "list")) == [
        ("ann-1", "line 1 of list"),
        ("Zoë van 4 Holm", "line 3 of list"),
        ("bob-2", "line 4 of list"),
    ]


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"])
def test_only_what_ends_a_line_in_a_text_file_ends_an_identifier(sign: str) -> None:
    assert parse(f"ann{sign}1\nbob2\n".encode(), "list") == [f"ann{sign}1", "bob2"]
    assert parse(f"ann1{sign}\n".encode(), "list") == [f"ann1{sign}"]


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_every_line_is_one_identifier_and_knows_its_number(lines: list[str]) -> None:
    wanted = [(one.strip(" \t"), f"line {n} of list") for n, one in enumerate(["7", *lines], 1) if one.strip(" \t")]
    content = "\ufeff{}".format("\n".join(["7", *lines])).encode()
    assert places(parse(content, "list")) == wanted


@pytest.mark.parametrize("name", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_says_the_encoding(name: str) -> None:
    assert parse("4711\nzoë-2\n".encode(name), "list") == ["4711", "zoë-2"]


@pytest.mark.parametrize(("content", "says"), [(b"", "no identifier"), (b"\n \n", "no identifier"), (b"ann\nm\xfcl", "byte 5")])
def test_a_list_that_cannot_be_read_is_named_and_none_of_it_repeated(content: bytes, says: str) -> None:
    with pytest.raises(IdentifierError, match=says) as caught:
        parse(content, "leavers.txt")
    assert "leavers.txt" in str(caught.value)
    assert "ann" not in str(caught.value)


def test_what_is_no_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="one identifier a line"):
        read(tmp_path / "nowhere.txt")
    with pytest.raises(IdentifierError, match="is a folder"):
        read(tmp_path)


@pytest.mark.parametrize(
    "first",
    [
        "patient",
        "Patient",
        "patient_id",
        "PatientID",
        "e-mail",
        "Customer Number",
        "user;name",
        '"id"',
        "left on,clinic/patient",
    ],
)
def test_a_heading_becomes_no_person(first: str) -> None:
    with pytest.raises(IdentifierError, match="line 1 of list reads like a heading"):
        parse(f"{first}\n4711\n".encode(), "list", known=["clinic/patient"])


def test_a_heading_in_any_language_shows_by_what_is_below_it() -> None:
    with pytest.raises(IdentifierError, match="heading"):
        parse(b"Kundennummer\n4711\n4712\n", "list")
    assert parse(b"ann\nbob\ncid\n", "list") == ["ann", "bob", "cid"]
    assert parse(b"ann\nbob-2\n", "list") == ["ann", "bob-2"]


# --- a column of a CSV -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_column_is_read_and_the_line_is_that_of_the_file(delimiter: str) -> None:
    rows = [["left on", "patient"], ["May", '"P, 1;2"'], [], ['"two\nlines"', "P-2"], ["June", " P-3 "]]
    content = "\r\n".join(delimiter.join(row) for row in rows).encode("utf-16")
    assert places(parse(content, "list", column="patient")) == [
        ("P, 1;2", "line 2 of list"),
        ("P-2", "line 4 of list"),
        ("P-3", "line 6 of list"),
    ]


def test_people_whom_two_columns_name_are_read_from_both() -> None:
    assert parse(b"patient,clinic\n7,north/east\n", "list", column="clinic/patient") == ["north/east\x1f7"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("who,when\nann,May\n", "no column 'patient'"),
        ("patient,patient\nann,bob\n", "two of that name"),
        ("patient,when\nann\n", "line 2 of list has 1 cells"),
        ("patient,when\nbob,May\n,May\n", "line 3 of list"),
        ("patient,when\nbob,May,June\n", "line 2 of list has 3 cells"),
        ('patient,when\n"ann,May\n', "no line of a CSV"),
        ("patient,when\n", "no identifier"),
        ("", "no column"),
    ],
)
def test_a_csv_that_names_nobody_in_some_line_is_refused_by_the_line(content: str, says: str) -> None:
    with pytest.raises(IdentifierError, match=says) as caught:
        parse(content.encode(), "list", column="patient")
    assert "ann" not in str(caught.value)
