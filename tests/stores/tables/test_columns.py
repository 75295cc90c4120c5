"""What columns look like: kinds, missing values, and no value that only few people have."""

from __future__ import annotations

import pyarrow as pa
import pytest

from unlearning.domain.errors import DataError
from unlearning.stores.tables import columns

PEOPLE = 12
TABLE = pa.table(
    {
        "who": [f"P-{number}" for number in range(PEOPLE)] * 2,
        "mail": [f"p{number}@example.org" for number in range(PEOPLE)] * 2,
        "age": [30, 40] * PEOPLE,
        "dose": [1.5, None] * PEOPLE,
        "ward": pa.array(["east"] * 11 + ["attic"] + ["west"] * 6 + ["east"] * 6).dictionary_encode(),
        "grade": [1.0, 2.0] * (PEOPLE - 1) + [None, 7.0],
        "smokes": [True, False] * PEOPLE,
        "notes": [["a"], ["b"]] * PEOPLE,
    }
)


def test_every_column_is_described() -> None:
    found = {one.name: (one.kind, one.distinct, one.missing) for one in columns.describe(TABLE)}
    assert found == {
        "who": ("text", 12, 0),
        "mail": ("email", 12, 0),
        "age": ("whole", 2, 0),
        "dose": ("number", 1, 12),
        "ward": ("text", 3, 0),
        "grade": ("number", 3, 1),
        "smokes": ("truth", 2, 0),
        "notes": ("other", 0, 0),
    }


def test_a_value_of_few_people_is_counted_and_not_named() -> None:
    assert columns.values(TABLE, "ward", person="who") == (("east", "west"), 1)
    assert columns.values(TABLE, "grade", person="who") == (("1", "2"), 1)
    assert columns.values(TABLE, "smokes", person="who") == (("False", "True"), 0)


def test_one_person_with_many_rows_is_one_person() -> None:
    table = pa.table({"who": ["a"] * 20 + list("bcdef"), "ward": ["alone"] * 20 + ["shared"] * 5})
    assert columns.values(table, "ward", person="who") == (("shared",), 1)


@pytest.mark.parametrize("record", ["4711", "1980-05-01", "ann@example.org", "", "3,5"])
def test_a_first_line_that_is_a_record_is_refused_without_repeating_it(record: str) -> None:
    with pytest.raises(DataError, match="no header") as refused:
        columns.describe(pa.table({"Anna": ["x"], record: ["y"]}))
    assert "Anna" not in str(refused.value)
    assert not record or record not in str(refused.value)
