"""Who is in a table, whatever it is called and however it is written."""

from __future__ import annotations

import io

import pytest

from unlearning.domain import hashing
from unlearning.domain.errors import DataError
from unlearning.stores.tables import people

KEY = bytes(32)


def tokens(content: bytes, *columns: str) -> frozenset[str] | None:
    return people.tokens(io.BytesIO(content), columns or ("patient",), kind="text", key=KEY)


def of(*names: str) -> frozenset[str]:
    return frozenset(hashing.token(KEY, name, "text") for name in names)


def test_everyone_in_the_rows_is_there_and_nobody_else():
    assert tokens(b"patient,age\nann,1\n\nbob,2\nann,3\n") == of("ann", "bob")
    assert tokens(b"patient;age\rann;1\rbob;2\r") == of("ann", "bob")


def test_a_person_whom_two_columns_name_is_one():
    assert tokens(b"clinic,patient\nn,1\nm,1\n", "clinic/patient") == of("n\x1f1", "m\x1f1")


def test_what_has_no_person_column_is_no_table_of_people():
    assert tokens(b"who,age\nann,1\n") is None
    assert tokens(b"just a text") is None


def test_one_line_longer_than_any_header_is_no_table():
    assert tokens(b'{"rows": "' + b"x" * 200_000 + b'"}') is None


@pytest.mark.parametrize("rest", [b'"ann,1\nbob,2\n', b"ann,1\nbob\n", b"ann,1\nbob,2,3\n", b'ann,"1\nbob,2\ncid,3\n'])
def test_lines_that_are_no_rows_are_no_table_without_people(rest):
    with pytest.raises(DataError):
        tokens(b"patient,age\n" + rest)
