"""Rolls as a place: searched by token, and emptied of what went."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.histories import History
from unlearning.domain import hashing
from unlearning.domain.traces import Wanted
from unlearning.project.people import people_of
from unlearning.project.tables import current_version, index_table
from unlearning.traces.places.rolls import RollPlace
from unlearning.traces.within_reach import Reach

PATH = "data/train.csv"


@pytest.fixture
def history(beginning: History, tmp_path: Path) -> History:
    history = beginning.copy(tmp_path / "project")
    history.table(PATH, ["ann-1", "bob-2"])
    history.commit()
    workspace = history.workspace
    index_table(workspace, current_version(workspace, PATH, "patient"), history.root / PATH, "patient")
    return history


def place(history: History) -> RollPlace:
    [found] = [one for one in Reach(history.workspace).places() if isinstance(one, RollPlace)]
    return found


def wanted(history: History, *names: str) -> Wanted:
    return Wanted(frozenset(hashing.token(history.workspace.keys.index, name, "text") for name in names))


def test_a_roll_is_a_trace_of_whoever_is_in_it_and_of_nobody_else(history: History) -> None:
    assert len(place(history).find(wanted(history, "ann-1")).traces) == 1
    nobody = place(history).find(wanted(history, "cid-3"))
    assert (nobody.traces, nobody.searched, nobody.unclear) == ((), 1, ())


def test_whom_a_hold_keeps_in_an_object_stays_in_its_roll(history: History) -> None:
    one = place(history)
    [content] = [about["content"] for _, about, _ in one.rolls.kept()]
    asked, held = wanted(history, "ann-1"), replace(one, objects=lambda: {content: "object"})
    assert not held.find(replace(asked, kept={"object": asked.tokens})).traces
    assert not held.find(replace(asked, admitted={"object": asked.tokens})).traces
    assert held.find(replace(asked, kept={"another": asked.tokens})).traces


def test_what_is_no_roll_of_these_keys_is_not_verified_and_goes_with_the_next_purge(history: History) -> None:
    one, folder = place(history), place(history).rolls.folder
    (folder / "half.part").write_bytes(b"half")
    [said] = one.find(wanted(history, "cid-3")).unclear
    assert (said.place, said.outcome, said.count) == (one.name, "unverified", 1)
    one.erase(())
    assert not one.find(wanted(history, "cid-3")).unclear


def test_the_roll_of_a_content_that_nobody_keeps_goes_and_that_of_a_table_of_now_stays(history: History) -> None:
    one = place(history)
    draft = history.root / "draft.csv"
    draft.write_text("patient,x\ndora-4,1\n")
    people_of(history.workspace, draft, "patient", named="draft.csv")
    contents = {about["content"]: about for _, about, _ in one.rolls.kept()}
    assert len(contents) == 2
    one.erase(())
    assert [about["content"] for _, about, _ in one.rolls.kept()] == [history.workspace.rolls.content(history.root / PATH)]
    one.erase(one.find(wanted(history, "ann-1")).traces)
    assert not list(one.rolls.kept())
