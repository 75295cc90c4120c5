"""Columns of every type are taken apart into what may name somebody."""

from __future__ import annotations

import datetime
import decimal
import uuid

import pyarrow as pa
import pytest

from unlearning.stores.tables import cells

ONE = uuid.UUID(int=4711)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([4711, None]), {4711}),
        (pa.array([4711.0, 0.5, float("nan")]), {4711, 0.5}),
        (pa.array([4711.0], pa.float16()), {4712}),
        (pa.array([decimal.Decimal("4711.00")]), {4711}),
        (pa.array([b"ann", "Zoë".encode("cp1252")]), {"ann", "Zoë"}),
        (pa.array([ONE.bytes], pa.binary(16)), {str(ONE)}),
        (pa.array(["ann"], pa.string_view()), {"ann"}),
        (pa.array(["ann"], pa.large_string()), {"ann"}),
        (pa.DictionaryArray.from_arrays(pa.array([0]), pa.array(["ann", "spare"])), {"ann", "spare"}),
        (pa.array([["ann"], [], None, ["bob"]]), {"ann", "bob"}),
        (pa.array([{"a": "ann", "b": [1]}]), {"ann", 1, "a", "b"}),
        (pa.array([[("ann", 1)]], pa.map_(pa.string(), pa.int64())), {"ann", 1}),
        (pa.array([True]), set()),
        (pa.nulls(2), set()),
        (pa.array([datetime.date(1970, 1, 18)]), {17}),
        (pa.array([17], pa.duration("s")), {17}),
        (pa.RunEndEncodedArray.from_arrays([2], ["ann"]), {"ann"}),
        (pa.chunked_array([["ann"], ["bob"]]), {"ann", "bob"}),
        (["ann", None, 17.0, {"k": ["bob"]}], {"ann", 17, "k", "bob"}),
    ],
    ids=lambda value: str(value.type) if hasattr(value, "type") else type(value).__name__,
)
def test_every_value_is_there(column: object, expected: set[object]) -> None:
    found = set(cells.distinct(column))
    assert expected <= found
    assert found - expected <= {"\0" * 14 + "\x12g"}


def test_a_cell_may_name_several_and_several_columns_one() -> None:
    assert set(cells.people([pa.array(["ann;bob", "cid"])])) == {"ann;bob", "ann", "bob", "cid"}
    assert set(cells.people([pa.array(["n", None]), pa.array([4711.0, 1.0])])) == {"n\x1f4711"}
    assert set(cells.people([pa.array([b"n"]), [1]])) == {"n\x1f1"}


def test_positions_are_those_of_every_column_of_the_name() -> None:
    assert cells.positions(["p", "x", "p"], ["p"]) == [(0,), (2,)]
    assert cells.positions(["p", "c"], ["c/p", "x"]) == [(1, 0)]


def test_a_number_of_4400_digits_is_nobody() -> None:
    assert list(cells.fingerprints(["9" * 4400, "17"], "integer")) != []
