"""Sums as bytes and back: a line that says what they are sums of, then little-endian integers, the same bytes every time.

Sums of products are int64. Counts, which are unsigned, take as many bytes as the largest of them needs.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.draws import Keys, draw
from unlearning.domain.errors import Damaged

_WORDS = (1, 2)
_COUNTS = ("|u1", "<u2", "<u4", "<u8")
_KINDS = frozenset({*_COUNTS, "<i8"})
_LONGEST = 64
"""Bytes of the line that says of which kinds the arrays are."""


@dataclass(frozen=True)
class Sums:
    """What a constituent knows: sums over its records, nothing that was solved of them."""

    rows: int
    marks: tuple[int, ...]
    """128 bits: the sum of a hash of each record's key, by which it is known of which records the sums are.

    A multiset hash (Clarke et al. 2003, "Incremental multiset hash functions", doi:10.1007/978-3-540-40061-5_12); a key is made
    of a record's person, by a secret, and its content."""
    arrays: Mapping[str, NDArray[Any]]

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
    arrays = [least(values) for values in sums.arrays.values()]
    kinds = [values.dtype.str for values in arrays]
    return b"".join([_line(meaning), _line(" ".join(kinds)), head.astype("<u8").tobytes(), *(one.data for one in arrays)])


def unpack(payload: bytes, shapes: Mapping[str, tuple[int, ...]], meaning: str) -> Sums:
    """The inverse of pack; raises Damaged."""
    line, words = _line(meaning), 1 + len(_WORDS)
    said, _, _ = payload[len(line) : len(line) + _LONGEST].partition(b"\n")
    kinds = said.decode("ascii", "replace").split()[1:]
    start = len(line) + len(said) + 1 + 8 * words
    sizes = [prod(shape) for shape in shapes.values()]
    fits = payload.startswith(line) and len(kinds) == len(sizes) and set(kinds) <= _KINDS
    lengths = [np.dtype(kind).itemsize * size for kind, size in zip(kinds, sizes, strict=True)] if fits else []
    ends = [*accumulate(lengths, initial=start)]
    if not fits or len(payload) != ends[-1]:
        raise Damaged(
            f"a checkpoint of {len(payload)} bytes holds no sums of this recipe's model; delete it and run `unlearn train`"
        )
    rows, *marked = np.frombuffer(payload, "<u8", words, start - 8 * words).tolist()
    named = zip(shapes.items(), kinds, sizes, ends, strict=False)
    arrays = {name: np.frombuffer(payload, kind, size, at).reshape(shape) for (name, shape), kind, size, at in named}
    return Sums(rows, tuple(marked), arrays)


def least(values: NDArray[Any]) -> NDArray[Any]:
    """Little-endian, in C order; counts in the fewest bytes that hold all of them."""
    if values.dtype.kind != "u":
        return np.ascontiguousarray(values, "<i8")
    most = int(values.max(initial=0))
    return np.ascontiguousarray(values, next(kind for kind in _COUNTS if most <= np.iinfo(kind).max))


def npy(values: NDArray[Any]) -> bytes:
    """In numpy's own form."""
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=False)
    return stream.getvalue()


def _line(meaning: str) -> bytes:
    return f"sums {meaning}\n".encode()
