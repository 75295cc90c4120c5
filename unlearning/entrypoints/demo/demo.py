"""The main job on an example, in a new folder: train, three people withdraw, erase, compare with a full retraining."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from unlearning.domain.codec import BESIDE
from unlearning.domain.environ import PATH, SERVERS
from unlearning.domain.errors import ProjectError
from unlearning.entrypoints import presentation
from unlearning.entrypoints.demo.examples import DEFAULT, EXAMPLES, Example
from unlearning.entrypoints.presentation import Section
from unlearning.entrypoints.scaffold import scaffold
from unlearning.erasure.report import ErasureReport
from unlearning.project import settings
from unlearning.project.holdings import Holdings
from unlearning.project.training.stages import TrainingReport

if TYPE_CHECKING:
    from unlearning.domain.chain import Replay
    from unlearning.project.workspace import Workspace

progress = logging.getLogger("unlearning.progress")

PEOPLE = 3
"""How many withdraw their consent."""
REMOTE = ".dvc-remote"
_LEAST = 0.001
"""Seconds that are told apart."""


@dataclass(frozen=True)
class Headline:
    """The figures that other tools read, and where the evidence lies. Of several models the versions are the first one's."""

    grouping: str
    alias_before: int
    alias_after: int
    replay_equal: bool
    """Of every model."""
    unlearn_seconds: float
    retrain_seconds: float
    speedup_vs_retrain: float
    folder: str
    public_key: str


@dataclass(frozen=True)
class Demonstration:
    """What happened."""

    headline: Headline = field(metadata=BESIDE)
    trained: TrainingReport
    """Of the first model; each other one's, where there are several, under `trained_others`."""
    trained_others: Sequence[TrainingReport]
    total_seconds: float
    erasure: ErasureReport = field(metadata=BESIDE)


def run(folder: Path, example: str = DEFAULT) -> tuple[Demonstration, Section | None]:
    """Make the project of an example, do the job, and say what happened, and what that example shows besides.

    Raises ProjectError for a folder that is not empty, WrongUse where a package is missing that the example is made with.
    """
    began, shown = time.perf_counter(), EXAMPLES[example]
    if folder.exists() and any(folder.iterdir()):
        raise ProjectError(f"{folder} is not empty; name a new folder with --folder, or delete this one")
    shown.check_installed()
    _stay_inside(folder)
    progress.info("making a Git and DVC project in %s", folder)
    progress.info("    %s", shown.about)
    workspace = make_project(folder, shown)
    from unlearning.domain.clocks import utc_now
    from unlearning.entrypoints.flows import erase, train
    from unlearning.erasure.steps import receive
    from unlearning.project.training import stages
    from unlearning.project.workspace import open_workspace

    progress.info("training version 1")
    for view in workspace.each:
        stages.check(view)
    trained, *others = train.run_each(workspace.each)
    for view in workspace.each:
        stages.evaluate(view)
    workspace.data.adopt(_stages(workspace, "check", "train", "evaluate"))
    workspace.data.git.commit("Train version 1", ["."])
    before = shown.look(workspace)
    progress.info("1 receive  %d people withdraw their consent", PEOPLE)
    receive.receive(workspace, _who_withdraws(workspace), regulation="gdpr", now=utc_now())
    report = erase.run(workspace, [], full_replay=True)[0]
    done = Demonstration(_headline(report, folder, shown), trained, others, round(time.perf_counter() - began, 1), report)
    return done, shown.compare(before, shown.look(open_workspace(folder)))


def _stay_inside(folder: Path) -> None:
    """The demo touches no server of the user's, whatever their environment names: everything it makes is in its folder."""
    from unlearning.entrypoints.flows import embedded

    for name in SERVERS:
        os.environ.pop(name, None)
    embedded.start(folder / ".unlearning/prefect")


def _headline(report: ErasureReport, folder: Path, example: Example) -> Headline:
    first, made = report.models[0], report.models
    took = sum(model.training_seconds for model in made)
    retrained = sum(cast("Replay", model.replay).seconds for model in made)
    return Headline(
        grouping=example.about,
        alias_before=first.from_version,
        alias_after=first.to_version,
        replay_equal=all(model.replay_equal for model in made),
        unlearn_seconds=round(took, 3),
        retrain_seconds=round(retrained, 3),
        speedup_vs_retrain=round(retrained / max(took, _LEAST), 2),
        folder=str(folder),
        public_key=str(folder / ".unlearning/keys/signing.pub"),
    )


def make_project(folder: Path, example: Example) -> Workspace:
    """A Git and DVC repository with a local remote, the example's data, and everything that `unlearn init` writes."""
    from unlearning.project.training import stages
    from unlearning.project.workspace import open_workspace
    from unlearning.stores import keys
    from unlearning.stores.dvc import repository as dvc_repository
    from unlearning.stores.dvc import stages as dvc_stages

    repository = dvc_repository.create(folder, remote=REMOTE)
    example.write(folder)
    scaffold.init(folder, model=example.model)
    keys.create(folder / ".unlearning/keys")
    with (folder / ".gitignore").open("a", encoding="utf-8") as ignored:
        ignored.write(f"/{REMOTE}/\n")
    params = folder / settings.FILE
    text = params.read_text("utf-8")
    for said, instead in example.settings.items():
        text = text.replace(said, instead)
    params.write_text(text, "utf-8")
    repository.add([example.table])
    here = {PATH: os.pathsep.join([str(Path(sys.executable).parent), os.environ.get(PATH, os.defpath)])}
    dvc_stages.run(repository, example.stages, here)
    workspace = open_workspace(folder)
    first = workspace.each[0]
    stages.prepare(first)
    repository.adopt(["prepare"])
    repository.push(list(Holdings.of(workspace).tables))
    repository.git.commit("Add the records and how they are prepared", ["."])
    return workspace


def _stages(workspace: Workspace, *names: str) -> list[str]:
    """How ours are called: one model's by their own names, those of several with the model's."""
    several = workspace.settings.models
    return [f"{name}-{own.model}" if several else name for own in workspace.settings.owns for name in names]


def _who_withdraws(workspace: Workspace) -> list[str]:
    """Three of the people in the training table, spread over it; their identifiers stay in memory."""

    from unlearning.stores.tables import tables

    first = workspace.each[0]
    table = tables.read(workspace.path(first.own.data.train), person=first.recipe.person)
    everyone = [str(one) for one in tables.people(table, first.recipe.person).values]
    return everyone[:: len(everyone) // PEOPLE][:PEOPLE]


def show(done: Demonstration, besides: Section | None) -> None:
    """The report for people, and how to check it."""
    more = [besides] if besides else []
    presentation.show(done.erasure, *more, Section("Was it worth it", _figures(done)))
    print(f"verify it:  cd {done.headline.folder}")
    print(f"            unlearn verify {done.erasure.certificate} --key .unlearning/keys/signing.pub")


def _figures(done: Demonstration) -> list[tuple[str, str]]:
    figures = done.headline
    return [
        ("unlearning took", f"{figures.unlearn_seconds:.1f} s"),
        ("a full retraining took", f"{figures.retrain_seconds:.1f} s, {figures.speedup_vs_retrain:.1f} × as long"),
        ("everything took", f"{done.total_seconds:.0f} s"),
    ]
