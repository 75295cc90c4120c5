"""Who is in which data versions, packed: the arithmetic of the membership index, without a database.

Every person is one row (token, profile) of 20 bytes; a profile is a set of spans (path, first, last), one for each stretch of
consecutively recorded versions of a path that hold the person. People with the same history share a profile, so a new version
that keeps somebody costs nothing for them: their span is still open. Only who appears, leaves or returns gets another profile.
Branches need nothing of their own: going back and forth between them closes and opens spans, of profiles, not of people.

Tokens are HMACs, hence uniform: their leading bits spread people evenly over blocks, and a block is found without a search.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOKEN_BYTES = 16
"""Kept of each 32-byte token; two of ten million people collide with probability 10⁻²⁵."""

OPEN = -1
"""`last` of a span that reaches the newest version of its path."""

Span = tuple[int, int, int]
"""(path, first, last): number of the path, positions among its versions, both included."""
Profile = frozenset[Span]
Words = NDArray[np.uint64]

_ROW = np.dtype([("high", ">u8"), ("low", ">u8"), ("profile", "<u4")])
_PEOPLE_PER_BLOCK = 64
"""At most, on average: about 1.3 kB, so that several blocks share a page of the database."""


@dataclass(frozen=True)
class People:
    """Rows of the index, sorted by token, each token once."""

    high: Words
    low: Words
    """(n,) each: the token as two big-endian words."""
    profile: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.high)


@dataclass(frozen=True)
class Change:
    """What a new version does to the index."""

    people: People
    touched: NDArray[np.bool_]
    """(n,) rows that are new or have another profile."""
    profiles: dict[int, Profile]
    """Every profile afterwards."""


def words(tokens: Sequence[bytes] | NDArray[np.uint8]) -> tuple[Words, Words]:
    """Tokens of at least 16 bytes as sorted, distinct (high, low) words; bytes, or an (n, ≥16) array of them."""
    high, low = _split(tokens)
    order = np.argsort(high)
    high, low = high[order], low[order]
    if np.any(high[1:] == high[:-1]):
        order = np.lexsort((low, high))
        high, low = high[order], low[order]
        new = np.concatenate(([True], (high[1:] != high[:-1]) | (low[1:] != low[:-1])))
        high, low = high[new], low[new]
    return high, low


def _split(tokens: Sequence[bytes] | NDArray[np.uint8]) -> tuple[Words, Words]:
    if isinstance(tokens, np.ndarray):
        short = len(tokens) > 0 and tokens.shape[1] < TOKEN_BYTES
        packed = np.ascontiguousarray(tokens[:, :TOKEN_BYTES]).tobytes() if len(tokens) and not short else b""
    else:
        short = any(len(token) < TOKEN_BYTES for token in tokens)
        packed = b"".join([token[:TOKEN_BYTES] for token in tokens])
    if short:
        raise ValueError(f"a token is shorter than {TOKEN_BYTES} bytes; expected the HMAC-SHA256 of a fingerprint")
    pairs = np.frombuffer(packed, dtype=">u8").reshape(-1, 2)
    return pairs[:, 0].astype(np.uint64), pairs[:, 1].astype(np.uint64)


def tokens_digest(high: Words, low: Words) -> str:
    """SHA-256 of the sorted truncated tokens: equal for equal sets of people."""
    return hashlib.sha256(token_bytes(high, low)).hexdigest()


def token_bytes(high: Words, low: Words) -> bytes:
    """The tokens of 16 bytes each, one after the other."""
    return np.stack((high, low), axis=1).astype(">u8").tobytes()


def unpack(payloads: Iterable[bytes]) -> People:
    """The people of blocks that come in the order of their numbers."""
    rows = np.frombuffer(b"".join(payloads), dtype=_ROW)
    return People(rows["high"].astype(np.uint64), rows["low"].astype(np.uint64), rows["profile"].astype(np.uint32))


def pack(people: People, bits: int, touched: NDArray[np.bool_]) -> list[tuple[int, bytes]]:
    """(number, payload) of every block with a touched row."""
    rows = np.empty(len(people), dtype=_ROW)
    rows["high"], rows["low"], rows["profile"] = people.high, people.low, people.profile
    number = block_of(people.high, bits)
    wanted = np.unique(number[touched])
    starts = np.searchsorted(number, wanted, "left") * _ROW.itemsize
    ends = np.searchsorted(number, wanted, "right") * _ROW.itemsize
    packed = rows.tobytes()
    return [(n, packed[a:b]) for n, a, b in zip(wanted.tolist(), starts.tolist(), ends.tolist(), strict=True)]


def block_of(high: Words, bits: int) -> NDArray[np.int64]:
    """(n,) number of each token's block: its leading bits, at most 32."""
    return (high >> np.uint64(64 - bits)).astype(np.int64) if bits else np.zeros(len(high), dtype=np.int64)


def bits_for(people: int, bits: int) -> int:
    """Leading bits for so many people: as before while blocks are small enough, never fewer."""
    while people > _PEOPLE_PER_BLOCK << bits and bits < 32:
        bits += 1
    return bits


def find(payload: bytes, token: bytes) -> int | None:
    """The profile of one token in its block, or None."""
    at = payload.find(token)
    while at >= 0 and at % _ROW.itemsize:
        at = payload.find(token, at + 1)
    return int.from_bytes(payload[at + TOKEN_BYTES : at + _ROW.itemsize], "little") if at >= 0 else None


def add_version(
    people: People, profiles: Mapping[int, Profile], present: tuple[Words, Words], *, path: int, position: int
) -> Change:
    """The index after one more version of a path.

    present: sorted (high, low) of who is in it. In each profile the larger part, who is in the version or who is not, keeps its
    number and the number gets their new history; only the smaller part is given another number.
    """
    merged, known = _union(people, *present)
    inside = _among(merged, *present)
    stays, moves, moved_to = _split_profiles(merged.profile[known], inside[known], profiles, path, position)
    lookup = {profile: number for number, profile in stays.items()}
    target = np.zeros((2, max(profiles, default=-1) + 2), dtype=np.uint32)
    target[:] = np.arange(target.shape[1])
    for side, number in moves:
        target[side, number] = _number(moved_to[side, number], lookup, stays)
    newcomers = int(not known.all()) and _number(frozenset({(path, position, OPEN)}), lookup, stays)
    after = np.where(known, target[inside.astype(np.intp), np.where(known, merged.profile, 0)], np.uint32(newcomers))
    after = after.astype(np.uint32)
    return Change(People(merged.high, merged.low, after), ~known | (after != merged.profile), stays)


def _union(people: People, high: Words, low: Words) -> tuple[People, NDArray[np.bool_]]:
    """The people of both, and which of them were there before."""
    fresh = ~_among(People(high, low, np.zeros(0, np.uint32)), people.high, people.low)
    at = _places(people, high[fresh], low[fresh])
    profile = np.insert(people.profile, at, np.uint32(0))
    known = np.insert(np.ones(len(people), dtype=np.bool_), at, False)
    return People(np.insert(people.high, at, high[fresh]), np.insert(people.low, at, low[fresh]), profile), known


def _among(people: People, high: Words, low: Words) -> NDArray[np.bool_]:
    """(n,) whether each of the people is one of the sorted tokens."""
    if not len(high):
        return np.zeros(len(people), dtype=np.bool_)
    at = _places(People(high, low, np.zeros(0, np.uint32)), people.high, people.low)
    at = np.minimum(at, len(high) - 1)
    found: NDArray[np.bool_] = (high[at] == people.high) & (low[at] == people.low)
    return found


def _places(people: People, high: Words, low: Words) -> NDArray[np.int64]:
    """Where each token is, or would be inserted. Equal high words are so rare that stepping over them is free."""
    at = np.searchsorted(people.high, high, "left")
    while len(people):
        here = np.minimum(at, len(people) - 1)
        behind = (at < len(people)) & (people.high[here] == high) & (people.low[here] < low)
        if not behind.any():
            break
        at = at + behind
    return at


def _split_profiles(
    profile: NDArray[np.uint32], inside: NDArray[np.bool_], profiles: Mapping[int, Profile], path: int, position: int
) -> tuple[dict[int, Profile], list[tuple[int, int]], dict[tuple[int, int], Profile]]:
    """Profiles that keep their number, then the (side, number) of the parts that move, and where to; side 1 is inside."""
    size = max(profiles, default=-1) + 1
    counts = np.stack((np.bincount(profile[~inside], minlength=size), np.bincount(profile[inside], minlength=size)))
    stays, moves, moved_to = {}, [], {}
    for number, before in profiles.items():
        after = [_history(before, bool(side), path, position) for side in (0, 1)]
        larger = int(counts[1, number] > counts[0, number])
        if counts[larger, number]:
            stays[number] = after[larger]
        if counts[1 - larger, number]:
            moves.append((1 - larger, number))
            moved_to[1 - larger, number] = after[1 - larger]
    return stays, moves, moved_to


def _history(before: Profile, inside: bool, path: int, position: int) -> Profile:
    """A history with one more version of a path: a span opens, stays open, or is closed."""
    running = next((span for span in before if span[0] == path and span[2] == OPEN), None)
    if inside:
        return before if running else before | {(path, position, OPEN)}
    return before - {running} | {(path, running[1], position - 1)} if running else before


def _number(profile: Profile, lookup: dict[Profile, int], profiles: dict[int, Profile]) -> int:
    """The number of a profile, a free one when it is new."""
    if profile not in lookup:
        lookup[profile] = max(profiles, default=-1) + 1
        profiles[lookup[profile]] = profile
    return lookup[profile]


def holds(profile: Profile, path: int, position: int) -> bool:
    """Whether people of this history are in one version."""
    return any(at == path and first <= position and (last == OPEN or position <= last) for at, first, last in profile)


def versions_of(profile: Profile, versions: Mapping[int, Sequence[Any]]) -> list[Any]:
    """What a history holds. versions: path → its versions by position."""
    found: list[Any] = []
    for path, first, last in sorted(profile):
        found += versions[path][first : None if last == OPEN else last + 1]
    return found
