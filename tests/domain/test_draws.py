"""Draws that belong to a record: nobody else's changes when somebody leaves."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from unlearning.domain import draws

KEYS = draws.mixed(np.arange(1, 4001, dtype=np.uint64))


def test_the_finaliser_is_that_of_splitmix64() -> None:
    """The first numbers of the reference generator from seed 0: it mixes multiples of the golden gamma."""
    gamma = np.uint64(0x9E3779B97F4A7C15)
    states = np.arange(1, 4, dtype=np.uint64) * gamma
    assert [hex(value) for value in draws.mixed(states).tolist()] == [
        "0xe220a8397b1dcdaf",
        "0x6e789e6aa1b965f4",
        "0x6c45d188009454f",
    ]


@given(leaving=st.sets(st.integers(0, 99)), seed=st.integers(0, 5), epoch=st.integers(0, 3))
def test_who_stays_keeps_the_order_among_themselves(leaving: set[int], seed: int, epoch: int) -> None:
    stays = np.array([row not in leaving for row in range(100)])
    before = [row for row in draws.order(KEYS[:100], seed, epoch).tolist() if stays[row]]
    after = np.flatnonzero(stays)[draws.order(KEYS[:100][stays], seed, epoch)].tolist()
    assert after == before


def test_an_order_is_a_permutation_and_another_one_for_each_word() -> None:
    orders = [tuple(draws.order(KEYS[:50], seed, epoch).tolist()) for seed in range(3) for epoch in range(3)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len(set(orders)) == 9


def test_records_with_one_key_stay_as_they_are_stored() -> None:
    assert draws.order(np.zeros(5, np.uint64), 3).tolist() == [0, 1, 2, 3, 4]


def test_uniform_numbers_are_in_their_range_and_evenly_spread() -> None:
    drawn = draws.uniform(KEYS, "bag", 7)
    assert ((drawn >= 0) & (drawn < 1)).all()
    counts = np.histogram(drawn, bins=10, range=(0, 1))[0]
    assert ((counts - 400) ** 2 / 400).sum() < 27.9, "χ² of 9 degrees of freedom, one in a thousand"
    assert abs(np.corrcoef(drawn, draws.uniform(KEYS, "bag", 8))[0, 1]) < 0.06
