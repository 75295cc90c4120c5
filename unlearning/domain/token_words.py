"""Tokens by their first eight bytes, as numbers: these are compared, sorted and looked up many times as fast as bytes.

Tokens are HMACs, hence uniform: of ten million people two share such a word with probability 3 · 10⁻⁶, and another person has
the word of a given one by one chance in 10¹⁹.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

WORD_BYTES = 8

Words = NDArray[np.uint64]


def first_words(tokens: NDArray[np.uint8]) -> Words:
    """(n,) of (n, ≥ 8) tokens, which sort as they do."""
    return np.ascontiguousarray(tokens[:, :WORD_BYTES]).view(">u8").reshape(-1).astype(np.uint64)


def words_of(tokens: Iterable[str]) -> Words:
    """(n,) the first words of tokens in hex, sorted, each once."""
    first = b"".join(bytes.fromhex(token[: 2 * WORD_BYTES]) for token in tokens)
    return distinct(np.frombuffer(first, ">u8").astype(np.uint64))


def distinct(words: Words) -> Words:
    """Each once, sorted; `numpy.unique` puts numbers into a hash table since version 2.3, which takes ten times as long."""
    ordered = np.sort(words)
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered


def ordered(tokens: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(m, w) of (n, w ≥ 8) tokens each once, sorted as bytes."""
    words = first_words(tokens)
    order = np.argsort(words)
    words = words[order]
    if not (words[1:] == words[:-1]).any():
        return tokens[order]
    width = tokens.shape[1]
    return np.unique(np.ascontiguousarray(tokens).view(f"V{width}")).view(np.uint8).reshape(-1, width)


def among(some: Words, others: Words) -> NDArray[np.bool_]:
    """(n,) which of a few are in a sorted list, however long it is: `numpy.isin` would sort it again each time."""
    at = np.searchsorted(others, some)
    found = at < len(others)
    found[found] = others[at[found]] == some[found]
    return found
