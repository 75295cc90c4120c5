from __future__ import annotations

import numpy as np
import pytest

from unlearning.domain.errors import Damaged
from unlearning.learners.statistics.state import Sums, marks, nothing, pack, unpack

SHAPES = {"counts": (2,), "sums": (2, 3)}
SUMS = Sums(5, (1, 2**64 - 1), {"counts": np.array([2, 3]), "sums": np.arange(6).reshape(2, 3) - 2**62})


def test_bytes_and_back() -> None:
    payload = pack(SUMS, "20 bits")
    found = unpack(payload, SHAPES, "20 bits")
    assert (found.rows, found.marks) == (SUMS.rows, SUMS.marks)
    assert all(np.array_equal(found.arrays[name], values) for name, values in SUMS.arrays.items())
    assert pack(found, "20 bits") == payload


def test_sums_of_something_else_do_not_open() -> None:
    payload = pack(SUMS, "20 bits")
    for shapes, meaning in ((SHAPES, "19 bits"), ({"counts": (2,)}, "20 bits")):
        with pytest.raises(Damaged, match="no sums of this recipe's model"):
            unpack(payload, shapes, meaning)


def test_marks_are_of_the_records_in_any_order_and_come_out_by_subtraction() -> None:
    keys = np.random.default_rng(0).integers(0, 2**64, 50, dtype=np.uint64)
    assert marks(keys) == marks(keys[::-1])
    assert marks(keys) != marks(np.concatenate([keys[:-1], keys[:1]]))
    empty = nothing(SHAPES)
    everyone, some = (Sums(len(one), marks(one), empty.arrays) for one in (keys, keys[:7]))
    assert everyone.minus(some).marks == marks(keys[7:])
    assert everyone.minus(everyone).marks == empty.marks == marks(keys[:0])
