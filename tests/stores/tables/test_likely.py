"""Leaving out what surely names nobody changes nothing that is found, however cells are spelled and typed."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import strategies as st

from tests.properties import drawn
from unlearning.domain import hashing
from unlearning.domain.errors import IdentifierError
from unlearning.stores.scans.comparing import tallied
from unlearning.stores.scans.words import Watch
from unlearning.stores.tables.likely import Spelled

KEY = bytes(range(32))
TEXTS = ["ann", " ann ", "Ann", "ann;bob", "joann", "a\u0301nn", "\u00e1nn", "\uff41nn", "ann\x1f", "", "a nn", "bob", "ann\0"]
NUMBERS = [
    "7",
    "007",
    "+7",
    "-7",
    "7.0",
    "7.00",
    " 7 ",
    "70",
    "77",
    "0",
    "00",
    "-0",
    "\u0667",
    "7;8",
    "7.5",
    "12345678901234567890",
]
EMAILS = ["a@x.de", "A@X.DE", " a@x.de", "a@x.de;b@x.de", "aa@x.de", "\u212a@x.de", "k@x.de", "K@x.de", "stra\u00dfe@x.de"]
CELLS = {"text": TEXTS + NUMBERS, "integer": NUMBERS + TEXTS, "email": EMAILS + TEXTS, "phone": ["+49 30", "4930", *NUMBERS]}
WHOLE = st.integers(-(2**63), 2**63 - 1) | st.integers(-130, 130)
TYPES = (
    pa.int64(),
    pa.int8(),
    pa.uint64(),
    pa.float64(),
    pa.string(),
    pa.large_string(),
    pa.binary(),
    pa.dictionary(pa.int8(), pa.string()),
)


def found(column: pa.Array, kind: str, wanted: list[str], *, known: bool) -> tuple[set[str], set[str]]:
    tokens = frozenset(token.hex() for token in hashing.tokens(wanted, kind, keys=[KEY])[0])
    watch = Watch(("person",), kind, KEY, tokens=tokens, identifiers=tuple(wanted) if known else ())
    stream = io.BytesIO()
    pq.write_table(pa.table({"person": column, "other": pa.nulls(len(column), pa.int8())}), stream)
    _, tally = tallied(watch, stream)
    return tally.found, tally.maybe


def usable(values: list[str], kind: str) -> list[str]:
    kept = []
    for one in values:
        try:
            hashing.normalise(one, kind)
        except IdentifierError:
            continue
        kept.append(one)
    return kept


def column_of(values: list[object], kind: pa.DataType) -> pa.Array:
    cells: list[object] = []
    for one in values:
        try:
            cells.append(pa.scalar(one if not pa.types.is_binary(kind) else str(one).encode(), kind).as_py())
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            cells.append(None)
    return pa.array(cells, kind)


@drawn(few=60, many=1500, data=st.data(), kind=st.sampled_from(sorted(CELLS)), type_=st.sampled_from(TYPES))
def test_the_same_people_are_found_with_their_identifiers_and_without(
    data: st.DataObject, kind: str, type_: pa.DataType
) -> None:
    cells = st.sampled_from(CELLS[kind]) | st.text(max_size=4)
    numbers = pa.types.is_integer(type_) or pa.types.is_floating(type_)
    values = data.draw(st.lists(WHOLE if numbers else cells, max_size=12))
    wanted = usable(
        data.draw(st.lists(cells | WHOLE.map(str) | st.sampled_from([str(one) for one in values] or ["7"]), max_size=4)), kind
    )
    column = column_of(list(values), type_)
    assert found(column, kind, wanted, known=True) == found(column, kind, wanted, known=False)


@pytest.mark.parametrize("kind", ["text", "integer", "email"])
def test_it_leaves_out_most_of_those_who_are_not_looked_for(kind: str) -> None:
    everybody = [f"{number}@x.de" if kind == "email" else str(number) for number in range(1000, 3000)]
    tokens = [token.hex() for token in hashing.tokens(everybody[7:8], kind, keys=[KEY])[0]]
    spelled = Spelled.of(everybody[7:8], kind, key=KEY, tokens=tokens)
    assert spelled is not None
    assert spelled.likely(pa.chunked_array([everybody])).to_pylist() == everybody[7:8]


def test_without_everybodys_identifier_nothing_is_left_out() -> None:
    tokens = [token.hex() for token in hashing.tokens(["ann", "bob"], "text", keys=[KEY])[0]]
    assert Spelled.of(["ann"], "text", key=KEY, tokens=tokens) is None
    assert Spelled.of(["ann", "bob", "cem"], "text", key=KEY, tokens=tokens) is not None
    assert Spelled.of(["ann", "x"], "integer", key=KEY, tokens=tokens) is None
