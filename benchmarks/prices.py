"""What `unlearn plan` says an erasure will cost, beside what it then cost; and what an answer at once costs."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass

import numpy as np

from benchmarks import adult
from benchmarks.ensembles import Ensemble, Population
from benchmarks.report import Section, say
from unlearning.domain.chain import Trained
from unlearning.domain.planning import price
from unlearning.domain.planning.impact import shard_impacts
from unlearning.domain.planning.price import Measured
from unlearning.learners.torch import TorchLearner
from unlearning.methods.instant import Instant
from unlearning.methods.sisa import Sisa
from unlearning.stores.checkpoints import CheckpointStore

SHARDS, SLICES, ERASURES, MOST = 20, 16, 40, 8
WITHIN, AIM = 0.25, 0.9
TITLE = "The planner's price on Adult"
COLUMNS = ("people", "erasures", "records: price / paid, median", "CPU: price / paid, median", "CPU within 25 %")


@dataclass(frozen=True)
class Line:
    """One erasure: what was said before it, and what it took."""

    people: int
    records: tuple[int, int]
    """Price, paid."""
    seconds: tuple[float, float]
    at_once: float
    """CPU seconds of an answer at once."""

    @property
    def within(self) -> bool:
        said, paid = self.seconds
        return abs(said / paid - 1) <= WITHIN


def section() -> Section:
    """Forty erasures, one after the other, each of one to eight people at random."""
    lines = measured()
    by_size = {size: [one for one in lines if one.people == size] for size in sorted({line.people for line in lines})}
    return Section(TITLE, _words(lines), COLUMNS, [_cells(size, those) for size, those in by_size.items()])


def measured() -> list[Line]:
    """Each from what the one before left, with the history that it left."""
    people, random, learner = adult.population("train"), np.random.default_rng(15), TorchLearner(adult.recipe())
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        store = CheckpointStore(folder)
        whole = Ensemble.of(people, shards=SHARDS, slices=SLICES)
        history = [_measured(whole.make(Sisa(), learner, store))]
        for number in range(ERASURES):
            say(f"Adult, erasure {number + 1} of {ERASURES}")
            leaving = random.choice(np.unique(people.people), 1 + int(random.integers(MOST)), replace=False)
            said, seconds = _price(people, whole, leaving.tolist(), learner, history)
            people = people.without(leaving.tolist())
            whole = Ensemble.of(people, shards=SHARDS, slices=SLICES)
            at_once = whole.make(Instant(), learner, store).cpu_seconds
            paid = _measured(whole.make(Sisa(), learner, store))
            lines.append(Line(len(leaving), (said, paid.records), (seconds, paid.seconds), at_once))
            history.append(paid)
    return lines


def _measured(trained: Trained) -> Measured:
    return Measured(sum(part.rows_trained for part in trained.parts), trained.cpu_seconds)


def _price(
    people: Population, whole: Ensemble, leaving: list[int], learner: TorchLearner, history: list[Measured]
) -> tuple[int, float]:
    """As `erasure/pricing.py` works it out: from the chain and the people's places, and from former trainings."""
    touched = shard_impacts(people.where[np.isin(people.people, leaving)], shards=SHARDS, slices=SLICES)
    jobs = Sisa().plan(whole.assignment(learner))
    records = price.records_of(jobs, whole.chain, learner.stage_epochs(SLICES), touched, 1)
    seconds = price.seconds_of(records, history)
    if seconds is None:
        raise RuntimeError("no training was measured before the first erasure")
    return records, seconds


def _cells(size: int, lines: list[Line]) -> tuple[str, ...]:
    records = float(np.median([said / paid for said, paid in (one.records for one in lines)]))
    seconds = float(np.median([said / paid for said, paid in (one.seconds for one in lines)]))
    return str(size), str(len(lines)), f"{records:.3f}", f"{seconds:.2f}", f"{sum(one.within for one in lines)} of {len(lines)}"


def _words(lines: list[Line]) -> str:
    near, slowest = sum(one.within for one in lines), max(one.at_once for one in lines)
    exact = sum(one.records[0] == one.records[1] for one in lines)
    return (
        f"S = {SHARDS}, R = {SLICES}: {len(lines)} erasures by `sisa`, one after the other, of 1 to {MOST} people at random; "
        "the price is said before each, from the chain of keys and from what the trainings before took.\n\n"
        f"The price is within {WITHIN:.0%} of the CPU time that was paid in {near} of {len(lines)} erasures (aim: {AIM:.0%}), "
        f"and in records it is the number that was paid in {exact}. An answer at once (`instant`) took at most {slowest:.2f} s "
        "of CPU time of the method, whatever training costs (aim: 2 s besides the flow's fixed cost)."
    )
