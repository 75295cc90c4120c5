"""Forget set × lineage → what is touched. Pure: finding out changes nothing.

A person's places in a model follow from the partition token alone, so the stale checkpoints of a version are the keys of their
shards from one slice on; no data of other people is looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.chain import Chain
from unlearning.domain.entities import ModelRecord, ShardImpact
from unlearning.domain.partition import Places, members_of


def shaped_by(record: ModelRecord, holders: Mapping[str, Collection[str]], suppressed: Collection[str]) -> frozenset[str]:
    """The tokens that shaped a model version: in its data, and not suppressed when its training began.

    holders: data digest → tokens of the forget set found in it. suppressed: tokens left out as of `record.suppressed_upto`.
    """
    return frozenset(holders.get(record.data.digest, ())) - frozenset(suppressed)


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


def _placed(chain: Chain, where: Places) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    _, shard, piece = members_of(
        where,
        shards=len(chain.shards),
        slices=len(chain.shards[0].rows),
        members_of_person=chain.members_of_person,
    )
    return shard, piece


def shard_impacts(where: Places, *, shards: int, slices: int, members_of_person: int = 1) -> tuple[ShardImpact, ...]:
    """Per touched shard: the first slice to train again and how many records it loses.

    where: (n, 4) partition tokens, one a record of the forget set.
    """
    _, shard, piece = members_of(where, shards=shards, slices=slices, members_of_person=members_of_person)
    return tuple(
        ShardImpact(
            shard=int(one),
            first_slice=int(piece[shard == one].min()) + 1,
            slices=slices,
            records=int((shard == one).sum()),
        )
        for one in np.unique(shard)
    )
