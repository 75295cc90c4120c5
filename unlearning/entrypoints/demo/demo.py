"""The main job on an example, in a new folder: train, three people withdraw, erase, compare with a full retraining."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from unlearning.domain.codec import BESIDE
from unlearning.domain.environ import SERVERS
from unlearning.domain.errors import ProjectError
from unlearning.entrypoints import presentation
from unlearning.entrypoints.demo.examples import DEFAULT, EXAMPLES, SOURCE, Example
from unlearning.entrypoints.presentation import Section
from unlearning.entrypoints.scaffold import scaffold
from unlearning.erasure.report import ErasureReport
from unlearning.project import settings
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
STAGES = ("prepare", "check", "train", "evaluate")


@dataclass(frozen=True)
class Headline:
    """The figures that other tools read, and where the evidence lies."""

    grouping: str
    alias_before: int
    alias_after: int
    replay_equal: bool | None
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
    total_seconds: float
    erasure: ErasureReport = field(metadata=BESIDE)


def run(folder: Path, example: str = DEFAULT) -> tuple[Demonstration, Section | None]:
    """Make the project of an example, do the job, and say what happened, and what that example shows besides.

    Raises ProjectError for a folder that is not empty.
    """
    began, shown = time.perf_counter(), EXAMPLES[example]
    if folder.exists() and any(folder.iterdir()):
        raise ProjectError(f"{folder} is not empty; name a new folder with --folder, or delete this one")
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
    stages.check(workspace)
    trained = train.run(workspace)
    stages.evaluate(workspace)
    workspace.data.adopt(STAGES)
    workspace.data.git.commit("Train version 1", ["."])
    before = shown.look(workspace)
    progress.info("1 receive  %d people withdraw their consent", PEOPLE)
    receive.receive(workspace, _who_withdraws(workspace), regulation="gdpr", now=utc_now())
    report = erase.run(workspace, [], full_replay=True)[0]
    done = Demonstration(_headline(report, folder, shown), trained, round(time.perf_counter() - began, 1), report)
    return done, shown.compare(before, shown.look(open_workspace(folder)))


def _stay_inside(folder: Path) -> None:
    """The demo touches no server of the user's, whatever their environment names: everything it makes is in its folder."""
    from unlearning.entrypoints.flows import embedded

    for name in SERVERS:
        os.environ.pop(name, None)
    embedded.start(folder / ".unlearning/prefect")


def _headline(report: ErasureReport, folder: Path, example: Example) -> Headline:
    model = report.models[0]
    retrained = cast("Replay", model.replay).seconds
    return Headline(
        grouping=example.about,
        alias_before=model.from_version,
        alias_after=model.to_version,
        replay_equal=model.replay_equal,
        unlearn_seconds=model.training_seconds,
        retrain_seconds=retrained,
        speedup_vs_retrain=round(retrained / max(model.training_seconds, _LEAST), 2),
        folder=str(folder),
        public_key=str(folder / ".unlearning/keys/signing.pub"),
    )


def make_project(folder: Path, example: Example) -> Workspace:
    """A Git and DVC repository with a local remote, the example's data, and everything that `unlearn init` writes."""
    from unlearning.project.training import stages
    from unlearning.project.workspace import open_workspace
    from unlearning.stores import keys
    from unlearning.stores.dvc import repository as dvc_repository

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
    repository.add([SOURCE])
    workspace = open_workspace(folder)
    stages.prepare(workspace)
    repository.adopt(["prepare"])
    repository.push(workspace.own.data.tables)
    repository.git.commit("Add the records and how they are prepared", ["."])
    return workspace


def _who_withdraws(workspace: Workspace) -> list[str]:
    """Three of the people in the training table, spread over it; their identifiers stay in memory."""

    from unlearning.stores.tables import tables

    table = tables.read(workspace.path(workspace.own.data.train))
    everyone = [str(one) for one in tables.people(table, workspace.recipe.person).values]
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
