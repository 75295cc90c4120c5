"""Taking a person out of sums beside summing up everybody: ridge on many columns, and EASE at the size of MovieLens-1M."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.report import Section, say
from unlearning.domain.chain import Job
from unlearning.domain.draws import mixed
from unlearning.domain.item_lists import shown_and_left_out
from unlearning.domain.protocols import Records
from unlearning.learners.statistics import RankingRecipe, StatisticsLearner, StatisticsRecipe
from unlearning.methods.subtract import Subtract
from unlearning.stores.checkpoints import CheckpointStore

ROUNDS = 5
COLUMNS = (
    "model",
    *("sums of everybody, CPU s", "a person out of them, CPU ms", "share", "× as fast"),
    *("read, checked, stored, CPU ms", "× as fast", "solving, CPU s", "checkpoint, MB"),
)


@dataclass(frozen=True)
class World:
    """A model, and everybody in it; the last record leaves."""

    name: str
    learner: StatisticsLearner
    records: Records


def section() -> Section:
    """Both, one after the other."""
    worlds = (ridge(rows=40_000, columns=600), ease(people=6_040, items=3_700))
    text = (
        f"One person of one record, median of {ROUNDS}; one thread, since idle ones would count too. *Read, checked,"
        " stored* is all of the"
        " method `subtract`: the stored sums opened and compared with their digest, the person taken out, whose they are"
        " compared with the keys of everybody who is left, and the new sums stored. Solving is the same for a refit, and done"
        " once a batch. Aims: ridge ≥ 500 × as fast as summing up; EASE, at the size and sparsity of MovieLens-1M (made up),"
        " ≤ 2 % of it."
    )
    with threadpool_limits(1):
        return Section("A person out of sums", text, COLUMNS, [measure(world) for world in worlds])


def ridge(*, rows: int, columns: int) -> World:
    random = np.random.default_rng(0)
    features = random.uniform(-1, 1, (rows, columns)).astype(np.float32)
    target = np.clip(features[:, :9].sum(axis=1, dtype=np.float64), -8, 8)
    named = [f"x{at}" for at in range(columns)]
    ranges = {**dict.fromkeys(named, (-1.0, 1.0)), "y": (-8.0, 8.0)}
    recipe = StatisticsRecipe(model="ridge", features=named, target="y", person="person", ranges=ranges)
    records = Records(features, target, mixed(np.arange(rows, dtype=np.uint64)))
    return World(f"ridge, {rows:,} × {columns}", StatisticsLearner(recipe), records)


def ease(*, people: int, items: int) -> World:
    """166 items a person on average, 20 at least, a long tail of items."""
    random = np.random.default_rng(0)
    held = np.clip(random.lognormal(4.6, 0.95, people).astype(int), 20, items // 2)
    chance = 1 / (np.arange(items) + 30.0)
    owned = [random.choice(items, count, replace=False, p=chance / chance.sum()) for count in held]
    owner, keys = np.repeat(np.arange(people), held), mixed(np.arange(people, dtype=np.uint64))
    recipe = RankingRecipe(model="ease", item="i", person="p", items=[str(at) for at in range(items)], penalty=500.0)
    records = Records(*shown_and_left_out(owner, np.concatenate(owned), keys, width=items, share=0.2), keys)
    return World(f"EASE, {people:,} × {items:,}, {held.mean():.0f} a person", StatisticsLearner(recipe), records)


def measure(world: World) -> tuple[str, ...]:
    """One line of the table."""
    say(world.name)
    learner, records = world.learner, world.records
    retain, leaves = records[:-1], records[-1:]
    whole = learner.fit(None, records, epochs=1, seed=0)
    summing = _spent(lambda: learner.fit(None, records, epochs=1, seed=0))
    out = _spent(lambda: learner.subtract(whole, leaves))
    solving = _spent(lambda: learner.recipe.solve(whole.arrays, whole.rows), rounds=1)
    payload = learner.dumps(whole)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        store = CheckpointStore(folder)
        store.put("0" * 64, payload)
        everyone, job = retain.followed_by(leaves), _job(len(retain))
        stored = _spent(lambda: Subtract().run(replace(job, reuse=False), learner, everyone, store))
        found = store.get("1" * 64)
    if found != learner.dumps(learner.fit(None, retain, epochs=1, seed=0)):
        raise AssertionError("the sums are not those of a refit")
    return (
        world.name,
        *(f"{summing:.2f}", f"{out * 1e3:.2f}", f"{out / summing:.2%}", f"{summing / out:,.0f}"),
        *(f"{stored * 1e3:.1f}", f"{summing / stored:,.0f}", f"{solving:.2f}", f"{len(payload) / 1e6:.1f}"),
    )


def _job(rows: int) -> Job:
    names = {
        "method": "subtract",
        "root": ".",
        "recipe": "",
        "recipe_digest": "",
        "device": "cpu",
        "checkpoints": "",
        "records": "",
    }
    forget = (rows, rows + 1)
    return Job(**names, seed=0, shard=0, keys=("2" * 64, "1" * 64), bounds=(0, rows), forget=forget, parent="0" * 64)


def _spent(do: Callable[[], Any], rounds: int = ROUNDS) -> float:
    times = []
    for _ in range(rounds):
        began = time.process_time()
        do()
        times.append(time.process_time() - began)
    return median(times)
