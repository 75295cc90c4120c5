"""People in a table of the project folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from unlearning.domain import hashing
from unlearning.domain.errors import DataError
from unlearning.domain.traces import Trace, Wanted
from unlearning.traces.places.current_tables import TablePlace

KEY = bytes(32)
ANN, BOB = (hashing.token(KEY, name, "text") for name in ("ann-1", "bob-2"))


def place(path: Path) -> TablePlace:
    return TablePlace("data/t.csv", path, "patient", "text", KEY)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "t.csv").write_text("patient,x\nann-1,1\nann-1,2\ncid-3,3\n")
    return tmp_path / "t.csv"


def test_each_person_who_is_there_is_one_trace_by_token_alone(table: Path) -> None:
    found = place(table).find(Wanted(frozenset({ANN, BOB})))
    assert found.traces == (Trace(ANN, "person"),)
    assert found.searched == 2
    assert "ann-1" not in str(found)


def test_every_part_of_a_folder_is_looked_at_and_what_is_no_table_holds_nobody(table: Path, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    (folder / "deep").mkdir(parents=True)
    table.rename(folder / "deep/a.csv")
    (folder / "b.csv").write_text("patient,x\nbob-2,1\n")
    (folder / "notes.txt").write_text("ann-1 was here")
    assert {trace.name for trace in place(folder).find(Wanted(frozenset({ANN, BOB}))).traces} == {ANN, BOB}


def test_a_table_that_is_broken_in_the_middle_is_no_table_without_people(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('patient,x\n"ann-1,1\n')
    with pytest.raises(DataError):
        place(tmp_path / "t.csv").find(Wanted(frozenset({ANN})))


def test_nothing_is_deleted_here_and_that_is_said(table: Path) -> None:
    before = table.read_bytes()
    [left] = place(table).erase((Trace(ANN, "person"),))
    assert (left.outcome, left.count, left.place) == ("residual", 1, "table data/t.csv, current version")
    assert place(table).erase(()) == ()
    assert table.read_bytes() == before
