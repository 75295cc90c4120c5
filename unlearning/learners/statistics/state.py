"""Sums as bytes and back: a line that says what they are sums of, then little-endian int64, the same bytes every time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.draws import Keys, draw
from unlearning.domain.errors import Damaged

_WORDS = (1, 2)


@dataclass(frozen=True)
class Sums:
    """What a constituent knows: sums over its records, nothing that was solved of them."""

    rows: int
    marks: tuple[int, ...]
    """128 bits: the sum of a hash of each record's key, by which it is known of which records the sums are.

    A multiset hash (Clarke et al. 2003, "Incremental multiset hash functions", doi:10.1007/978-3-540-40061-5_12); a key is made
    of a record's person, by a secret, and its content."""
    arrays: Mapping[str, NDArray[np.int64]]

    def minus(self, other: Sums) -> Sums:
        """The sums without the other's: integers, so that what was added comes out whole."""
        return Sums(
            self.rows - other.rows,
            tuple((one - less) % 2**64 for one, less in zip(self.marks, other.marks, strict=True)),
            {name: values - other.arrays[name] for name, values in self.arrays.items()},
        )


def nothing(shapes: Mapping[str, tuple[int, ...]]) -> Sums:
    """The sums of no record."""
    return Sums(0, (0,) * len(_WORDS), {name: np.zeros(shape, np.int64) for name, shape in shapes.items()})


def marks(keys: Keys) -> tuple[int, ...]:
    """Of which records sums are, in whatever order."""
    return tuple(int(draw(keys, "marks", word).sum(dtype=np.uint64)) for word in _WORDS)


def pack(sums: Sums, meaning: str) -> bytes:
    """meaning: a digest of what was summed; sums of something else do not open with it."""
    head = np.array([sums.rows, *sums.marks], np.uint64)
    return b"".join([_line(meaning), head.astype("<u8").tobytes(), *(_little(values) for values in sums.arrays.values())])


def unpack(payload: bytes, shapes: Mapping[str, tuple[int, ...]], meaning: str) -> Sums:
    """The inverse of pack; raises Damaged."""
    line, words = _line(meaning), 1 + len(_WORDS)
    sizes = [prod(shape) for shape in shapes.values()]
    if not payload.startswith(line) or len(payload) != len(line) + 8 * (words + sum(sizes)):
        raise Damaged(
            f"a checkpoint of {len(payload)} bytes holds no sums of this recipe's model; delete it and run `unlearn train`"
        )
    rows, *marked = np.frombuffer(payload, "<u8", words, len(line)).tolist()
    values = np.frombuffer(payload, "<i8", sum(sizes), len(line) + 8 * words)
    pieces = np.split(values, np.cumsum(sizes)[:-1])
    named = zip(shapes.items(), pieces, strict=True)
    return Sums(rows, tuple(marked), {name: piece.reshape(shape) for (name, shape), piece in named})


def _line(meaning: str) -> bytes:
    return f"sums {meaning}\n".encode()


def _little(values: NDArray[np.int64]) -> bytes:
    return np.ascontiguousarray(values, "<i8").tobytes()
