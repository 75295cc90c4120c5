"""The arithmetic of the membership index, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.stores.sql import membership
from unlearning.stores.sql.membership import OPEN, People, Profile

NOBODY = People(np.zeros(0, np.uint64), np.zeros(0, np.uint64), np.zeros(0, np.uint32))


def token(high: int, low: int = 0) -> bytes:
    return high.to_bytes(8, "big") + low.to_bytes(8, "big") + b"rest of the token"


def history(*versions: list[bytes], path: int = 0) -> membership.Change:
    """The index after a linear history."""
    people, profiles = NOBODY, dict[int, Profile]()
    for position, tokens in enumerate(versions):
        change = membership.add_version(people, profiles, membership.words(tokens), path=path, position=position)
        people, profiles = change.people, change.profiles
    return change


def spans_of(change: membership.Change) -> list[list[membership.Span]]:
    return [sorted(change.profiles[int(number)]) for number in change.people.profile]


def test_words_are_sorted_and_distinct_whatever_follows_the_first_16_bytes() -> None:
    high, low = membership.words([token(2), token(1, 9), token(1, 3), token(1, 9)[:16] + b"another rest"])
    assert high.tolist() == [1, 1, 2]
    assert low.tolist() == [3, 9, 0]


def test_words_of_an_array_are_those_of_its_rows() -> None:
    rows = [token(5, 1)[:20], token(3, 2)[:20]]
    array = np.frombuffer(b"".join(rows), np.uint8).reshape(2, 20)
    for one, other in zip(membership.words(rows), membership.words(array), strict=True):
        assert one.tolist() == other.tolist()


@pytest.mark.parametrize("tokens", [[b"x" * 15], np.zeros((1, 15), np.uint8)])
def test_a_short_token_is_refused(tokens: list[bytes]) -> None:
    with pytest.raises(ValueError, match="shorter than 16"):
        membership.words(tokens)


def test_nobody_is_nobody() -> None:
    change = history([], [])
    assert len(change.people) == 0
    assert change.profiles == {}
    assert membership.pack(change.people, 0, change.touched) == []


def test_who_stays_keeps_an_open_span_and_who_leaves_has_it_closed() -> None:
    change = history([token(1), token(2)], [token(2)], [token(2), token(3)])
    assert spans_of(change) == [[(0, 0, 0)], [(0, 0, OPEN)], [(0, 2, OPEN)]]
    assert change.touched.tolist() == [False, False, True]


def test_who_returns_has_two_spans() -> None:
    assert spans_of(history([token(1)], [], [token(1)])) == [[(0, 0, 0), (0, 2, OPEN)]]


def test_the_larger_part_of_a_profile_keeps_its_number() -> None:
    change = history([token(n) for n in range(5)], [token(n) for n in range(3)])
    assert change.people.profile.tolist() == [0, 0, 0, 1, 1]
    assert change.touched.tolist() == [False, False, False, True, True]
    change = history([token(n) for n in range(5)], [token(0)])
    assert change.people.profile.tolist() == [1, 0, 0, 0, 0]
    assert change.profiles == {0: {(0, 0, 0)}, 1: {(0, 0, OPEN)}}


def test_equal_histories_share_a_profile() -> None:
    change = history([token(1), token(2), token(3)], [token(2), token(3)], [token(3)], [token(1), token(2), token(3)])
    assert spans_of(change) == [[(0, 0, 0), (0, 3, OPEN)], [(0, 0, 1), (0, 3, OPEN)], [(0, 0, OPEN)]]


def test_a_block_is_searched_at_whole_rows_only() -> None:
    """The second half of one row and the first half of the next may spell another person's token."""
    first, second = token(0x1111111111111111, 0x2222222222222222), token(0x3333333333333333, 0x4444444444444444)
    change = history([first, second])
    [(_, payload)] = membership.pack(change.people, 0, change.touched)
    assert len(payload) == 40
    assert membership.find(payload, first[:16]) == 0
    assert membership.find(payload, second[:16]) == 0
    straddling = payload[8:24]
    assert straddling in payload
    assert membership.find(payload, straddling) is None


def test_blocks_are_chosen_by_leading_bits_and_only_touched_ones_are_packed() -> None:
    change = history([token(0), token(1 << 62), token(1 << 63), token((1 << 64) - 1)])
    assert membership.block_of(change.people.high, 2).tolist() == [0, 1, 2, 3]
    assert membership.block_of(change.people.high, 1).tolist() == [0, 0, 1, 1]
    touched = np.array([False, True, False, False])
    assert [number for number, _ in membership.pack(change.people, 1, touched)] == [0]
    assert [number for number, _ in membership.pack(change.people, 2, touched)] == [1]


def test_bits_grow_with_people_and_never_shrink() -> None:
    assert [membership.bits_for(people, 0) for people in (0, 64, 65, 128, 129, 10_000_000)] == [0, 0, 1, 1, 2, 18]
    assert membership.bits_for(10, 7) == 7


def test_versions_come_by_path_and_position() -> None:
    versions = {0: ["a0", "a1", "a2"], 1: ["b0"]}
    assert membership.versions_of(frozenset({(1, 0, OPEN), (0, 1, OPEN)}), versions) == ["a1", "a2", "b0"]
    assert membership.versions_of(frozenset({(0, 0, 0), (0, 2, 2)}), versions) == ["a0", "a2"]


people = st.frozensets(st.integers(0, 30))


@given(versions=st.lists(people, min_size=1, max_size=8))
def test_packing_and_unpacking_gives_the_same_people(versions: list[frozenset[int]]) -> None:
    change = history(*[[token(n << 59, n % 3) for n in version] for version in versions])
    everyone = np.ones(len(change.people), dtype=bool)
    for bits in (0, 3):
        packed = membership.pack(change.people, bits, everyone)
        again = membership.unpack(payload for _, payload in packed)
        assert again.profile.tolist() == change.people.profile.tolist()
        assert membership.token_bytes(again.high, again.low) == membership.token_bytes(change.people.high, change.people.low)


@given(versions=st.lists(people, min_size=1, max_size=8))
def test_no_profile_is_kept_that_nobody_has(versions: list[frozenset[int]]) -> None:
    change = history(*[[token(n) for n in version] for version in versions])
    assert set(change.profiles) == set(change.people.profile.tolist())
