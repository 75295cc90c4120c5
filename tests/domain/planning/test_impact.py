"""What people touch, worked out from their places alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from unlearning.domain import codec
from unlearning.domain.chain import Chain, Part, Placement, Room, ShardChain, Trained
from unlearning.domain.entities import ModelRecord, ShardImpact
from unlearning.domain.partition import Places, grouped
from unlearning.domain.planning.impact import shaped_by, shard_impacts, stale_in_all, stale_in_chain, stale_keys
from unlearning.domain.versions import DataVersion, ModelVersion

CHAIN = Chain(
    "recipe", 1, (ShardChain(0, ("s0", "a1", "a2", "a3"), (1, 1, 1)), ShardChain(1, ("s1", "b1", "b2", "b3"), (1, 1, 1)))
)
DATA = DataVersion("data/a.csv", "d" * 64, "0" * 32, None, 6, 6)
PARTS = (Part(0, "a3", "x", 1, 3, 0.1), Part(1, "b3", "y", 1, 3, 0.1))
RECORD = ModelRecord(ModelVersion("m", 1), "run", DATA, CHAIN, Trained("sisa", "exact", PARTS), 5)


def at(*cells: tuple[int, int]) -> Places:
    """(shard, slice), both 0-based, of two shards of three slices."""
    return np.array([(shard, piece, 0, 0) for shard, piece in cells], dtype=np.uint64).reshape(-1, 4)


def test_stale_are_the_checkpoints_from_the_person_s_slice_on_in_one_shard() -> None:
    assert stale_in_chain(CHAIN, at((0, 1))) == {"a2", "a3"}
    assert stale_in_chain(CHAIN, at((0, 1), (0, 2), (1, 0))) == {"a2", "a3", "b1", "b2", "b3"}
    assert stale_in_chain(CHAIN, at()) == frozenset()


def test_a_constituent_that_left_the_chain_is_stale_with_its_shard() -> None:
    changed = replace(RECORD, trained=replace(RECORD.trained, parts=(replace(PARTS[0], key="negated"), PARTS[1])))
    assert stale_keys(RECORD, at((0, 2))) == {"a3"}
    assert stale_keys(changed, at((0, 2))) == {"a3", "negated"}
    assert stale_keys(changed, at((1, 2))) == {"b3"}


def test_each_touched_shard_begins_again_at_its_first_touched_slice_and_loses_each_record() -> None:
    found = shard_impacts(at((1, 2), (1, 1), (1, 1), (0, 0)), shards=2, slices=3)
    assert found == (ShardImpact(0, 1, 3, 1), ShardImpact(1, 2, 3, 3))
    assert shard_impacts(at(), shards=2, slices=3) == ()


def test_who_is_in_several_shards_makes_the_checkpoints_of_each_stale() -> None:
    bagged = replace(CHAIN, members_of_person=2)
    assert stale_in_chain(bagged, at((0, 1))) == {"a2", "a3", "b2", "b3"}
    assert stale_keys(replace(RECORD, chain=bagged), at((1, 2))) == {"a3", "b3"}
    found = shard_impacts(at((1, 2), (0, 1)), shards=2, slices=3, members_of_person=2)
    assert found == (ShardImpact(0, 2, 3, 2), ShardImpact(1, 2, 3, 2))


def test_a_chain_of_one_shard_a_person_is_written_as_it_always_was() -> None:
    assert "members_of_person" not in codec.write(CHAIN)
    bagged = replace(CHAIN, members_of_person=2)
    assert codec.read(Chain, codec.write(bagged), of="a chain") == bagged


PLACED = replace(RECORD, chain=replace(CHAIN, placement=Placement((Room(0, 1, 0, 2), Room(1, 1, 2, 1)), "declared")))
"""Group 0 has the first shard but for its last slice, group 1 the last slice of the other."""


def group(number: int, *cells: tuple[int, int]) -> Places:
    return grouped(at(*cells), np.full(len(cells), number))


def test_under_a_placement_a_person_is_in_the_room_of_their_group() -> None:
    assert stale_keys(PLACED, group(0, (5, 1))) == {"a2", "a3"}
    assert stale_keys(PLACED, group(1, (5, 1))) == {"b3"}
    found = shard_impacts(group(1, (0, 0), (0, 1)), shards=2, slices=3, placement=PLACED.chain.placement)
    assert found == (ShardImpact(1, 3, 3, 2),)


def test_whose_group_nobody_can_say_may_be_in_any() -> None:
    assert stale_keys(PLACED, at((5, 1))) == {"a2", "a3", "b3"}
    assert stale_in_chain(PLACED.chain, at()) == frozenset()


def test_what_one_version_shows_to_be_free_of_them_is_free_in_every_other() -> None:
    older = replace(PLACED, model=ModelVersion("m", 0))
    assert stale_in_all([(older, at((5, 1)))]) == {"a2", "a3", "b3"}
    assert stale_in_all([(older, at((5, 1))), (PLACED, group(1, (5, 1)))]) == {"b3"}
    # Without a placement every place is known, and nothing is taken back.
    assert stale_in_all([(RECORD, at((0, 1))), (RECORD, at((1, 1)))]) == {"a2", "a3", "b2", "b3"}


def test_a_chain_without_a_placement_is_written_as_it_always_was() -> None:
    assert "placement" not in codec.write(CHAIN)
    assert codec.read(Chain, codec.write(PLACED.chain), of="a chain") == PLACED.chain


def test_people_shaped_a_version_who_were_in_its_data_and_not_left_out() -> None:
    holders = {DATA.digest: ["ann", "bob"], "another table": ["cid"]}
    assert shaped_by(RECORD, holders, ["bob", "eve"]) == {"ann"}
    assert shaped_by(RECORD, {}, []) == frozenset()
