"""Who each row of a table belongs to, by token alone: as a fresh reading says, however it is known."""

from __future__ import annotations

import errno
import logging
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.histories import History
from tests.properties import drawn
from unlearning.domain import hashing
from unlearning.domain.errors import DataError, NotFound, ParentMoved
from unlearning.domain.partition import places
from unlearning.project import people
from unlearning.project.people import known_people, people_in, people_of, read_with_people, without
from unlearning.project.workspace import Workspace, open_workspace
from unlearning.stores.rolls import Roll, packed, unpacked
from unlearning.stores.tables import redaction, tables

PATH = "a.parquet"
slow = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def workspace(beginning: History, tmp_path: Path) -> Workspace:
    return beginning.copy(tmp_path / "project").workspace


def again(workspace: Workspace) -> Workspace:
    """Another process."""
    return open_workspace(workspace.root)


def same(one: Roll | None, other: Roll) -> bool:
    return one is not None and all(np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(Roll))


def fresh(workspace: Workspace, file: Path, column: str = "who") -> Roll:
    return people.called(workspace, tables.people(tables.read(file, person=column), column))


names = st.sampled_from(["ann", "bob", "Ann", "ann ", "cid;dan", "dan", "é", "e\u0301", "7", "07", "7.0", "x\u2009y"])


@slow
@given(st.lists(names, max_size=12), st.sampled_from(["text", "email"]))
def test_a_roll_says_what_a_fresh_reading_says_doubts_and_all(workspace: Workspace, who: list[str], kind: str) -> None:
    file = workspace.root / PATH
    cells = [one if kind == "text" else f"{one.replace(';', '')}@x.org" for one in who]
    pq.write_table(pa.table({"who": pa.array(cells, pa.string()), "x": list(range(len(cells)))}), file)
    subject = workspace.settings.subject.model_copy(update={"identifier": kind})
    here = Workspace(workspace.root, workspace.settings.model_copy(update={"subject": subject}))
    first = people_of(here, file, "who", named=PATH, past=True)
    read = Workspace(here.root, here.settings)
    kept = people_of(read, file, "who", named=PATH, past=True)
    assert same(first, fresh(here, file))
    assert same(kept, first)
    for one in (here, read):
        if first.doubts:
            with pytest.raises(DataError, match=f"^{PATH}: "):
                people_of(one, file, "who", named=PATH)
        else:
            assert same(people_of(one, file, "who", named=PATH), first)


@slow
@given(st.lists(st.sampled_from(["ann", "bob", "cid", "dan;eva"]), min_size=1, max_size=12), st.data())
def test_the_roll_of_fewer_rows_is_that_of_a_fresh_reading(workspace: Workspace, who: list[str], data: st.DataObject) -> None:
    old, new = workspace.root / PATH, workspace.root / "b.parquet"
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=len(who), max_size=len(who))), dtype=bool)
    pq.write_table(pa.table({"who": who, "x": list(range(len(who)))}), old)
    redaction.redact(old, new, keep, named=PATH)
    people_of(workspace, old, "who", named=PATH)
    without(workspace, old, keep, new, "who", named=PATH)
    derived = known_people(again(workspace), new, "who", named=PATH)
    assert derived is None if "dan;eva" in who and derived is None else same(derived, fresh(workspace, new))


def test_a_table_that_is_not_what_was_left_of_another_gets_no_roll_from_it(workspace: Workspace) -> None:
    old, new = workspace.root / PATH, workspace.root / "b.parquet"
    pq.write_table(pa.table({"who": ["ann", "bob", "cid"]}), old)
    pq.write_table(pa.table({"who": ["ann", "cid"]}), new)  # somebody was to go, and another went
    people_of(workspace, old, "who", named=PATH)
    without(workspace, old, np.array([True, True, False]), new, "who", named=PATH)
    assert known_people(workspace, new, "who", named=PATH) is None
    assert same(people_of(workspace, new, "who", named=PATH), fresh(workspace, new))


def test_a_table_that_changes_while_its_rest_is_compared_with_it_says_nothing_of_that(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = workspace.root / PATH, workspace.root / "b.parquet"
    pq.write_table(pa.table({"who": ["ann", "bob", "cid"]}), old)
    pq.write_table(pa.table({"who": ["dan", "bob"]}), new)
    people_of(workspace, old, "who", named=PATH)
    read = tables.read

    def meanwhile(file: Path, **named: Any) -> pa.Table:
        if file == old:
            pq.write_table(pa.table({"who": ["dan", "bob", "cid"]}), old)
        return read(file, **named)

    monkeypatch.setattr(tables, "read", meanwhile)
    without(workspace, old, np.array([True, True, False]), new, "who", named=PATH)
    assert known_people(workspace, new, "who", named=PATH) is None


def test_a_damaged_roll_a_missing_one_and_one_of_other_keys_are_made_again(workspace: Workspace) -> None:
    file = workspace.root / PATH
    pq.write_table(pa.table({"who": ["ann", "bob"]}), file)
    truth = people_of(workspace, file, "who", named=PATH)
    [roll] = workspace.rolls.folder.iterdir()
    content = roll.read_bytes()
    assert b"ann" not in content
    for damage in (lambda: roll.write_bytes(content[:-40] + bytes(8) + content[-32:]), roll.unlink):
        damage()
        assert same(people_of(again(workspace), file, "who", named=PATH), truth)
        assert roll.read_bytes() == content
    vars(workspace)["keys"] = replace(workspace.keys, partition=b"p" * 32)
    assert known_people(workspace, file, "who", named=PATH) is None
    assert not np.array_equal(people_of(workspace, file, "who", named=PATH).placed, truth.placed)
    assert same(known_people(again(workspace), file, "who", named=PATH), truth)


def test_the_second_reading_of_a_content_opens_no_table(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    file = workspace.root / PATH
    pq.write_table(pa.table({"who": ["ann", "bob"]}), file)
    truth = people_of(workspace, file, "who", named=PATH)
    copy = workspace.root / "elsewhere"
    copy.write_bytes(file.read_bytes())

    def read(*_: Any, **__: Any) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(tables, "read", read)
    assert same(people_of(again(workspace), copy, "who", named="data/other.parquet", anew=True), truth)


@pytest.mark.parametrize("known", [False, True])
def test_a_table_that_changes_while_it_is_read_is_nobody_s(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """known: who is in it as it was is on its roll already."""
    file = workspace.root / PATH
    pq.write_table(pa.table({"who": ["ann", "bob"], "x": [1, 2]}), file)
    if known:
        table, roll = read_with_people(workspace, file, "who", named=PATH)
        assert same(roll, fresh(workspace, file))
        assert table.equals(tables.read(file))
    read = tables.read

    def meanwhile(*given: Any, **named: Any) -> pa.Table:
        found = read(*given, **named)
        pq.write_table(pa.table({"who": ["bob", "ann"], "x": [1, 2]}), file)
        monkeypatch.setattr(tables, "read", read)
        return found

    monkeypatch.setattr(tables, "read", meanwhile)
    with pytest.raises(ParentMoved, match=f"^{PATH} changed while it was read"):
        read_with_people(workspace, file, "who", named=PATH)


def test_without_room_for_a_roll_the_work_goes_on_and_it_is_said_once(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = workspace.root / PATH

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(workspace.rolls), "put", full)
    with caplog.at_level(logging.WARNING, logger="unlearning.progress"):
        for who in (["ann"], ["bob"]):
            pq.write_table(pa.table({"who": who}), file)
            assert same(people_of(workspace, file, "who", named=PATH), fresh(workspace, file))
    assert [record.message for record in caplog.records if "cannot be written" in record.message] != []
    assert len(caplog.records) == 1


def test_a_table_s_people_have_the_tokens_and_places_of_the_keys_whatever_the_order_of_rows(workspace: Workspace) -> None:
    table = pa.table({"who": ["bob-2", "ann-1", "bob-2"], "x": [1, 2, 3]})
    found = people_in(workspace, table, "who")
    inner = [hashing.fingerprint(one, "text") for one in ("bob-2", "ann-1", "bob-2")]
    assert unpacked(found.tokens[found.codes]) == hashing.keyed(workspace.keys.index, inner)
    assert unpacked(found.hidden[found.codes]) == hashing.keyed(workspace.keys.suppression, inner)
    assert np.array_equal(found.where[found.codes], places(hashing.keyed(workspace.keys.partition, inner)))
    assert not len(found.shared)


def test_several_people_in_one_cell_are_known_to_share_it(workspace: Workspace) -> None:
    found = people_in(workspace, pa.table({"who": ["ann-1;bob-2", "cid-3"]}), "who")
    assert [one.hex() for one in unpacked(found.shared)] == [
        hashing.token(workspace.keys.index, one, "text") for one in ("ann-1", "bob-2")
    ]


def test_a_row_without_a_person_and_a_table_without_the_column_are_refused(workspace: Workspace) -> None:
    file = workspace.root / PATH
    for table in (pa.table({"who": ["ann-1", None]}), pa.table({"x": [1]})):
        with pytest.raises(DataError):
            people_in(workspace, table, "who")
        pq.write_table(table, file)
        for _ in range(2):
            with pytest.raises(DataError):
                people_of(workspace, file, "who", named=PATH)
    with pytest.raises(NotFound):
        people_of(workspace, workspace.root / "no.parquet", "who", named="no.parquet")


KEYS = SimpleNamespace(index=bytes(32), suppression=bytes(range(32)), partition=b"p" * 32)


@drawn(few=20, many=400, number=st.integers(0, 30), lie=st.sampled_from(["none", "order", "more", "hidden", "other", "gone"]))
def test_tokens_of_what_was_written_are_those_of_its_cells_whatever_its_roll_says(number: int, lie: str) -> None:
    said: Any = SimpleNamespace(settings=SimpleNamespace(subject=SimpleNamespace(identifier="integer")), keys=KEYS)
    cells = list(range(100, 100 + number))
    index, placed, hidden = map(packed, hashing.tokens(cells, "integer", keys=[KEYS.index, KEYS.partition, KEYS.suppression]))
    truth = Roll(index, placed, hidden, np.arange(number), packed([]))
    told = {
        "order": replace(truth, tokens=index[::-1], hidden=hidden[::-1]),
        "more": replace(truth, tokens=np.concatenate((index, index[:1])), hidden=np.concatenate((hidden, hidden[:1]))),
        "hidden": replace(truth, hidden=placed),
        "other": replace(truth, tokens=placed),
        "gone": None,
    }.get(lie, truth)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "known_people", lambda *_, **__: told)
        patch.setattr(people, "_MADE_AGAIN", 4)
        made = people.tokens_of(said, Path("t.parquet"), "person", cells, named="t.parquet")
    assert all(np.array_equal(*pair) for pair in zip(made, (index, hidden), strict=True))
