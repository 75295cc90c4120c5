"""Who is in a table, whatever it is called and however it is written."""

from __future__ import annotations

import pyarrow as pa

from unlearning.domain import hashing
from unlearning.stores.tables import people

KEY = bytes(32)


def test_rows_that_name_somebody_in_whatever_column_are_told_apart_from_the_others():
    table = pa.table(
        {
            "who": ["zq0001", "zq0002", None, "zq0001 too"],
            "friend": pa.array(["zq0003", "zq0001", "zq0003", None]).dictionary_encode(),
            "visits": [["zq0001"], [], [], []],
            "age": [1.5, 2.0, None, 4.0],
            "nothing": pa.nulls(4),
            "view": pa.array(["a", "b", "c", "d"], pa.string_view()),
            "half": pa.array([1, 2, 3, 4], pa.float16()),
        }
    )
    wanted = frozenset({hashing.token(KEY, "zq0001", "text")})
    assert people.rows_naming(table, wanted, kind="text", key=KEY).tolist() == [True, True, False, False]
    numbers = pa.table({"n": pa.array([4711, 4712, None], pa.int64()), "x": pa.array([1.0, 4711.0, 4711.5])})
    wanted = frozenset({hashing.token(KEY, "4711", "integer")})
    assert people.rows_naming(numbers, wanted, kind="integer", key=KEY).tolist() == [True, True, False]
