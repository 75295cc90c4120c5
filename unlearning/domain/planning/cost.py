"""What an erasure costs: the records that are trained again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

from unlearning.domain.chain import Chain
from unlearning.domain.entities import ShardImpact


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
