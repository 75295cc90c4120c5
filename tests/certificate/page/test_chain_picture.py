"""The chain of keys as squares, and in words; how it looks on the page is in `test_page.py`."""

from __future__ import annotations

from typing import Any

from unlearning.certificate.document import Document
from unlearning.certificate.page import chain_picture

BEFORE = [{"shard": 0, "keys": ["s", "a", "b"], "rows": [2, 1]}, {"shard": 1, "keys": ["s", "c", "d"], "rows": [1, 0]}]
AFTER = [{"shard": 0, "keys": ["s", "a", "B"], "rows": [2, 0]}, {"shard": 1, "keys": ["s", "c", "d"], "rows": [1, 0]}]


def done(before: list[dict[str, Any]], after: list[dict[str, Any]], guarantee: str = "exact") -> Document:
    chains = {"chainBefore": {"shards": before}, "chainAfter": {"shards": after}}
    return Document({"method": "sisa", "guarantee": guarantee, **chains})


def test_what_was_trained_again_is_marked_and_said_and_the_rest_kept_its_name() -> None:
    picture = chain_picture.of(done(BEFORE, AFTER))
    assert picture.columns == [["kept", "again empty"], ["kept", "kept empty"]]
    assert picture.told == "Trained again: shard 0 from slice 2 of 2. Every other checkpoint kept its name."


def test_a_shard_that_was_not_there_before_is_new_from_its_first_slice() -> None:
    picture = chain_picture.of(done(BEFORE[:1], BEFORE))
    assert picture.columns == [["kept", "kept"], ["again", "again empty"]]
    assert "shard 1 from slice 1 of 2" in picture.told


def test_where_nothing_changed_nothing_is_marked() -> None:
    picture = chain_picture.of(done(BEFORE, BEFORE))
    assert "Trained again: nothing." in picture.told
    assert picture.columns == [["kept", "kept"], ["kept", "kept empty"]]


def test_up_to_sixty_four_shards_are_drawn_and_more_are_only_told() -> None:
    shards = [{"shard": number, "keys": ["s", f"a{number}"], "rows": [1]} for number in range(65)]
    drawn, told = chain_picture.of(done(shards[:64], shards[:64])), chain_picture.of(done(shards, shards))
    assert drawn.columns is not None
    assert (len(drawn.columns), told.columns) == (64, None)


def test_a_method_that_leaves_the_chain_alone_has_no_picture() -> None:
    picture = chain_picture.of(done(BEFORE, AFTER, guarantee="empirical"))
    assert picture.columns is None
    assert "The method sisa changes the trained model" in picture.told
