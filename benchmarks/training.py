"""What one, eight and a hundred requests cost beside a full training, on Adult, by shards and slices."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from benchmarks import adult
from benchmarks.ensembles import Ensemble, Population, votes
from benchmarks.report import Section, say
from unlearning.domain.chain import Trained
from unlearning.domain.partition import shard_and_slice
from unlearning.domain.planning.cost import expected_share
from unlearning.learners.torch import TorchLearner
from unlearning.methods.sisa import Sisa
from unlearning.stores.checkpoints import CheckpointStore
from unlearning.testing.population import MemoryCheckpoints

SHARDS, SLICES, REQUESTS = (1, 5, 20, 50), (1, 16), (1, 8, 100)
AIMED_AT, AIM, BATCH_AIM = (20, 16), 1.5, 4
TITLE = "Training and unlearning on Adult"
COLUMNS = (
    *("S", "R", "accuracy", "naming, CPU s", "training, CPU s"),
    *(f"{k} request{'s' if k > 1 else ''}, CPU s" for k in REQUESTS),
    *(f"work for {k}: formula, rows, CPU" for k in REQUESTS),
)


@dataclass(frozen=True)
class Cost:
    """What requests cost, as shares of the full training of the same ensemble."""

    cpu_seconds: float
    rows: float
    cpu: float


@dataclass(frozen=True)
class Line:
    """One partition."""

    shards: int
    slices: int
    accuracy: float
    naming: float
    """CPU seconds for partition and keys."""
    training: float
    """CPU seconds of the jobs."""
    costs: Sequence[Cost]

    @property
    def cells(self) -> tuple[str, ...]:
        shares = (
            f"{expected_share(shards=self.shards, slices=self.slices, requests=requests):.1%}, {cost.rows:.1%}, {cost.cpu:.1%}"
            for requests, cost in zip(REQUESTS, self.costs, strict=True)
        )
        return (
            *(str(self.shards), str(self.slices), f"{self.accuracy:.1%}", f"{self.naming:.2f}", f"{self.training:.2f}"),
            *(f"{cost.cpu_seconds:.2f}" for cost in self.costs),
            *shares,
        )


def section() -> Section:
    """Every partition, one after the other."""
    train, test = adult.population("train"), adult.population("test")
    _warm(train)
    lines = [measure(train, test, shards=shards, slices=slices) for shards in SHARDS for slices in SLICES]
    return Section(TITLE, _words(train, test, lines), COLUMNS, [line.cells for line in lines])


def _warm(people: Population) -> None:
    """Training imports parts of torch at first use, which is not to count for the first partition."""
    few = people.without(people.people[1000:])
    Ensemble.of(few, shards=2, slices=2).make(Sisa(), TorchLearner(adult.recipe()), MemoryCheckpoints())


def _words(train: Population, test: Population, lines: Sequence[Line]) -> str:
    aimed = next(line for line in lines if (line.shards, line.slices) == AIMED_AT)
    formula = expected_share(shards=aimed.shards, slices=aimed.slices, requests=1)
    ratio = aimed.costs[0].cpu / formula
    return (
        f"{len(train.records):,} people in training, {len(test.records):,} in the holdout, one row each; a perceptron of 64 "
        f"units on {adult.recipe().width} features, Adam, {adult.EPOCHS} epochs, batches of {adult.BATCH}, one thread, "
        "checkpoints in a folder. *Work* is a share of the full training of the same S and R: what the formula "
        "(`unlearning.domain.planning.cost.expected_share`) says, records shown to the learner, CPU seconds. A single request "
        "is averaged over one person of every slice, eight over three draws of people, a hundred over one. Reading every "
        "untouched constituent back is part of the CPU seconds; *naming* (tokens, partition and keys of all records) comes on "
        "top, once for all requests of a batch.\n\n"
        f"One request at S = {aimed.shards}, R = {aimed.slices} costs {ratio:.2f} × the formula's work in CPU time "
        f"({aimed.costs[0].rows / formula:.2f} × in records); aim: at most {AIM} ×. {REQUESTS[1]} in one batch cost "
        f"{1 / aimed.costs[1].rows:.1f} × less than a full training in records, {1 / aimed.costs[1].cpu:.1f} × in CPU time; "
        f"aim: at least {BATCH_AIM} ×."
    )


def measure(train: Population, test: Population, *, shards: int, slices: int) -> Line:
    """One partition: train it, judge it, and unlearn from it again and again, each time from the trained state."""
    say(f"Adult, S = {shards}, R = {slices}")
    learner = TorchLearner(adult.recipe())
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        store = CheckpointStore(folder)
        began = time.process_time()
        whole = Ensemble.of(train, shards=shards, slices=slices)
        naming = time.process_time() - began
        trained = whole.make(Sisa(), learner, store)
        right = votes(learner, store, trained.parts, test.records.features) == test.records.target
        costs = [_cost(train, requests, whole, trained, learner, store) for requests in REQUESTS]
    return Line(shards, slices, float(right.mean()), naming, trained.cpu_seconds, costs)


def _cost(
    people: Population, requests: int, whole: Ensemble, trained: Trained, learner: TorchLearner, store: CheckpointStore
) -> Cost:
    """The average over draws of people, each unlearned from the whole ensemble."""
    shards, slices = len(whole.chain.shards), len(whole.chain.shards[0].rows)
    made = [
        Ensemble.of(people.without(draw), shards=shards, slices=slices).make(Sisa(), learner, store)
        for draw in _draws(people, requests, shards=shards, slices=slices)
    ]
    spent = fmean(one.cpu_seconds for one in made)
    return Cost(cpu_seconds=spent, rows=fmean(map(_rows, made)) / _rows(trained), cpu=spent / trained.cpu_seconds)


def _rows(trained: Trained) -> int:
    return sum(part.rows_trained for part in trained.parts)


def _draws(population: Population, requests: int, *, shards: int, slices: int) -> Iterator[Collection[int]]:
    """Who asks: one person of every slice in turn, or people at random."""
    random = np.random.default_rng(requests)
    if requests > 1:
        for _ in range(3 if requests < 100 else 1):
            yield random.choice(population.people, requests, replace=False).tolist()
        return
    _, piece = shard_and_slice(population.where, shards=shards, slices=slices)
    for one in range(slices):
        yield [int(random.choice(population.people[piece == one]))]
