"""Forget set × lineage → what is touched. Pure: finding out changes nothing.

A person's place in a model follows from the partition token alone, so the stale checkpoints of a version are the keys of one
shard from one slice on; no data of other people is looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.entities import Chain, ModelRecord, ShardImpact
from unlearning.domain.partition import Places, shard_and_slice


def shaped_by(record: ModelRecord, holders: Mapping[str, Collection[str]], suppressed: Collection[str]) -> frozenset[str]:
    """The tokens that shaped a model version: in its data, and not suppressed when its training began.

    holders: data digest → tokens of the forget set found in it. suppressed: tokens left out as of `record.suppressed_upto`.
    """
    return frozenset(holders.get(record.data.digest, ())) - frozenset(suppressed)


def stale_keys(record: ModelRecord, where: Places) -> frozenset[str]:
    """Checkpoint names of one version that hold the people at these places, heads that left the chain included."""
    touched = {int(shard) for shard in _placed(record.chain, where)[0]}
    return stale_in_chain(record.chain, where) | {part.key for part in record.trained.parts if part.shard in touched}


def stale_in_chain(chain: Chain, where: Places) -> frozenset[str]:
    """Checkpoint names from the people's slices on: whatever is stored under them has seen these people, or would have."""
    return frozenset(
        key for shard, piece in zip(*_placed(chain, where), strict=True) for key in chain.shards[shard].keys[piece + 1 :]
    )


def _placed(chain: Chain, where: Places) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return shard_and_slice(where, shards=len(chain.shards), slices=len(chain.shards[0].rows))


def shard_impacts(where: Places, *, shards: int, slices: int) -> tuple[ShardImpact, ...]:
    """Per touched shard: the first slice to train again and how many records it loses.

    where: (n, 4) partition tokens, one a record of the forget set.
    """
    shard, piece = shard_and_slice(where, shards=shards, slices=slices)
    return tuple(
        ShardImpact(
            shard=int(one),
            first_slice=int(piece[shard == one].min()) + 1,
            slices=slices,
            records=int((shard == one).sum()),
        )
        for one in np.unique(shard)
    )


def training_rows(chain: Chain, stage_epochs: Sequence[int], touched: Iterable[ShardImpact] | None = None) -> int:
    """Records shown to the learner, summed over epochs: for the whole chain, or for the touched part of it.

    Cost model of SISA (Bourtoule et al. 2021, section V): stage r passes over the cumulative slices 1..r.
    """
    first = {shard.shard: 1 for shard in chain.shards} if touched is None else {t.shard: t.first_slice for t in touched}
    return sum(
        epochs * rows
        for shard, start in first.items()
        for stage, (epochs, rows) in enumerate(zip(stage_epochs, accumulate(chain.shards[shard].rows), strict=True), start=1)
        if stage >= start
    )


def expected_share(*, shards: int, slices: int, requests: int) -> float:
    """Share of a full training that K uniform requests cost under SISA; the formula that `make bench` compares with.

    A shard hit by m requests restarts from the smallest of m uniform slices: Σ_k 2k/(R(R+1)) · (1 − ((R−k)/R)^m)
    is the share of its stages' work after that slice, averaged over the binomial number of hits of a shard.
    """
    total = 0.0
    probability = (1 - 1 / shards) ** requests
    for hits in range(1, requests + 1):
        # Binomial pmf by recurrence; p(0) above is the chance that a shard is not touched.
        probability *= (requests - hits + 1) / hits / max(shards - 1, 1e-300) if shards > 1 else 0.0
        total += probability * _restart_share(slices, hits)
    return total if shards > 1 else _restart_share(slices, requests)


def _restart_share(slices: int, hits: int) -> float:
    return sum(2 * k / (slices * (slices + 1)) * (1 - ((slices - k) / slices) ** hits) for k in range(1, slices + 1))


def unique_places(where: Places) -> NDArray[np.uint64]:
    """(people, 4) places without repetition."""
    return np.unique(where, axis=0)
