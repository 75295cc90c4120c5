"""What is read of the shards that an erasure touches says what reading everything says."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import strategies as st
from pyarrow import parquet

from tests.properties import drawn
from tests.small_project import TRAIN, Project, copy
from unlearning.domain.chain import Placement, Room
from unlearning.domain.entities import ModelRecord
from unlearning.domain.versions import DataVersion
from unlearning.project import suppression
from unlearning.project.people import read_with_people
from unlearning.project.tables import current_version
from unlearning.project.training.touched import Redaction, touched_set
from unlearning.project.training.train import bounds, make
from unlearning.project.training.training_set import TrainingSet, training_set
from unlearning.project.workspace import Workspace
from unlearning.stores.tables import redaction, tables

NOW = 1_000
"""A ledger position after the parent was trained."""


@dataclass
class World:
    """A trained project whose training table loses people, while others are left out of training."""

    workspace: Workspace
    parent: ModelRecord
    before: DataVersion
    held: frozenset[str] = frozenset()
    """Who is left out since the parent was trained."""

    @classmethod
    def of(cls, project: Project, monkeypatch: pytest.MonkeyPatch) -> World:
        workspace = project.workspace
        before = current_version(workspace, TRAIN, "patient")
        [parent] = workspace.lineage.models()
        world = cls(workspace, parent, before)
        monkeypatch.setattr(suppression, "suppressed", lambda _, who, upto: dict.fromkeys(who.holds(world.left_out(upto)), ""))
        return world

    def left_out(self, upto: int) -> frozenset[str]:
        return self.held if upto == NOW else frozenset()

    def redacted(self, tokens: Collection[str]) -> Redaction:
        """The table without these people."""
        file, old = self.workspace.path(TRAIN), self.workspace.data.fetch(self.before)
        _, people = read_with_people(self.workspace, old, "patient", named=TRAIN)
        file.unlink()
        redaction.redact(old, file, ~people.mask(tokens), named=TRAIN)
        return self.said(tokens)

    def said(self, tokens: Collection[str]) -> Redaction:
        """What is said of the table as it lies there."""
        after = replace(self.before, digest=self.workspace.rolls.content(self.workspace.path(TRAIN)))
        return Redaction(self.before, after, tokens)

    def rewritten(self, change: Callable[[pa.Table], pa.Table]) -> None:
        file = self.workspace.path(TRAIN)
        table = change(tables.read(file))
        file.unlink()
        parquet.write_table(table, file)

    def touched(self, done: Redaction, parent: ModelRecord | None = None) -> TrainingSet | None:
        how: dict[str, Any] = {"suppressed_upto": NOW, "everybody": self.everybody}
        return touched_set(self.workspace, parent or self.parent, done, **how)

    def everybody(self) -> TrainingSet:
        """The slow truth."""
        table, people = read_with_people(self.workspace, self.workspace.path(TRAIN), "patient", named=TRAIN)
        return training_set(self.workspace, table, people, exclude=self.held)


@pytest.fixture(scope="module")
def lasting(template: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copy(template, tmp_path_factory.mktemp("touched") / "project")


@pytest.fixture
def world(project: Project, monkeypatch: pytest.MonkeyPatch) -> World:
    return World.of(project, monkeypatch)


@pytest.fixture
def long_world(lasting: Project, monkeypatch: pytest.MonkeyPatch) -> World:
    return World.of(lasting, monkeypatch)


def check_same(world: World, found: TrainingSet) -> None:
    """The same keys, counts and records as when everything is read."""
    truth = world.everybody()
    assert (found.chain, found.people, found.excluded, found.rows) == (truth.chain, truth.people, truth.excluded, truth.rows)
    assert found.shards is not None
    changed = [new.shard for new, old in zip(truth.chain.shards, world.parent.chain.shards, strict=True) if new != old]
    assert found.shards.issuperset(changed)
    here, there = bounds(found.chain, found.shards), bounds(truth.chain)
    for shard in range(len(truth.chain.shards)):
        if shard in found.shards:
            for name, values in truth.records.arrays.items():
                theirs = found.records.arrays[name][here[shard, 0] : here[shard, -1]]
                assert theirs.tobytes() == values[there[shard, 0] : there[shard, -1]].tobytes()


@drawn(
    few=12,
    many=300,
    leaving=st.lists(st.integers(0, 29), max_size=3, unique=True),
    held=st.lists(st.integers(0, 29), max_size=2, unique=True),
)
def test_what_is_read_of_touched_shards_says_what_reading_all_says(
    long_world: World, leaving: list[int], held: list[int]
) -> None:
    old = long_world.workspace.data.fetch(long_world.before)
    _, people = read_with_people(long_world.workspace, old, "patient", named=TRAIN)
    names = [token.tobytes().hex() for token in people.tokens]
    gone = [names[number % len(names)] for number in leaving]
    long_world.held = frozenset(names[number % len(names)] for number in held) - set(gone)
    found = long_world.touched(long_world.redacted(gone))
    asked = {int(word) % 4 for word in people.where[[names.index(one) for one in {*gone, *long_world.held}], 0]}
    assert (found is None) == (len(asked) > 2)
    if found is not None:
        assert found.shards == asked
        check_same(long_world, found)


def test_a_shard_without_its_checkpoint_is_trained_on_records_that_were_not_held(project: Project, world: World) -> None:
    [leaving, *_] = project.cells()[0, 1]
    token = project.token(leaving)
    found = world.touched(world.redacted([token]))
    assert found is not None
    assert found.shards == {0}
    for shard in world.parent.chain.shards:
        for key in shard.keys if shard.shard == 2 else ():
            world.workspace.checkpoints.delete(key)
    made = make(world.workspace, found, method="sisa")
    assert sorted(part.shard for part in made.parts if part.slices_trained) == [0, 2]
    again = make(world.workspace, world.everybody(), method="retrain", save=False)
    assert [(part.shard, part.key, part.digest) for part in made.parts] == [
        (part.shard, part.key, part.digest) for part in again.parts
    ]


def another_value(table: pa.Table) -> pa.Table:
    return table.set_column(1, "age", pa.array(np.asarray(table["age"]) + 1))


def another_order(table: pa.Table) -> pa.Table:
    return table.take(list(reversed(range(len(table)))))


def another_type(table: pa.Table) -> pa.Table:
    return table.set_column(1, "age", table["age"].cast(pa.float32()))


@pytest.mark.parametrize("change", [another_value, another_order, another_type])
def test_a_table_that_is_otherwise_than_the_parent_says_is_read_whole(
    project: Project, world: World, change: Callable[[pa.Table], pa.Table]
) -> None:
    tokens = [project.token(project.cells()[0, 1][0])]
    world.redacted(tokens)
    world.rewritten(change)
    assert world.touched(world.said(tokens)) is None


def test_a_table_that_changed_since_it_was_redacted_is_read_whole(project: Project, world: World) -> None:
    done = world.redacted([project.token(project.cells()[0, 1][0])])
    world.rewritten(another_value)
    assert world.touched(done) is None


@pytest.mark.parametrize("other", ["data", "recipe", "seed", "rows", "placement"])
def test_a_parent_of_other_data_recipe_or_partition_says_nothing(project: Project, world: World, other: str) -> None:
    done = world.redacted([project.token(project.cells()[0, 1][0])])
    parent, chain = world.parent, world.parent.chain
    moved = tuple(replace(one, rows=(one.rows[0] + 1, one.rows[1])) if one.shard in (1, 2, 3) else one for one in chain.shards)
    changed = {
        "data": replace(parent, data=replace(parent.data, digest="0" * 64)),
        "recipe": replace(parent, chain=replace(chain, recipe="0" * 64)),
        "seed": replace(parent, chain=replace(chain, seed=chain.seed + 1)),
        "placement": replace(parent, chain=replace(chain, placement=Placement((Room(0, 4, 0, 2),), "0" * 64))),
        "rows": replace(parent, chain=replace(chain, shards=moved)),
    }
    assert world.touched(done) is not None
    assert world.touched(done, changed[other]) is None


def test_a_version_that_is_gone_is_not_compared_with(project: Project, world: World, tmp_path: Path) -> None:
    done = world.redacted([project.token(project.cells()[0, 1][0])])
    gone = replace(done.before, object="0" * 32)
    assert world.touched(replace(done, before=gone)) is None
    assert not list(tmp_path.glob("*.parquet"))
