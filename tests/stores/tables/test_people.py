"""Who is in a table, whatever it is called and however it is written."""

from __future__ import annotations

import io

import pyarrow as pa
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


def test_rows_that_name_somebody_in_whatever_column_are_told_apart_from_the_others():
    table = pa.table(
        {
            "who": ["zq0001", "zq0002", None, "zq0001 too"],
            "friend": pa.array(["zq0003", "zq0001", "zq0003", None]).dictionary_encode(),
            "visits": [["zq0001"], [], [], []],
            "age": [1.5, 2.0, None, 4.0],
        }
    )
    wanted = frozenset({hashing.token(KEY, "zq0001", "text")})
    assert people.rows_naming(table, wanted, kind="text", key=KEY).tolist() == [True, True, False, False]
    numbers = pa.table({"n": pa.array([4711, 4712, None], pa.int64()), "x": pa.array([1.0, 4711.0, 4711.5])})
    wanted = frozenset({hashing.token(KEY, "4711", "integer")})
    assert people.rows_naming(numbers, wanted, kind="integer", key=KEY).tolist() == [True, True, False]
