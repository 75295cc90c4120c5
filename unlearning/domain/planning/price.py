"""What each method would cost on a model, which of them may be used, and in which order. Pure.

A price is counted in records that are trained again, and in seconds of CPU time: by what former trainings of the same model
took, so that nobody says a number where nothing was measured.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from statistics import median

from unlearning.domain.chain import Chain, Job
from unlearning.domain.entities import Certified, Empirical, Exact, Guarantee, ShardImpact
from unlearning.domain.errors import WrongUse
from unlearning.domain.planning.cost import training_rows

INSTANT = "instant"
"""Where the policy wants an answer at once, the begin of the ladder."""
HEALS = "sisa"
"""What trains an answer at once to its end, from the checkpoints that there are."""
RETRAIN = "retrain"
"""The end of every ladder that the planner makes, and the whole of it where most of the records go."""
MOST = 0.5
"""A larger share of the records to be forgotten leaves less to start from than there is to train."""
LOOKED_AT = 20
"""So many former trainings, the latest, tell how long one takes."""

_CERTIFIED = re.compile(r"certified\(\s*(?P<epsilon>[0-9.eE+-]+)\s*,\s*(?P<delta>[0-9.eE+-]+)\s*\)")


@dataclass(frozen=True)
class Price:
    """What one method would cost on one model, or why it is none for it."""

    model: str
    method: str
    guarantee: str
    seconds: float | None
    """CPU time of its jobs; None where nobody measured the like."""
    records: int | None
    """Shown to the learner, summed over epochs; None of a method that cannot serve the model."""
    admissible: bool
    why: str


@dataclass(frozen=True)
class Measured:
    """A training that was: what it was shown, and the CPU time that took."""

    records: int
    seconds: float


def promised(said: str) -> Guarantee:
    """`exact`, `empirical` or `certified(ε, δ)` as a guarantee. Raises ValueError."""
    if said in ("exact", "empirical"):
        return Exact() if said == "exact" else Empirical()
    try:
        numbers = _CERTIFIED.fullmatch(said)
        epsilon, delta = (float(one) for one in numbers.groups()) if numbers else (0.0, 0.0)
    except ValueError:
        epsilon = delta = 0.0
    if not (epsilon > 0 and 0 < delta < 1):
        raise ValueError("expected exact | certified(ε, δ) with ε > 0 and 0 < δ < 1, as certified(1, 1e-5) | empirical")
    return Certified(epsilon, delta)


def keeps(offered: Guarantee, wanted: Guarantee) -> bool:
    """Whoever gets what is offered has all that was promised."""
    match offered, wanted:
        case (Exact(), _) | (_, Empirical()):
            return True
        case Certified(), Certified():
            return offered.epsilon <= wanted.epsilon and offered.delta <= wanted.delta
    return False


def records_of(jobs: Sequence[Job], chain: Chain, epochs: Sequence[int], touched: Sequence[ShardImpact], passes: int) -> int:
    """Records that these jobs show the learner, summed over epochs.

    A job without a parent trains along its chain: all of it, or with `reuse` from the first touched slice on. One with a parent
    goes so many times, `passes`, over what is kept and what is forgotten; without passes nobody is trained on. chain: as it is
    before anybody leaves.
    """
    if not passes:
        return 0
    first = {one.shard: one.first_slice for one in touched}
    along = [
        ShardImpact(job.shard, first.get(job.shard, 1) if job.reuse else 1, len(epochs), 0)
        for job in jobs
        if job.parent is None and (job.shard in first or not job.reuse)
    ]
    whole = sum(passes * (job.bounds[-1] - job.bounds[0]) for job in jobs if job.parent is not None)
    return training_rows(_without(chain, touched), epochs, along) + whole


def _without(chain: Chain, touched: Iterable[ShardImpact]) -> Chain:
    """The chain's numbers of records once who leaves has left, as if all of a shard left from its first touched slice."""
    shards = list(chain.shards)
    for one in touched:
        rows = list(shards[one.shard].rows)
        rows[one.first_slice - 1] = max(0, rows[one.first_slice - 1] - one.records)
        shards[one.shard] = replace(shards[one.shard], rows=tuple(rows))
    return replace(chain, shards=tuple(shards))


def seconds_of(records: int, former: Sequence[Measured]) -> float | None:
    """CPU time of showing so many records, by former trainings in their order; None without any.

    What every job costs besides its records is told apart once trainings of different sizes were measured.
    """
    latest = former[-LOOKED_AT:]
    if not latest:
        return None
    if not records:
        return round(median([one.seconds for one in latest if not one.records] or [0.0]), 3)
    sized = [one for one in latest if one.records and one.seconds > 0]
    if not sized:
        return None
    pace = median(one.seconds / one.records for one in sized)
    base, each = _line(sized) if len({one.records for one in sized}) > 2 else (0.0, pace)
    return round(base + each * records, 3)


def _line(sized: Sequence[Measured]) -> tuple[float, float]:
    """(seconds of any training, seconds a record) with the least squares of relative errors, neither below zero."""
    points = [(1 / one.seconds, one.records / one.seconds) for one in sized]
    one_one, one_each, each_each = (sum(a * b for a, b in found) for found in _products(points))
    flat, steep = (sum(column) for column in zip(*points, strict=True))
    if determinant := one_one * each_each - one_each**2:
        base = (flat * each_each - steep * one_each) / determinant
        each = (steep * one_one - flat * one_each) / determinant
        if base >= 0 and each > 0:
            return base, each
    return 0.0, median(one.seconds / one.records for one in sized)


def _products(points: Sequence[tuple[float, float]]) -> tuple[list[tuple[float, float]], ...]:
    return [(a, a) for a, _ in points], list(points), [(b, b) for _, b in points]


def expected_rows(chain: Chain, epochs: Sequence[int], touched: Iterable[ShardImpact] = (), *, more: float) -> float:
    """Records trained again for the touched shards and for so many further people, each with one record somewhere.

    A stage of a shard is trained again when anybody leaves its slices up to that one. Everybody is taken to be as likely to
    ask: by m of them it is with the probability 1 - (1 - n/N)^m, n of all N records being in those slices. `more` may be no
    whole number: it is an expectation.
    """
    first = {one.shard: one.first_slice for one in touched}
    return sum(
        passes * rows * (1.0 if stage >= first.get(shard.shard, len(epochs) + 1) else chance)
        for shard, chances in zip(chain.shards, _chances(chain, more), strict=True)
        for stage, (passes, rows, chance) in enumerate(zip(epochs, accumulate(shard.rows), chances, strict=True), start=1)
    )


def expected_shards(chain: Chain, touched: Iterable[ShardImpact] = (), *, more: float) -> float:
    """Shards trained again for those that are touched and for so many further people; of even ones S(1 - (1 - 1/S)^m)."""
    here = {one.shard for one in touched}
    pairs = zip(chain.shards, _chances(chain, more), strict=True)
    return sum(1.0 if shard.shard in here else chances[-1] for shard, chances in pairs)


def _chances(chain: Chain, more: float) -> list[list[float]]:
    """(S, R) that any of so many people is in the shard's slices up to each."""
    everybody = max(1, sum(sum(shard.rows) for shard in chain.shards) // chain.members_of_person)
    return [[1 - max(0.0, 1 - rows / everybody) ** more for rows in accumulate(shard.rows)] for shard in chain.shards]


def ladder(
    prices: Sequence[Price], listed: Sequence[str] | None, *, share: float, model: str, at_once: bool = False
) -> tuple[str, ...]:
    """The methods to try, each when the checks of the one before fail. share: of the model's records that are to go.

    listed: those of the policy in their order; None leaves it to the planner: the cheapest first, and `retrain` in the end.
    at_once: `instant` before all of them. Raises WrongUse where a listed one may not be used, or none may.
    """
    if at_once:
        others = [one for one in prices if one.method != INSTANT]
        if why := [one.why for one in prices if one.method == INSTANT and not one.admissible]:
            raise WrongUse("; ".join(why) + _instead([one for one in others if one.admissible], model))
        rest = [name for name in listed or () if name != INSTANT]
        return (INSTANT, *ladder(others, rest or None, share=share, model=model))
    known = {one.method: one for one in prices}
    may = [one for one in prices if one.admissible]
    if listed is not None and (refused := [known[name] for name in listed if not known[name].admissible]):
        raise WrongUse("; ".join(dict.fromkeys(one.why for one in refused)) + _instead(may, model))
    if not may:
        raise WrongUse(f"no installed method keeps what policy.guarantee promises of {model}: " + "; ".join(map(_said, prices)))
    if share > MOST and known[RETRAIN].admissible:
        return (RETRAIN,)
    if listed is not None:
        return tuple(listed)
    timed = all(one.seconds is not None for one in may)
    by_price = sorted(may, key=lambda one: (one.seconds if timed else 0, one.records, one.method))
    return tuple(one.method for one in by_price if one.method != RETRAIN) + ((RETRAIN,) if known[RETRAIN].admissible else ())


def _instead(may: Sequence[Price], model: str) -> str:
    return f"; {model} can be served by {', '.join(one.method for one in may) or 'none of the installed methods'}"


def _said(price: Price) -> str:
    return f"{price.method}: {price.why}"
