"""Forget set × lineage → what is touched. Pure: finding out changes nothing.

A person's places in a model follow from the partition token and, under a declared placement, from the person's group, so the
stale checkpoints of a version are the keys of their shards from one slice on; no data of other people is looked at. Of whom
nobody can say in which group they were then, the keys from their place in every group's room on may hold them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.chain import Chain, Placement
from unlearning.domain.entities import ModelRecord, ShardImpact
from unlearning.domain.partition import Places, grouped, members_of


def shaped_by(record: ModelRecord, holders: Mapping[str, Collection[str]], suppressed: Collection[str]) -> frozenset[str]:
    """The tokens that shaped a model version: in its data, and not suppressed when its training began.

    holders: data digest → tokens of the forget set found in it. suppressed: tokens left out as of `record.suppressed_upto`.
    """
    return frozenset(holders.get(record.data.digest, ())) - frozenset(suppressed)


def stale_in_all(each: Iterable[tuple[ModelRecord, Places]]) -> frozenset[str]:
    """`stale_keys` of several versions, each with the people's places in it.

    Names are made of contents: what a chain in which everybody's place is known shows to be free of them is free in any.
    """
    stale, free = set[str](), set[str]()
    for record, where in each:
        theirs = stale_keys(record, where)
        stale |= theirs
        if record.chain.placement and _known(where):
            free |= record.chain.keys - theirs
    return frozenset(stale - free)


def stale_keys(record: ModelRecord, where: Places) -> frozenset[str]:
    """Checkpoint names of one version that hold the people at these places, heads that left the chain included."""
    first = dict[int, int]()
    for shard, piece in zip(*_placed(record.chain, where), strict=True):
        first[int(shard)] = min(int(piece), first.get(int(shard), int(piece)))
    before = {key for shard, piece in first.items() for key in record.chain.shards[shard].keys[: piece + 1]}
    heads = {part.key for part in record.trained.parts if part.shard in first}
    return stale_in_chain(record.chain, where) | (heads - before)  # one that is behind its chain may never have seen them


def stale_in_chain(chain: Chain, where: Places) -> frozenset[str]:
    """Checkpoint names from the people's slices on: whatever is stored under them has seen these people, or would have."""
    return frozenset(
        key for shard, piece in zip(*_placed(chain, where), strict=True) for key in chain.shards[shard].keys[piece + 1 :]
    )


def _known(where: Places) -> bool:
    """Whether it says who is in which group."""
    return bool(where.shape[1] > 4)


def _placed(chain: Chain, where: Places) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(m,) shard and (m,) slice, of each in every group where nobody says in which they are."""
    if chain.placement and not _known(where):
        groups = range(len(chain.placement.rooms))
        where = np.concatenate([grouped(where, np.full(len(where), group)) for group in groups])
    _, shard, piece = members_of(
        where,
        shards=len(chain.shards),
        slices=len(chain.shards[0].rows),
        members_of_person=chain.members_of_person,
        placement=chain.placement,
    )
    return shard, piece


def shard_impacts(
    where: Places, *, shards: int, slices: int, members_of_person: int = 1, placement: Placement | None = None
) -> tuple[ShardImpact, ...]:
    """Per touched shard: the first slice to train again and how many records it loses.

    where: one a record of the forget set, with their groups under a placement.
    """
    _, shard, piece = members_of(where, shards=shards, slices=slices, members_of_person=members_of_person, placement=placement)
    return tuple(
        ShardImpact(
            shard=int(one),
            first_slice=int(piece[shard == one].min()) + 1,
            slices=slices,
            records=int((shard == one).sum()),
        )
        for one in np.unique(shard)
    )
