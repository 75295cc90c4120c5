"""What an erasure costs: the records that are trained again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import median

from unlearning.domain.chain import Chain
from unlearning.domain.entities import ShardImpact

STEPS_S = 20.0
"""Wall seconds of every step but training, in the README's example: a first guess where a project has measured none."""
LOOKED_AT = 5
"""So many former erasures, the latest, tell how long the next one takes."""


@dataclass(frozen=True)
class Former:
    """How long an erasure took from its plan on."""

    wall_s: float
    """From the plan to the certificate."""
    training_s: float
    """Of these, in which models were trained."""
    estimated_s: float
    """What its training was estimated at."""


@dataclass(frozen=True)
class Estimate:
    """How long an erasure may take from its plan on, and from what one says so."""

    wall_s: float
    training_s: float
    former: int
    """How many former erasures were looked at; 0 where none was measured."""


def estimate(training_s: float, former: Sequence[Former]) -> Estimate:
    """The median of former erasures without their training, and the training that is due, at the pace it had in them."""
    if not former:
        return Estimate(STEPS_S + training_s, training_s, 0)
    paces = [one.training_s / one.estimated_s for one in former if one.estimated_s and one.training_s]
    due = training_s * (median(paces) if paces else 1.0)
    return Estimate(median(one.wall_s - one.training_s for one in former) + due, due, len(former))


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
