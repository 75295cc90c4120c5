"""What a network is fed with: whatever is drawn about a person is theirs alone."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import strategies as st

from tests.properties import drawn
from unlearning.domain.draws import mixed
from unlearning.domain.item_lists import shown_and_left_out, unpacked
from unlearning.domain.protocols import Records
from unlearning.learners.torch.feeding import Asking, Columns, Lists

CPU = torch.device("cpu")


def people(held: list[set[int]], items: int) -> Records:
    """Somebody for each set of items."""
    keys = mixed(np.arange(1, len(held) + 1, dtype=np.uint64))
    pairs = np.array([(owner, item) for owner, one in enumerate(held) for item in one], np.int64)
    return Records(*shown_and_left_out(pairs[:, 0], pairs[:, 1], keys, width=items, share=0.3), keys)


def fed(records: Records, asking: Asking, *, seed: int = 5, number: int = 0) -> tuple[np.ndarray, np.ndarray]:
    order = torch.arange(len(records)).view(1, -1)
    ((lists, asked),) = Lists(records, asking, CPU).batches(order, seed, number)
    return lists.numpy(), asked.numpy()


@drawn(
    few=60,
    many=3000,
    held=st.lists(st.sets(st.integers(0, 19), min_size=1), min_size=1, max_size=9),
    positives=st.integers(1, 6),
    negatives=st.integers(1, 6),
    seed=st.integers(0, 2**40),
)
def test_some_items_are_hidden_and_asked_for_against_what_the_person_lacks(
    held: list[set[int]], positives: int, negatives: int, seed: int
) -> None:
    lists, asked = fed(people(held, 20), Asking(20, positives, negatives), seed=seed)
    assert asked.shape == (len(held), positives, 1 + negatives)
    for shown, questions, mine in zip(lists, asked, held, strict=True):
        hidden = set(questions[:, 0].tolist())
        assert hidden <= mine
        assert set(np.flatnonzero(shown).tolist()) == mine - hidden
        assert len(hidden) == min(positives, max(1, len(mine) // 2))
        if len(mine) < 20:
            assert not set(questions[:, 1:].flatten().tolist()) & mine


@drawn(few=30, many=1000, held=st.lists(st.sets(st.integers(0, 19), min_size=1), min_size=2, max_size=9), data=st.data())
def test_nobody_s_draws_change_when_others_leave(held: list[set[int]], data: st.DataObject) -> None:
    records, asking = people(held, 20), Asking(20, 3, 4)
    stay = np.array(sorted(data.draw(st.sets(st.integers(0, len(held) - 1), min_size=1))))
    for everybody, left in zip(fed(records, asking), fed(records[stay], asking), strict=True):
        np.testing.assert_array_equal(everybody[stay], left)


def test_each_pass_and_each_seed_asks_otherwise_and_what_is_drawn_is_even() -> None:
    records, asking = people([set(range(10))] * 400, 40), Asking(40, 5, 20)
    first = fed(records, asking)
    for other in (fed(records, asking, number=1), fed(records, asking, seed=6)):
        assert (first[1] != other[1]).any(axis=(1, 2)).all()
    asked = first[1]
    for counts, among in ((asked[:, :, 0], range(10)), (asked[:, :, 1:], range(10, 40))):
        often = np.bincount(counts.flatten(), minlength=40)
        assert set(np.flatnonzero(often)) == set(among)
        even = counts.size / len(among)
        assert np.abs(often[list(among)] - even).max() < 5 * np.sqrt(even)


def test_who_has_everything_is_asked_nothing_that_there_is_not() -> None:
    lists, asked = fed(people([set(range(6))], 6), Asking(6, 2, 9))
    assert lists.sum() == 4
    assert asked.max() < 6


def test_lists_are_read_in_pieces_as_in_one(monkeypatch: object) -> None:
    records, asking = people([{1, 2, 3}, {4}, {0, 5, 6, 7}], 8), Asking(8, 2, 3)
    whole = fed(records, asking)
    monkeypatch.setattr("unlearning.learners.torch.feeding._PIECE", 8)  # type: ignore[attr-defined]
    for one, piece in zip(whole, fed(records, asking), strict=True):
        np.testing.assert_array_equal(one, piece)
    assert whole[0].shape == (3, 8)
    np.testing.assert_array_equal(unpacked(records.features | records.target, 8).sum(axis=1), [3, 1, 4])


def test_columns_come_in_the_order_that_is_asked_for_in_every_pass() -> None:
    feed = Columns(torch.arange(12.0).view(6, 2), torch.arange(6))
    for order in (torch.tensor([[5, 0], [1, 1]]), torch.tensor([[2, 3], [4, 5]])):
        batches = list(feed.batches(order, 1, 0))
        for rows, (features, target) in zip(order, batches, strict=True):
            assert target.tolist() == rows.tolist()
            assert features[:, 0].tolist() == (2 * rows).tolist()
