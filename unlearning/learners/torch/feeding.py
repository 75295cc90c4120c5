"""What a network is fed with: batches of columns and their targets, or of lists with items that are hidden and asked for.

Whatever is drawn for a record is drawn by its own key, so that nobody's draw changes when somebody else leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unlearning.domain.draws import draw, mixed
from unlearning.domain.item_lists import unpacked
from unlearning.domain.protocols import Records

_PIECE = 1 << 25
"""Cells of lists that are unpacked at a time."""


class Feed(Protocol):
    """The records of one training, as often as they are passed over."""

    def batches(self, order: Tensor, seed: int, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """(size, d) features and (size, …) targets of each row of `order`, (steps, size) positions; number: of the pass."""


class Columns:
    """Records that are the same in each pass; features: (n, d), preprocessed, target: (n,)."""

    def __init__(self, features: Tensor, target: Tensor) -> None:
        self._features, self._target = features, target
        self._epoch = features.new_empty(0)

    def batches(self, order: Tensor, seed: int, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """What is stored, in this order."""
        del seed, number
        rows, shape = order.flatten(), self._features.shape[1:]
        if len(self._epoch) != len(rows):
            # One buffer for all passes: fresh memory costs its page faults again each time.
            self._epoch = self._features.new_empty(len(rows), *shape)
        torch.index_select(self._features, 0, rows, out=self._epoch)
        yield from zip(self._epoch.view(*order.shape, *shape), self._target[rows].view(order.shape), strict=True)


@dataclass(frozen=True)
class Asking:
    """What is asked about a list in each pass."""

    items: int
    positives: int
    negatives: int


class Lists:
    """People with all their items, of which each pass hides some and asks for them."""

    def __init__(self, records: Records, asking: Asking, device: torch.device) -> None:
        self._asking, self._device = asking, device
        self._keys = np.array(records.keys)
        self._bits = np.bitwise_or(records.features, records.target)
        rows = max(1, _PIECE // asking.items)
        pieces = [unpacked(self._bits[start : start + rows], asking.items) for start in range(0, len(self._bits), rows)]
        self._held = np.concatenate([piece.sum(axis=1, dtype=np.int64) for piece in pieces])
        self._items = np.concatenate([np.nonzero(piece)[1] for piece in pieces]).astype(np.int64)
        self._starts = np.cumsum(self._held) - self._held

    def batches(self, order: Tensor, seed: int, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """(size, items) zeros and ones, and (size, positives, 1 + negatives) items: one that is hidden, then others that the
        person does not have."""
        for rows in order.cpu().numpy():
            hidden, others = self._asked(rows, seed, number)
            lists = unpacked(self._bits[rows], self._asking.items).astype(np.float32)
            np.put_along_axis(lists, hidden, np.float32(0), axis=1)
            drawn = np.concatenate([hidden[:, :, None], others], axis=2)
            yield torch.from_numpy(lists).to(self._device), torch.from_numpy(drawn).to(self._device)

    def _asked(self, rows: NDArray[np.int64], seed: int, number: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(b, positives) items to hide, half of a person's at most and one at least, over and over where they have few; and
        (b, positives, negatives) items that they lack."""
        width, people = self._asking.items, np.arange(len(rows))
        held, keys = self._held[rows], self._keys[rows]
        starts = np.cumsum(held) - held
        owner = np.repeat(people, held)
        place = np.arange(len(owner)) - starts[owner]
        items = self._items[self._starts[rows][owner] + place]
        drawn = draw(keys[owner] ^ mixed(items.astype(np.uint64)), "hidden", seed, number)
        shuffled = items[np.lexsort((drawn, owner))]
        hides = np.clip(held // 2, 1, self._asking.positives)
        hidden = shuffled[starts[:, None] + np.arange(self._asking.positives) % hides[:, None]]
        count = self._asking.positives * self._asking.negatives
        salts = mixed(np.arange(1, count + 1, dtype=np.uint64))
        lacks = np.maximum(1, width - held)
        rank = (mixed(draw(keys, "against", seed, number)[:, None] ^ salts) % lacks[:, None].astype(np.uint64)).astype(np.int64)
        # Before the held item a_i stand a_i - i that are not held: so many of them are passed on the way to that rank.
        before = owner * (width + 1) + items - place
        passed = np.searchsorted(before, people[:, None] * (width + 1) + rank, side="right") - starts[:, None]
        # Who has everything is asked for it against itself, which teaches nothing.
        others = np.minimum(rank + passed, width - 1)
        return hidden, others.reshape(len(rows), self._asking.positives, self._asking.negatives)
