"""People in a table of the project folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from unlearning.domain import hashing
from unlearning.domain.traces import Trace, Wanted
from unlearning.stores.scans.words import Watch
from unlearning.traces.places.current_tables import TablePlace

KEY = bytes(32)
ANN, BOB = (hashing.token(KEY, name, "text") for name in ("ann-1", "bob-2"))


def place(path: Path) -> TablePlace:
    return TablePlace("data/t.csv", path, Watch(("patient",), "text", KEY), person="patient")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "t.csv").write_text("patient,x\nann-1,1\nann-1,2\ncid-3,3\n")
    return tmp_path / "t.csv"


def test_each_person_who_is_there_is_one_trace_by_token_alone(table: Path) -> None:
    found = place(table).find(Wanted(frozenset({ANN, BOB})))
    assert found.traces == (Trace(ANN, "person"),)
    assert found.searched == 1
    assert found.unclear == ()
    assert "ann-1" not in str(found)


def test_every_part_of_a_folder_is_looked_at_and_what_is_no_table_holds_nobody(table: Path, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    (folder / "deep").mkdir(parents=True)
    table.rename(folder / "deep/a.csv")
    (folder / "b.csv").write_text("patient,x\nbob-2,1\n")
    (folder / "notes.txt").write_text("ann-1 was here")
    assert {trace.name for trace in place(folder).find(Wanted(frozenset({ANN, BOB}))).traces} == {ANN, BOB}


@pytest.mark.parametrize("content", ['patient,x\n"ann-1,1\n', "who;x\nann-1;1\n", "\0\0\0\0"])
def test_a_table_whose_people_were_not_compared_is_not_verified(tmp_path: Path, content: str) -> None:
    (tmp_path / "t.csv").write_text(content)
    unread = place(tmp_path / "t.csv").find(Wanted(frozenset({ANN}))).unclear[0]
    assert (unread.outcome, unread.count, unread.names) == ("unverified", 1, ("data/t.csv",))


def test_what_is_no_declared_table_is_believed_only_where_somebody_accounts_for_it(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"\0\1\2\3")
    watch, asked = Watch(("patient",), "text", KEY), []
    alone = TablePlace("model.bin", tmp_path / "model.bin", watch)
    assert len(alone.find(Wanted(frozenset({ANN}))).unclear) == 1
    kept = TablePlace("model.bin", tmp_path / "model.bin", watch, explained=lambda *what: not asked.append(what))
    assert kept.find(Wanted(frozenset({ANN}))).unclear == ()
    assert asked == [("model.bin", hashing.file_md5(tmp_path / "model.bin"))]


def test_nothing_is_deleted_here_and_that_is_said(table: Path) -> None:
    before = table.read_bytes()
    [left] = place(table).erase((Trace(ANN, "person"),))
    assert (left.outcome, left.count, left.place) == ("residual", 1, "table data/t.csv, current version")
    assert place(table).erase(()) == ()
    assert table.read_bytes() == before
