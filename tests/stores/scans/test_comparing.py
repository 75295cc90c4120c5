"""Pieces are compared as they are, the weakest decides, and values that were met are not compared again."""

from __future__ import annotations

import io
import json
import time

import pyarrow as pa
import pytest

from unlearning.domain import hashing
from unlearning.stores.scans.comparing import Tally, tallied
from unlearning.stores.scans.words import Watch
from unlearning.stores.tables.pieces import Aside, Rows, Scalars, Text, Unread

KEY = bytes(32)


def watch(*people: object, kind: str = "integer", columns: tuple[str, ...] = ("patient",), **more: object) -> Watch:
    return Watch(columns, kind, KEY, frozenset(hashing.token(KEY, one, kind) for one in people), **more)  # type: ignore[arg-type]


def said(tally: Tally) -> tuple[bool, bool]:
    return bool(tally.found), bool(tally.maybe)


@pytest.mark.parametrize("value", [17, 17.0, "17", " 17 ", b"17", pa.scalar(17, pa.decimal128(9, 2)).as_py()])
def test_a_short_number_counts_as_a_whole_cell_and_under_the_person_s_name(value: object) -> None:
    loose, named = Tally(watch(17)), Tally(watch(17))
    loose.add(Rows(("x",), {0: [value]}))
    named.add(Scalars([("patient", value)]))
    assert (said(loose), said(named)) == ((False, True), (True, False))


def test_in_a_table_of_people_other_columns_count_only_when_asked() -> None:
    rows = Rows(("patient", "by"), {0: pa.array([1, 2]), 1: pa.array([100042, 100043])})
    brief, thorough = Tally(watch(100042)), Tally(watch(100042), thorough=True)
    brief.add(rows)
    thorough.add(rows)
    assert (said(brief), said(thorough)) == ((False, False), (False, True))
    assert brief.compared == thorough.compared == "people"


def test_the_weakest_piece_decides() -> None:
    tally = Tally(watch(17))
    for piece, compared in (
        (Rows(("patient",), {0: [1]}), "people"),
        (Aside("x"), "people"),
        (Scalars([("x", 1)]), "cells"),
        (Text("x"), "words"),
        (Unread("pickle", "no reader knows its form"), "nothing"),
        (Rows(("patient",), {0: [1]}), "nothing"),
    ):
        tally.add(piece)
        assert tally.compared == compared
    assert tally.why == "no reader knows its form"


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1e18, 1.0]),
        pa.array([2.0**24], pa.float32()),
        pa.array([3000.0], pa.float32()).cast(pa.float16()),
        pa.array(["1.2345678901234567e+18"]),
        pa.chunked_array([pa.array(["7", "1234567890123456768.0"]).dictionary_encode()]),
        [1e18],
        ["1.2E+11"],
    ],
    ids=str,
)
def test_a_person_column_whose_numbers_lost_digits_shows_nobody_s_absence(column: object) -> None:
    tally = Tally(watch(1234567890123456789))
    tally.add(Rows(("patient",), {0: column}))
    assert (tally.compared, said(tally)) == ("nothing", (False, False))
    assert "lost their last digits" in tally.why


def test_people_whom_two_columns_name_cannot_be_told_where_neither_is_known() -> None:
    _, tally = tallied(watch("n/4711", kind="text/integer", columns=("clinic/patient",)), io.BytesIO(b"a,b\nn,4711\nm,2\n"))
    assert tally.compared == "nothing"
    assert "several columns" in tally.why


def test_documents_in_cells_are_read_as_well() -> None:
    content = json.dumps([{"request": json.dumps({"inputs": json.dumps({"patient": 17})})}]).encode()
    assert said(tallied(watch(17), io.BytesIO(content))[1])[0]


def test_a_value_is_compared_once() -> None:
    tally = Tally(watch(17, kind="text"))
    started = time.perf_counter()
    for _ in range(200):
        tally.add(Rows(("x",), {0: [f"{number} and some words" for number in range(500)]}))
    assert time.perf_counter() - started < 20
