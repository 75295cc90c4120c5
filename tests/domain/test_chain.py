"""Names of checkpoints and what came of them, worked out by hand."""

from __future__ import annotations

from dataclasses import replace

from unlearning.domain.chain import Chain, Part, ShardChain, Trained

FULL, HOLLOW = ShardChain(0, ("start-0", "a1", "a2"), (3, 1)), ShardChain(1, ("start-1", "b1", "b2"), (0, 0))


def part(shard: int, key: str, *, slices: int = 1, seconds: float = 1.5) -> Part:
    return Part(shard, key, "digest", slices_trained=slices, rows_trained=4, cpu_seconds=seconds)


def test_the_head_is_the_last_name_and_a_shard_without_a_record_is_empty() -> None:
    assert (FULL.head, FULL.empty) == ("a2", False)
    assert (HOLLOW.head, HOLLOW.empty) == ("b2", True)


def test_the_untrained_starts_are_no_checkpoints_that_hold_anybody() -> None:
    assert Chain("recipe", 1, (FULL, HOLLOW)).keys == {"a1", "a2", "b1", "b2"}
    assert Chain("recipe", 1, ()).keys == frozenset()


def test_what_was_trained_is_counted_and_what_was_stored_already_is_not() -> None:
    trained = Trained("sisa", "exact", (part(0, "a2", slices=2), part(1, "b2", slices=0, seconds=0.0), part(2, "c2")))
    assert trained.shards_trained == 2
    assert trained.cpu_seconds == 3.0
    assert Trained("sisa", "exact", ()).cpu_seconds == 0


def test_a_shard_changed_when_its_constituent_is_another_one_whoever_trained_it() -> None:
    before = Trained("sisa", "exact", (part(0, "a2"), part(1, "b2")))
    stored = replace(before, parts=(part(0, "a2", slices=0), part(1, "b3", slices=0), part(2, "c2", slices=0)))
    assert stored.changed_from(before) == {1, 2}
    assert before.changed_from(before) == frozenset()
    swapped = replace(before, parts=(part(0, "b2"), part(1, "a2")))
    assert swapped.changed_from(before) == {0, 1}
