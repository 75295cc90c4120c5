"""What a person has of a declared list of items, as bits: one row a person, of a width that nobody's list decides.

    (n, ⌈items / 8⌉) uint8,   item j is bit 7 - j mod 8 of byte ⌊j / 8⌋

A record has two of them: the items that are shown to a model when it is asked, and the others, which are left out to judge its
answer by. Training sees both. What is left out is drawn by the person's own key and the item, so that nobody's draw changes
when somebody else leaves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.draws import Keys, draw, mixed

Bits = NDArray[np.uint8]


def packed(rows: NDArray[np.int64], items: NDArray[np.int64], *, people: int, width: int) -> Bits:
    """(people, ⌈width / 8⌉) bits from pairs of a row and an item."""
    bits = np.zeros((people, -(-width // 8)), np.uint8)
    np.bitwise_or.at(bits, (rows, items >> 3), (np.uint8(128) >> (items & 7).astype(np.uint8)))
    return bits


def unpacked(bits: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """(n, width) zeros and ones, the inverse of `packed`."""
    return np.unpackbits(np.asarray(bits), axis=1, count=width)


def shown_and_left_out(
    owner: NDArray[np.int64], items: NDArray[np.int64], keys: Keys, *, width: int, share: float
) -> tuple[Bits, Bits]:
    """(people, …) the items shown of each person, and those left out: about `share` of them, never all, one at least of two.

    owner, items: (m,) pairs, in any order, however often each; keys: (people,) what each person's draws are made of.
    """
    pairs = np.unique(owner * width + items)
    owner, items = pairs // width, pairs % width
    held = np.bincount(owner, minlength=len(keys))
    leaves = np.where(held > 1, np.maximum(1, np.rint(np.minimum(share * held, held / 2))), 0).astype(np.int64)
    order = np.lexsort((draw(keys[owner] ^ mixed(items.astype(np.uint64)), "left out"), owner))
    place = np.arange(len(pairs)) - np.repeat(np.cumsum(held) - held, held)
    out = np.zeros(len(pairs), np.bool_)
    out[order] = place < np.repeat(leaves, held)
    shown, left = (packed(owner[one], items[one], people=len(keys), width=width) for one in (~out, out))
    return shown, left
