"""However a CSV file is written, its dialect is found from its head."""

from __future__ import annotations

import csv
import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.domain.errors import DataError
from unlearning.stores.tables.dialect import csv_dialect, rows

HEADER = ["patient", "age", "note"]
ROWS = [["zq0001", "31", "well"], ["zq0002", "42", "Zoë, again"], ["007", "5", 'said "no"'], ["zq0004", "6", ""]]


def written(delimiter: str = ",", line_end: str = "\n", quoting: int = csv.QUOTE_MINIMAL, **more: object) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=line_end, quoting=quoting, **more)  # type: ignore[arg-type]
    writer.writerows([HEADER, *ROWS])
    return out.getvalue()


def read(content: bytes) -> list[list[str]]:
    found = csv_dialect(content)
    text = content[len(found.mark) :].decode(found.encoding)
    return list(rows(found.line_end.join(text.split(found.line_end)[found.skipped_lines :]), found))


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "~", "\x01"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_delimiter_line_end_and_encoding_are_found(delimiter: str, line_end: str, encoding: str) -> None:
    content = written(delimiter, line_end).encode(encoding)
    found = csv_dialect(content)
    assert (found.delimiter, found.line_end, found.columns, found.even) == (delimiter, line_end, 3, True)
    assert read(content) == [HEADER, *ROWS]


@pytest.mark.parametrize(
    "before",
    ["\n", "\r\n\r\n", "# made by hand\n", "Report of the clinic\nof, today\n\n", "sep=,\n", "   \n"],
    ids=["blank", "two blank", "comment", "preamble", "told to Excel", "spaces"],
)
def test_what_stands_before_the_header_is_counted(before: str) -> None:
    line_end = "\r\n" if "\r\n" in before else "\n"
    assert read((before + written(line_end=line_end)).encode()) == [HEADER, *ROWS]


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ({"quoting": csv.QUOTE_ALL}, ('"', "")),
        ({"quoting": csv.QUOTE_ALL, "quotechar": "'"}, ("'", "")),
        ({"doublequote": False, "escapechar": "\\"}, ('"', "\\")),
    ],
    ids=["all", "single", "escaped"],
)
def test_quotes_and_escapes_are_found(style: dict[str, object], expected: tuple[str, str]) -> None:
    content = written(**style).encode()  # type: ignore[arg-type]
    found = csv_dialect(content)
    assert (found.quote, found.escape) == expected
    assert read(content) == [HEADER, *ROWS]


@pytest.mark.parametrize(
    "text", ["", "\n\n", "one column\nonly\n", "Dear all, this is a text.\nIt has, now and then, a comma.\nBye.\n"]
)
def test_a_text_that_is_no_table_has_one_column_or_uneven_rows(text: str) -> None:
    found = csv_dialect(text.encode())
    assert found.columns == 1 or not found.even


@pytest.mark.parametrize("content", [b"\x93NUMPY\x01\x00" * 9, b"PAR1\x15\x04\x15", b"\x80\x04\x95\x00\x01"])
def test_what_is_no_text_is_refused_without_quoting_it(content: bytes) -> None:
    with pytest.raises(DataError, match="no text"):
        csv_dialect(content)


def test_a_head_may_end_in_the_middle_of_a_row_or_of_a_character() -> None:
    whole = (written() + "".join(f"zq{number:04d},5,Zoë\n" for number in range(20_000))).encode()
    for cut in (*range(65_530, 65_545), len(whole)):
        found = csv_dialect(whole[:cut])
        assert (found.delimiter, found.columns, found.even, found.encoding) == (",", 3, True, "utf-8")


cells = st.text(st.sampled_from("abcë 019'\"-.;,\t|\n"), max_size=6)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 99), cells), min_size=3, max_size=12), st.sampled_from(",;\t|"))
def test_the_delimiter_of_a_well_written_table_is_never_mistaken_for_fewer_columns(
    table: list[tuple[int, int, str]], delimiter: str
) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows([HEADER, *table])
    found = csv_dialect(out.getvalue().encode())
    assert found.columns >= 3
    assert itertools.islice(rows(out.getvalue(), found), 1)
