"""How long it takes until nobody is answered by the old versions any more: by retraining, and by an answer at once."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from benchmarks.erasing import UNLEARN
from benchmarks.overhead import QUIET, ROOT
from benchmarks.report import Section, say
from tests import several_models, small_project
from tests.small_project import Project
from unlearning.domain.events import AliasMoved, ErasureStarted, ModelHealed

MODELS = ("one", "two", "three")
ROUNDS, PEOPLE, EPOCHS, AIM = 3, 2_000, 300, 2.0
ANSWERS = ("retrained", "instant")
COLUMNS = ("seconds, median", "retrained", "instant")


@dataclass(frozen=True)
class Took:
    """Wall seconds of one erasure."""

    served: float
    """From its start until the last of the models serves without the person."""
    training: float
    """In which, of these, candidates were trained or taken from the store."""
    healed: float
    """Until the last of them knows of everybody who stays again; for a retrained one the same as `served`."""


def section() -> Section:
    """Three models that a shard takes seconds to train, one person a time; and in CPU time where training takes none."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        project = _project(Path(folder) / "slow", EPOCHS)
        people, found = _last_slice(project), {}
        for answer in ANSWERS:
            project.configure({"policy": {"answer": answer}})
            found[answer] = [_erased(project, next(people), answer) for _ in range(ROUNDS)]
        return _said(*(found[answer] for answer in ANSWERS), processed(_project(Path(folder) / "quick", 1)))


def processed(project: Project) -> Sequence[tuple[float, float]]:
    """For each answer, CPU seconds of an erasure in one process until every model serves without the person; medians, in turns.

    Of these, second, what the methods took.
    """
    people, found = _last_slice(project), {answer: list[tuple[float, float]]() for answer in ANSWERS}
    for answer in ANSWERS * ROUNDS:
        project.configure({"policy": {"answer": answer}})
        project.request(next(people))
        marks = list[tuple[str, float]]()
        project.erase(before=lambda name, marks=marks: marks.append((name.strip(), time.process_time())))  # type: ignore[misc]
        promoted = next(at for at, (name, _) in enumerate(marks) if name == "settle")
        spent = [(name, end - begin) for (name, begin), (_, end) in pairwise(marks[: promoted + 1])]
        found[answer].append((sum(each for _, each in spent), sum(each for name, each in spent if "unlearn" in name)))
        say(f"    {answer}: {found[answer][-1][0]:.2f} CPU s, in the methods {found[answer][-1][1]:.2f}")
    return [tuple(map(median, zip(*found[answer], strict=True))) for answer in ANSWERS]  # type: ignore[misc]


def _last_slice(project: Project) -> Iterator[str]:
    """Some people who have a slice before them."""
    return iter([one for (_, piece), those in sorted(project.cells().items()) if piece for one in those[:ROUNDS]])


def _project(folder: Path, epochs: int) -> Project:
    say(f"a project of {len(MODELS)} models")
    recipe = small_project.RECIPE.replace("epochs=12", f"epochs={epochs}")
    project = small_project.create(folder, train=False, people=PEOPLE, recipe=recipe)
    several_models.several(
        project,
        {name: {"recipe": "recipes/outcome.py:recipe", "partition": {"seed": seed}} for seed, name in enumerate(MODELS)},
    )
    several_models.train(project, MODELS)
    return project


def _erased(project: Project, person: str, answer: str) -> Took:
    """`unlearn erase`, timed by its ledger."""
    project.request(person)
    command = [*UNLEARN, "erase", "--root", str(project.root), "--json"]
    environment = {**os.environ, **QUIET, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"unlearn erase ended with {done.returncode}:\n{done.stderr[-2000:]}")
    report = json.loads(done.stdout)
    events = [one for one in project.events() if one.subject == report["erasure_id"]]
    began, *_ = (one.at for one in events if isinstance(one.fact, ErasureStarted))
    served = max(one.at for one in events if isinstance(one.fact, AliasMoved))
    healed = max((one.at for one in events if isinstance(one.fact, ModelHealed)), default=served)
    training = sum(one["training_seconds"] for one in report["models"])
    took = Took((served - began).total_seconds(), training, (healed - began).total_seconds())
    say(f"    {answer}: {took.served:.1f} s, of which training {took.training:.1f} s")
    return took


def _said(retrained: Sequence[Took], instant: Sequence[Took], cpu: Sequence[tuple[float, float]]) -> Section:
    def row(name: str, values: Sequence[Sequence[float]]) -> tuple[str, ...]:
        return (name, *(f"{median(one):.1f}" for one in values))

    both = (retrained, instant)
    fixed = median(one.served - one.training for one in retrained)
    over = median(one.served for one in instant) - fixed
    ratio = median(one.served for one in retrained) / median(one.served for one in instant)
    text = (
        f"{len(MODELS)} perceptrons on {PEOPLE:,} people, 4 shards of 2 slices, one person a time, `unlearn erase` on the"
        f" embedded default, median of {ROUNDS}; timed by the ledger, from the start of the erasure until the alias of the last"
        f" model moved. Aim: an answer at once within {AIM:g} s of what a retrained one takes but for its method ({fixed:.1f}"
        f" s). It took {over:+.1f} s beside that, and a retrained one {ratio:.1f} × as long. In CPU time, of one process and"
        f" with models of one epoch: {cpu[1][0]:.2f} s until every model served without the person, {cpu[1][1]:.2f} s of it in"
        f" the methods, beside {cpu[0][0]:.2f} s and {cpu[0][1]:.2f} s."
    )
    return Section(
        "An answer at once",
        text,
        COLUMNS,
        [
            row("until every model serves without them", [[one.served for one in each] for each in both]),
            row("in the methods that make them", [[one.training for one in each] for each in both]),
            row("until every model knows all who stay", [[one.healed for one in each] for each in both]),
        ],
    )
