"""Lists of items as bits, and what is left out of each person's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.domain.draws import mixed
from unlearning.domain.item_lists import packed, shown_and_left_out, unpacked

WIDTH = 19
PEOPLE = st.lists(st.lists(st.integers(0, WIDTH - 1), min_size=1, max_size=30), min_size=1, max_size=8)
KEYS = mixed(np.arange(1, 9, dtype=np.uint64))


def split(people: list[list[int]], share: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    owner = np.repeat(np.arange(len(people)), [len(one) for one in people])
    items = np.array([item for one in people for item in one])
    shown, left = shown_and_left_out(owner, items, KEYS[: len(people)], width=WIDTH, share=share)
    return unpacked(shown, WIDTH), unpacked(left, WIDTH)


def test_bits_come_back_as_they_were_packed() -> None:
    rows, items = np.array([0, 0, 2, 2, 2]), np.array([0, 18, 7, 8, 8])
    found = unpacked(packed(rows, items, people=3, width=WIDTH), WIDTH)
    assert [np.flatnonzero(row).tolist() for row in found] == [[0, 18], [], [7, 8]]


@given(PEOPLE)
def test_every_item_is_shown_or_left_out_and_something_is_left_out_of_two(people: list[list[int]]) -> None:
    shown, left = split(people)
    assert not (shown & left).any()
    for held, row in zip(people, shown | left, strict=True):
        assert set(np.flatnonzero(row).tolist()) == set(held)
    several = np.array([len(set(held)) > 1 for held in people])
    assert left.any(axis=1).tolist() == several.tolist()
    assert shown.any(axis=1).all()


@given(PEOPLE, st.integers(0, 7))
def test_what_is_left_out_of_others_stays_when_somebody_leaves(people: list[list[int]], who: int) -> None:
    gone = who % len(people)
    others = [at for at in range(len(people)) if at != gone]
    if not others:
        return
    before = split(people)
    owner = np.repeat(np.arange(len(others)), [len(people[at]) for at in others])
    items = np.array([item for at in others for item in people[at]])
    after = shown_and_left_out(owner, items, KEYS[others], width=WIDTH, share=0.3)
    for one, two in zip(before, after, strict=True):
        np.testing.assert_array_equal(one[others], unpacked(two, WIDTH))


@pytest.mark.parametrize(("share", "held", "left"), [(0.2, 2, 1), (0.2, 10, 2), (0.5, 3, 2), (0.5, 4, 2), (0.1, 18, 2)])
def test_so_many_are_left_out(share: float, held: int, left: int) -> None:
    assert split([list(range(held))], share)[1].sum() == left
