"""What is drawn for a record (its place in an epoch, whether it is sampled) is drawn by that record's own key.

A permutation of positions shuffles everybody anew when one person leaves; a keyed hash leaves all other draws as they were, so
that other people's answers hardly move. Mixing: the finaliser of SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable
pseudorandom number generators", OOPSLA, doi:10.1145/2660193.2660195).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.hashing import seed_from

Keys = NDArray[np.uint64]
"""(n,) what each record's draws are made of."""

_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def draw(keys: Keys, *words: str | int) -> NDArray[np.uint64]:
    """(n,) 64 random bits a record, for the purpose that the words name, such as ("order", seed, epoch)."""
    salt = np.uint64(seed_from(*words) & 0xFFFFFFFFFFFFFFFF)
    return mixed(mixed(np.asarray(keys, np.uint64)) ^ salt)


def order(keys: Keys, *words: str | int) -> NDArray[np.int64]:
    """(n,) positions in an order of the records' own draws; records with one key stay in the order they have."""
    return np.argsort(draw(keys, "order", *words), kind="stable").astype(np.int64)


def uniform(keys: Keys, *words: str | int) -> NDArray[np.float64]:
    """(n,) numbers in [0, 1), one a record."""
    return (draw(keys, *words) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """(n,) every bit of a value spread over all of them; a bijection."""
    spread = (values ^ (values >> np.uint64(30))) * _FIRST
    spread = (spread ^ (spread >> np.uint64(27))) * _SECOND
    return spread ^ (spread >> np.uint64(31))
