"""The lineage over SQLite and PostgreSQL, against an oracle that keeps every version's people in a set."""

from __future__ import annotations

import hashlib
import itertools
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import strategies as st

from tests.properties import drawn
from tests.stores.sql.examples import record, version
from unlearning.domain.errors import NotFound, WrongUse
from unlearning.domain.versions import DataVersion, ModelVersion
from unlearning.stores.sql import database, membership, schema
from unlearning.stores.sql.lineage import SqlLineage

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def lineage(engine: sa.Engine) -> SqlLineage:
    return SqlLineage(engine)


def token(person: object) -> bytes:
    return hashlib.sha256(str(person).encode()).digest()


def tokens(people: Iterator[object] | Sequence[object]) -> list[bytes]:
    return [token(person) for person in people]


def history(lineage: SqlLineage, *versions: str) -> list[DataVersion]:
    """A linear history; each version is a string of one-letter people."""
    recorded: list[DataVersion] = []
    for number, people in enumerate(versions):
        data = version(f"v{number}", len(people))
        lineage.record_data(data, tokens(people), parent=recorded[-1].digest if recorded else None)
        recorded.append(data)
    return recorded


def test_a_person_is_found_in_every_version_between_coming_and_leaving(lineage: SqlLineage) -> None:
    first, second, third = history(lineage, "ab", "abc", "bc")
    found = lineage.versions_holding(tokens("abcz"))
    assert found == {
        token("a"): [first, second],
        token("b"): [first, second, third],
        token("c"): [second, third],
        token("z"): [],
    }
    for person in "abcz":
        assert lineage.versions_holding([token(person)]) == {token(person): found[token(person)]}


def test_a_person_who_comes_back_has_a_gap(lineage: SqlLineage) -> None:
    first, _, third = history(lineage, "ab", "b", "ab")
    assert lineage.versions_holding([token("a")])[token("a")] == [first, third]


def test_the_holders_of_a_version_come_back_sorted_and_cut_to_16_bytes(lineage: SqlLineage) -> None:
    recorded = history(lineage, "ab", "abc", "")
    for data, people in zip(recorded, ("ab", "abc", ""), strict=True):
        assert lineage.holders(data.digest) == sorted(item[:16] for item in tokens(people))


def test_a_branch_holds_its_own_people(lineage: SqlLineage) -> None:
    first, second, third = history(lineage, "ab", "abc", "abcd")
    branch, tip = version("branch", 2), version("tip", 1)
    lineage.record_data(branch, tokens("bx"), parent=first.digest)
    lineage.record_data(tip, tokens("x"), parent=branch.digest)
    assert lineage.versions_holding(tokens("bx")) == {token("b"): [first, second, third, branch], token("x"): [branch, tip]}
    assert lineage.holders(third.digest) == sorted(item[:16] for item in tokens("abcd"))


def test_two_tables_keep_their_people_apart(lineage: SqlLineage) -> None:
    train, holdout = version("1", 2), version("1", 2, path="data/holdout.csv")
    lineage.record_data(train, tokens("ab"))
    lineage.record_data(holdout, tokens("bc"))
    assert lineage.versions_holding(tokens("abc")) == {
        token("a"): [train],
        token("b"): [train, holdout],
        token("c"): [holdout],
    }
    assert lineage.data_versions() == [train, holdout]
    assert lineage.data_versions("data/holdout.csv") == [holdout]
    assert lineage.data_versions("nowhere") == []


def test_the_same_content_under_two_paths_is_two_versions(lineage: SqlLineage) -> None:
    here = version("same", 1)
    there = replace(here, path="copy.csv")
    for data in (here, there):
        lineage.record_data(data, tokens("a"))
    assert lineage.versions_holding([token("a")]) == {token("a"): [here, there]}
    assert lineage.data_version(here.digest) == here
    assert lineage.data_version(here.digest, "copy.csv") == there


def test_a_person_with_many_rows_is_one_person(lineage: SqlLineage) -> None:
    data = version("rows", 2)
    lineage.record_data(data, tokens("abab"))
    assert len(lineage.holders(data.digest)) == 2


def test_recording_twice_changes_nothing_but_a_commit_that_was_missing(lineage: SqlLineage, engine: sa.Engine) -> None:
    first, second = history(lineage, "ab", "b")
    before = dump(engine)
    assert lineage.record_data(first, tokens("ba")) == first
    assert lineage.record_data(second, tokens("b"), parent=first.digest) == second
    assert dump(engine) == before
    committed = replace(first, rev="c0ffee")
    assert lineage.versions_holding([token("a")])[token("a")] == [first]
    assert lineage.record_data(committed, tokens("ab")) == committed
    assert lineage.record_data(first, tokens("ab")) == committed
    assert lineage.versions_holding([token("a")])[token("a")] == [committed]


def test_the_same_content_with_other_people_is_refused_and_changes_nothing(lineage: SqlLineage, engine: sa.Engine) -> None:
    (first,) = history(lineage, "ab")
    before = dump(engine)
    with pytest.raises(WrongUse, match="another person column"):
        lineage.record_data(first, tokens("abc"))
    assert dump(engine) == before


def test_an_unknown_parent_or_version_is_named(lineage: SqlLineage, engine: sa.Engine) -> None:
    before = dump(engine)
    with pytest.raises(NotFound, match="parent ffff"):
        lineage.record_data(version("1"), [], parent="f" * 64)
    assert dump(engine) == before
    with pytest.raises(NotFound, match="eeee"):
        lineage.holders("e" * 64)
    assert lineage.data_version("e" * 64) is None


def test_a_short_token_is_refused(lineage: SqlLineage) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        lineage.record_data(version("1"), [b"short"])
    with pytest.raises(ValueError, match="16"):
        lineage.versions_holding([b"short"])


def test_no_whole_token_is_stored(lineage: SqlLineage, engine: sa.Engine) -> None:
    history(lineage, "ab")
    payloads = b"".join(bytes(row["payload"]) for row in dump(engine)["lineage_block"])
    assert token("a")[:16] in payloads
    assert token("a")[:17] not in payloads


def dump(engine: sa.Engine) -> dict[str, list[dict[str, object]]]:
    with engine.connect() as connection:
        return {
            name: [dict(row._mapping) for row in connection.execute(sa.select(table).order_by(*table.c))]
            for name, table in schema.metadata.tables.items()
        }


def test_another_process_sees_what_this_one_records_at_once(engine: sa.Engine, lineage: SqlLineage) -> None:
    other = SqlLineage(engine)
    first, second = history(lineage, "ab", "ab")
    assert other.versions_holding([token("a")])[token("a")] == [first, second]
    third = version("v2", 1)
    lineage.record_data(third, tokens("a"), parent=second.digest)
    assert other.versions_holding([token("a")])[token("a")] == [first, second, third]
    assert other.versions_holding(tokens("ab"))[token("b")] == [first, second]


def record_table(url: str, root: Path, table: int) -> None:
    engine = database.connect(url, root)
    lineage, parent = SqlLineage(engine), None
    for number in range(4):
        data = version(f"{number}", 100, path=f"table-{table}.csv")
        lineage.record_data(data, tokens(range(table * 50 + number, table * 50 + 100)), parent=parent)
        parent = data.digest
    engine.dispose()


def test_processes_that_record_at_once_lose_nothing(database_url: str, tmp_path: Path) -> None:
    writers = [SPAWN.Process(target=record_table, args=(database_url, tmp_path, table)) for table in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * 3
    engine = database.connect(database_url, tmp_path)
    lineage = SqlLineage(engine)
    for table in range(3):
        for number, data in enumerate(lineage.data_versions(f"table-{table}.csv")):
            people = tokens(range(table * 50 + number, table * 50 + 100))
            assert lineage.holders(data.digest) == sorted(item[:16] for item in people)
    engine.dispose()


def record_without_end(url: str, root: Path, started: Any) -> None:
    lineage, parent = SqlLineage(database.connect(url, root)), None
    for number in itertools.count():
        data = version(str(number), 3000)
        lineage.record_data(data, tokens(range(number * 700, number * 700 + 3000)), parent=parent)
        parent = data.digest
        started.set()


def test_a_process_killed_while_it_records_leaves_whole_versions_only(database_url: str, tmp_path: Path) -> None:
    engine = database.connect(database_url, tmp_path)
    lineage = SqlLineage(engine)
    for delay in (0.0, 0.03, 0.08):
        started = SPAWN.Event()
        writer = SPAWN.Process(target=record_without_end, args=(database_url, tmp_path, started))
        writer.start()
        assert started.wait(60)
        time.sleep(delay)
        writer.kill()
        writer.join(10)
    recorded = lineage.data_versions()
    assert recorded[0] == version("0", 3000)
    for number, data in enumerate(recorded):
        people = tokens(range(number * 700, number * 700 + 3000))
        assert data == lineage.record_data(data, people)
        assert lineage.holders(data.digest) == sorted(item[:16] for item in people)
    last = len(recorded)
    lineage.record_data(version(str(last), 1), [token(0)], parent=recorded[-1].digest)
    assert lineage.versions_holding([token(0)])[token(0)] == [version("0", 3000), version(str(last), 1)]
    engine.dispose()


def test_blocks_stay_small_while_people_come(lineage: SqlLineage, engine: sa.Engine) -> None:
    people = tokens(range(20_000))
    first, second, third = version("1"), version("2"), version("3")
    lineage.record_data(first, people[:50])
    lineage.record_data(second, people[:10_000], parent=first.digest)
    lineage.record_data(third, np.frombuffer(b"".join(people), dtype=np.uint8).reshape(-1, 32), parent=second.digest)
    found = lineage.versions_holding(people)
    assert all(found[item] == [first, second, third] for item in people[:50])
    assert all(found[item] == [second, third] for item in people[50:10_000])
    assert all(found[item] == [third] for item in people[10_000:])
    sizes = [len(bytes(row["payload"])) for row in dump(engine)["lineage_block"]]  # type: ignore[call-overload]
    assert sum(sizes) == 20 * 20_000
    assert max(sizes) < 20 * 128


@dataclass
class Oracle:
    """The slow truth: who is in each version."""

    people: list[frozenset[int]] = field(default_factory=list)
    versions: list[DataVersion] = field(default_factory=list)


# Tokens that share their first eight bytes, or all but the last of sixteen, meet every rare case of the index.
AWKWARD = [bytes(15) + bytes([n]) + bytes(16) for n in range(4)] + [bytes([n]) * 32 for n in range(1, 5)]
AWKWARD += [b"\xff" * 15 + bytes([n]) + b"tail" * 4 for n in (0, 1, 2, 255)]

step = st.tuples(st.integers(0, 30), st.integers(0, 1), st.frozensets(st.integers(0, len(AWKWARD) - 1)))


@drawn(few=20, many=300, steps=st.lists(step, min_size=1, max_size=12))
def test_any_history_with_branches_and_tables_agrees_with_opening_every_version(
    engine: sa.Engine, lineage: SqlLineage, steps: list[tuple[int, int, frozenset[int]]]
) -> None:
    clear(engine)
    oracle = Oracle()
    for number, (parent_choice, table, people) in enumerate(steps):
        data = version(str(number), len(people), path=f"table-{table}.csv")
        same_path = [other for other in oracle.versions if other.path == data.path]
        parent = ([None, *same_path])[-1 - parent_choice % (len(same_path) + 1)]
        lineage.record_data(data, [AWKWARD[person] for person in people], parent=parent and parent.digest)
        oracle.people.append(people)
        oracle.versions.append(data)
    found = lineage.versions_holding(AWKWARD)
    for person, item in enumerate(AWKWARD):
        truth = {data for data, people in zip(oracle.versions, oracle.people, strict=True) if person in people}
        assert set(found[item]) == truth
        assert len(found[item]) == len(truth)
        assert lineage.versions_holding([item])[item] == found[item]
    for data, people in zip(oracle.versions, oracle.people, strict=True):
        assert lineage.holders(data.digest) == sorted(AWKWARD[person][:16] for person in people)


def clear(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for table in (schema.spans, schema.blocks, schema.data_versions, schema.paths):
            connection.execute(table.delete())
        connection.execute(schema.layouts.update().values(bits=0, generation=schema.layouts.c.generation + 1))


def test_who_stays_costs_nothing(lineage: SqlLineage, engine: sa.Engine) -> None:
    """The larger part of a profile keeps its number, so a version that loses one person rewrites one block and two spans."""
    people = tokens(range(5_000))
    first, second = version("1"), version("2")
    lineage.record_data(first, people)
    before = dump(engine)
    lineage.record_data(second, people[1:], parent=first.digest)
    after = dump(engine)
    changed = [row for row in after["lineage_block"] if row not in before["lineage_block"]]
    assert len(changed) == 1
    assert after["lineage_span"] == [
        {"profile": 0, "path": 0, "first": 0, "last": membership.OPEN},
        {"profile": 1, "path": 0, "first": 0, "last": 0},
    ]


# --- models -----------------------------------------------------------------------------------------------------------


def test_a_model_record_comes_back_equal(lineage: SqlLineage) -> None:
    first, second = record(1, version("1")), record(2, version("2", rev="abc"))
    for item in (second, first):
        assert lineage.record_model(item) == item
    assert lineage.model("diagnosis", 2) == second
    assert lineage.models() == lineage.models("diagnosis") == [first, second]
    assert lineage.models("other") == []
    assert lineage.model("diagnosis", 3) is None


def test_recording_a_model_again_keeps_the_first_record(lineage: SqlLineage) -> None:
    first = record(1, version("1"))
    lineage.record_model(first)
    part = replace(first.trained.parts[0], slices_trained=0, cpu_seconds=0.0)
    again = replace(first, trained=replace(first.trained, parts=(part,)))
    assert lineage.record_model(again) == first
    assert lineage.model("diagnosis", 1) == first


def test_another_model_under_the_same_version_is_refused_until_the_first_is_deleted(lineage: SqlLineage) -> None:
    lineage.record_model(record(1, version("1")))
    other = record(1, version("1"), digest="d1")
    with pytest.raises(WrongUse, match="diagnosis/1"):
        lineage.record_model(other)
    lineage.mark_deleted(other.model)
    assert lineage.record_model(other) == other
    assert lineage.models() == [other]


def test_a_deleted_model_stays_in_the_lineage_marked(lineage: SqlLineage) -> None:
    first, second = record(1, version("1")), record(2, version("1"))
    for item in (first, second):
        lineage.record_model(item)
    for _ in range(2):
        lineage.mark_deleted(first.model)
    assert lineage.models() == [second]
    assert lineage.models(deleted=True) == [first]
    assert lineage.models(deleted=None) == [first, second]
    assert lineage.model("diagnosis", 1) == first
    with pytest.raises(NotFound, match="diagnosis/9"):
        lineage.mark_deleted(ModelVersion("diagnosis", 9))


def model(text: str) -> ModelVersion:
    name, number = text.split("/")
    return ModelVersion(name, int(number))


def test_descendants_are_transitive_leave_out_the_start_and_count_copies_both_ways(lineage: SqlLineage) -> None:
    for parent, child, kind in (
        ("base/1", "small/1", "distilled"),
        ("small/1", "small/2", "quantised"),
        ("small/2", "phone/1", "exported"),
        ("other/1", "phone/1", "copied"),
        ("phone/1", "small/1", "fine_tuned"),
    ):
        for _ in range(2):
            lineage.add_edge(model(parent), model(child), kind)
    assert len(lineage.edges()) == 5
    assert lineage.edges()[0] == (model("base/1"), model("small/1"), "distilled")
    same = [model("other/1"), model("phone/1")]
    assert lineage.descendants([model("base/1")]) == [*same, model("small/1"), model("small/2")]
    assert lineage.descendants([model("phone/1")]) == [model("other/1"), model("small/1"), model("small/2")]
    assert lineage.descendants([model("unheard/1")]) == []


@pytest.mark.parametrize(("child", "kind"), [("b/1", "inspired"), ("a/1", "copied")])
def test_an_edge_that_cannot_be_is_refused(lineage: SqlLineage, child: str, kind: str) -> None:
    with pytest.raises(WrongUse, match="edge a/1"):
        lineage.add_edge(model("a/1"), model(child), kind)
    assert lineage.edges() == []
