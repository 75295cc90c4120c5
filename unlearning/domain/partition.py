"""Records → training or holdout → shards and slices → chains of keys.

Sharding and slicing follow SISA (Bourtoule et al. 2021, arXiv:1912.03817), with one change: a record's place is chosen by
a keyed hash of its person, never by position, so all records of a person share one shard and one slice and nobody else moves
when they leave. A declared placement narrows the choice to a room of the person's own group, which follows from that person's
declared column alone. All functions are pure; arrays are numpy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.chain import Chain, Placement, Room, ShardChain
from unlearning.domain.draws import Keys, draw, mixed
from unlearning.domain.errors import SettingsError
from unlearning.domain.hashing import canonical, digest
from unlearning.domain.protocols import Records

Places = NDArray[np.uint64]
"""(n, 4): the 32-byte partition token of each record's person, as four big-endian words; (n, 5) under a declared placement,
the last being the number of the person's group."""


@dataclass(frozen=True)
class Partition:
    """Records in canonical order: by shard, slice, person, content."""

    order: NDArray[np.int64]
    """(n·k,) positions in the input; `records[order]` is sorted, each record once in each of the k shards of its person."""
    keys: Keys
    """(n·k,) key of each sorted record: of its person and content, and of its number among equal ones of its slice."""
    bounds: NDArray[np.int64]
    """(S, R+1) offsets into the sorted records: slice r of shard s is bounds[s, r-1]:bounds[s, r]."""

    @property
    def rows(self) -> NDArray[np.int64]:
        """(S, R) records of each slice."""
        return np.diff(self.bounds, axis=1)


def places(tokens: Sequence[bytes]) -> Places:
    """32-byte partition tokens as (n, 4) words."""
    return np.frombuffer(b"".join(tokens), dtype=">u8").reshape(-1, 4).astype(np.uint64)


def grouped(where: Places, groups: NDArray[np.int64]) -> Places:
    """The same people, each in a group. groups: (n,) numbers, indices into `Placement.rooms`."""
    return np.column_stack((where[:, :4], groups.astype(np.uint64)))


def shard_and_slice(
    where: Places, *, shards: int, slices: int, placement: Placement | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(n,) shard and (n,) slice, both 0-based: independent words of the token, modulo S and R, or modulo those of the room."""
    if shards < 1 or slices < 1:
        raise SettingsError(f"partition: shards={shards}, slices={slices}; both must be at least 1")
    first_shard, own_shards, first_slice, own_slices = _rooms(where, shards, slices, placement).T
    shard = first_shard + (where[:, 0] % own_shards.astype(np.uint64)).astype(np.int64)
    return shard, first_slice + (where[:, 1] % own_slices.astype(np.uint64)).astype(np.int64)


def _rooms(where: Places, shards: int, slices: int, placement: Placement | None) -> NDArray[np.int64]:
    """(n, 4) the room of each, as `Room` has it."""
    rooms = placement.rooms if placement else (Room(0, shards, 0, slices),)
    sizes = np.array([(one.first_shard, one.shards, one.first_slice, one.slices) for one in rooms], np.int64)
    return sizes[where[:, 4].astype(np.int64) if placement else np.zeros(len(where), np.int64)]


def members_of(
    where: Places, *, shards: int, slices: int, members_of_person: int = 1, placement: Placement | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(n·k,) row, shard and slice, 0-based: each record in k shards of its person's own, in the same slice of each.

    Keyed bagging. The first shard is that of `shard_and_slice`, and with one more there is one more: nobody moves.
    """
    least = min(room.shards for room in placement.rooms) if placement else shards
    if not 1 <= members_of_person <= least:
        raise SettingsError(f"partition.members_of_person is {members_of_person}; expected 1 to {least}, the number of shards")
    first, piece = shard_and_slice(where, shards=shards, slices=slices, placement=placement)
    begins, own = _rooms(where, shards, slices, placement)[:, :2].T
    chosen = first[:, None]
    for number in range(1, members_of_person):
        # The n-th of the room's shards that are left: a step over each that is taken, from the first on.
        another = begins + (draw(where[:, 0], "member", number) % (own - number).astype(np.uint64)).astype(np.int64)
        for taken in np.sort(chosen, axis=1).T:
            another += another >= taken
        chosen = np.column_stack((chosen, another))
    rows = np.repeat(np.arange(len(where)), members_of_person)
    return rows, chosen.reshape(-1), piece[rows]


def split(where: Places, share: float) -> NDArray[np.bool_]:
    """(n,) True where a record is held out: about `share` of the people, each with all of their records.

    share: in (0, 1). It depends on the person alone, so preparing a redacted table and redacting a prepared one give the same
    files.
    """
    if not 0 < share < 1:
        raise SettingsError(f"data.holdout_share is {share}; expected a number between 0 and 1, both excluded")
    return where[:, 2] < np.uint64(int(share * (1 << 64)))  # words 0 and 1 choose shard and slice: independent of this


def drawn(where: Places, share: float) -> NDArray[np.bool_]:
    """(n,) True for about `share` of n people, whom their tokens choose and nothing else about them. share: in (0, 1)."""
    order = where[:, 2]  # of people who were held out by it too: which of them come first is as good as any draw
    last = max(1, round(share * len(order))) - 1
    return order <= np.partition(order, last)[last] if len(order) else np.zeros(0, np.bool_)


def partition(
    records: Records,
    where: Places,
    *,
    shards: int,
    slices: int,
    members_of_person: int = 1,
    placement: Placement | None = None,
) -> Partition:
    """Every record's places, in an order that does not depend on how the records were stored."""
    rows, shard, piece = members_of(
        where, shards=shards, slices=slices, members_of_person=members_of_person, placement=placement
    )
    if members_of_person > 1:
        records, where = records[rows], where[rows]
    content = _row_hash(records)
    order = np.lexsort((content, where[:, 3], where[:, 2], where[:, 1], where[:, 0], piece, shard))
    cell = shard * slices + piece
    order = _break_ties(order, records, where, content, cell)
    counts = np.bincount(cell, minlength=shards * slices)
    ends = np.concatenate(([0], np.cumsum(counts)))
    offsets = np.arange(shards)[:, None] * slices + np.arange(slices + 1)
    keys = _keys(content[order], where[order], cell[order])
    return Partition(order=rows[order], keys=keys, bounds=ends[offsets])


def keyed(records: Records, where: Places) -> Records:
    """Some people's records, all of each, in canonical order and with the keys that they have among everybody's."""
    placed = partition(records, where, shards=1, slices=1)
    return replace(records[placed.order], keys=placed.keys)


def chain(
    recipe: str,
    seed: int,
    records: Records,
    where: Places,
    bounds: NDArray[np.int64],
    *,
    members_of_person: int = 1,
    placement: Placement | None = None,
) -> Chain:
    """The chain of keys over records in canonical order.

    records, where: sorted by `Partition.order`. key(s, 0) = H(recipe, seed, s); key(s, r) = H(key(s, r-1), slice digest).
    """
    return Chain(
        recipe=recipe,
        seed=seed,
        members_of_person=members_of_person,
        placement=placement,
        shards=tuple(
            _shard_chain(recipe, seed, shard, records, where, [int(edge) for edge in edges])
            for shard, edges in enumerate(bounds)
        ),
    )


def _shard_chain(recipe: str, seed: int, shard: int, records: Records, where: Places, edges: Sequence[int]) -> ShardChain:
    keys = [digest(["unlearning/chain/2", recipe, seed, shard])]
    for low, high in pairwise(edges):
        keys.append(digest([keys[-1], _slice_digest(records[low:high], where[low:high])]))
    rows = tuple(high - low for low, high in pairwise(edges))
    return ShardChain(shard=shard, keys=tuple(keys), rows=rows)


def _slice_digest(records: Records, where: Places) -> str:
    """SHA-256 over kinds, shapes and raw little-endian values: exactly what the learner will see, and whose it is."""
    told = [where.astype("<u8", copy=False), *map(_little, (records.features, records.target))]
    sha = hashlib.sha256(canonical([[values.dtype.str, list(values.shape)] for values in told]))
    for values in told:
        sha.update(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return sha.hexdigest()


def _little(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(values.dtype.newbyteorder("<"), copy=False)


def _keys(content: NDArray[np.uint64], where: Places, cell: NDArray[np.int64]) -> Keys:
    """(n,) from records in canonical order, where equal ones of a slice lie side by side; another slice is another matter."""
    keys = mixed(mixed(where[:, 3]) ^ content)
    again = np.concatenate(([False], (keys[1:] == keys[:-1]) & (cell[1:] == cell[:-1])))[: len(keys)]
    position = np.arange(len(keys))
    first = np.maximum.accumulate(np.where(again, 0, position))
    return mixed(keys + (position - first).astype(np.uint64)) if len(keys) else keys


def _row_hash(records: Records) -> NDArray[np.uint64]:
    """(n,) 64-bit multilinear hash of each record's bits; it orders records, it names nothing."""
    return _folded(records.features, _bits(records.target))


def _folded(values: NDArray[Any], first: NDArray[np.uint64] | None = None) -> NDArray[np.uint64]:
    """(n,) the hash of each row, and of what is first."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    weights = np.random.default_rng(0x5EED).integers(1, 2**64, size=bits.shape[1] + 1, dtype=np.uint64) | np.uint64(1)
    total: NDArray[np.uint64] = (np.zeros(len(bits), np.uint64) if first is None else first) * weights[-1]
    for column in range(bits.shape[1]):
        mixed = (bits[:, column].astype(np.uint64) + np.uint64(column + 1)) * weights[column]
        total += mixed ^ (mixed >> np.uint64(29))
    return total


def _bits(target: NDArray[Any]) -> NDArray[np.uint64]:
    """(n,) 64 bits of each target; of a list of items, a hash of it."""
    if target.ndim > 1:
        return _folded(target)
    wide = np.ascontiguousarray(target, np.float64 if target.dtype.kind == "f" else np.int64)
    return wide.view(np.uint64)


def _break_ties(
    order: NDArray[np.int64], records: Records, where: Places, content: NDArray[np.uint64], cell: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Order by full content where two different records of a person hash alike; equal ones may stand either way."""
    same = np.all(where[order[1:]] == where[order[:-1]], axis=1) & (content[order[1:]] == content[order[:-1]])
    same &= cell[order[1:]] == cell[order[:-1]]
    if not same.any():
        return order
    order = order.copy()
    edges = np.flatnonzero(np.diff(np.concatenate(([False], same, [False])).astype(np.int8)))
    for low, high in zip(edges[::2], edges[1::2] + 1, strict=True):
        run = order[low:high]
        bits = np.ascontiguousarray(records.features[run], dtype=np.float32).view(np.uint32)
        order[low:high] = run[np.lexsort((*bits.T, _bits(records.target[run])))]
    return order
