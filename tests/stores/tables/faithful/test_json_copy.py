"""JSON in the forms that tables have: spans are cut, nothing is written anew."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.domain.errors import DataError
from unlearning.stores.tables.faithful import json_copy

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.lists(st.integers(), max_size=2)
)


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, int]:
    """A table of at least three columns, as pandas or a program writes it."""
    rows = draw(st.integers(1, 6).filter(lambda count: count != 3))
    columns = {name: [draw(VALUES) for _ in range(rows)] for name in ("who", "a", "b")}
    records = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    indent = draw(st.sampled_from([None, 1, 4]))
    document = draw(
        st.sampled_from(
            [
                records,
                columns,
                {"columns": list(columns), "index": list(range(rows)), "data": [list(one.values()) for one in records]},
                {name: {str(row): value for row, value in enumerate(values)} for name, values in columns.items()},
                {str(row): one for row, one in enumerate(records)},
            ]
        )
    )
    if rows > 1 and draw(st.booleans()):  # one line alone may be a table by columns as well
        return "".join(json.dumps(one) + draw(st.sampled_from(["\n", "\r\n", "\n\n"])) for one in records).encode(), rows
    return json.dumps(document, indent=indent).encode(draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))), rows


@given(file=files(), data=st.data())
def test_two_redactions_are_one(file: tuple[bytes, int], data: st.DataObject) -> None:
    raw, rows = file
    masks = st.lists(st.booleans(), min_size=rows, max_size=rows).map(np.array)
    first, second = data.draw(masks), data.draw(masks)
    once = json_copy.subset(raw, first & second, "t.json")
    try:
        twice = json_copy.subset(json_copy.subset(raw, first, "t.json"), second[first], "t.json")
    except DataError:  # as many rows are left as there are columns
        return
    assert once == twice


def test_the_spelling_of_numbers_the_order_of_keys_and_the_spaces_stay() -> None:
    raw = b'[ {"b": 1.50,  "a": 1e2},\n  {"a": 2},\n\n  {"a": 3.0000000000000000001 } ]\n'
    assert json_copy.subset(raw, np.array([True, False, True]), "t") == (
        b'[ {"b": 1.50,  "a": 1e2},\n\n  {"a": 3.0000000000000000001 } ]\n'
    )


def test_what_has_as_many_rows_as_columns_is_told_by_its_numbered_rows_or_refused() -> None:
    frame = pd.DataFrame({"who": ["p0", "p1"], "x": [1, 2]})
    keep = np.array([True, False])
    for orient in ("columns", "index"):
        assert b"p1" not in json_copy.subset(frame.to_json(orient=orient).encode(), keep, "t.json")
    named = frame.set_index(pd.Index(["r0", "r1"])).to_json().encode()
    with pytest.raises(DataError, match="as many columns as rows"):
        json_copy.subset(named, keep, "t.json")


@pytest.mark.parametrize(
    "text",
    [
        '"text"',
        "17",
        '{"a": 1, "b": [1, 2]}',
        '{"a": [1, 2], "a": [3, 4]}',
        '{"a": [1], "b": [1, 2]}',
        "[1, 2",
        '{"x": [1, 2]} rest',
        "[1, 2]]",
    ],
)
def test_what_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(DataError):
        json_copy.subset(text.encode(), np.array([True, False]), "t.json")


@pytest.mark.parametrize(
    ("text", "json_like"),
    [
        ('[{"a": 1}]', True),
        ('{"a": 1}\n{"a": 2}', True),
        ("[]", True),
        ("[1] note,who\n", False),
        ("{curly},who\n", False),
        ("who,a\n", False),
    ],
)
def test_a_text_of_no_telling_name_is_told_by_how_it_begins(text: str, json_like: bool) -> None:
    assert json_copy.looks_like(text.encode()) is json_like
