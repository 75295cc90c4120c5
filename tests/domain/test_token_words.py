"""Tokens by their first words: the same answers as about the bytes themselves."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from unlearning.domain.token_words import among, distinct, first_words, ordered, words_of

words = st.lists(st.integers(0, 5) | st.integers(0, 2**64 - 1), max_size=6)
alike = st.binary(min_size=2, max_size=2).map(lambda two: two[:1] * 15 + two[1:])
"""Tokens that often have the same first word."""
tokens = st.lists(st.binary(min_size=16, max_size=16) | alike, max_size=12)


def packed(some: list[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(some), np.uint8).reshape(-1, 16)


@given(words, words)
def test_who_is_in_a_list_is_told_as_numpy_tells_it(some: list[int], others: list[int]) -> None:
    few, many = (distinct(np.array(one, np.uint64)) for one in (some, others))
    assert among(few, many).tolist() == np.isin(few, many).tolist()


@given(words)
def test_distinct_words_are_those_of_a_sorted_set(some: list[int]) -> None:
    assert distinct(np.array(some, np.uint64)).tolist() == sorted(set(some))


@given(tokens)
def test_tokens_are_in_order_as_a_sorted_set_of_bytes_is(some: list[bytes]) -> None:
    found = ordered(packed(some))
    assert [one.tobytes() for one in found] == sorted(set(some))
    assert first_words(found).tolist() == [int.from_bytes(one[:8], "big") for one in sorted(set(some))]


@given(tokens)
def test_tokens_in_hex_have_the_words_of_their_bytes(some: list[bytes]) -> None:
    assert words_of(one.hex() for one in some).tolist() == distinct(first_words(packed(some))).tolist()
