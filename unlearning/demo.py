"""The main job on real data, in a new folder: train, three people withdraw, erase, compare with a full retraining."""

from __future__ import annotations

import logging
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unlearning import demo_data, scaffold, settings, summary
from unlearning.errors import ProjectError

progress = logging.getLogger("unlearning.progress")

PEOPLE = 3
"""How many withdraw their consent."""


def run(folder: Path) -> dict[str, Any]:
    """Make the project, do the job, and say what happened. Raises ProjectError for a folder that is not empty."""
    began = time.perf_counter()
    if folder.exists() and any(folder.iterdir()):
        raise ProjectError(f"{folder} is not empty; name a new folder with --folder, or delete this one")
    people = _make_project(folder)
    os.environ.setdefault("PREFECT_HOME", str(folder / ".unlearning/prefect"))
    from flows import erase, train
    from unlearning import receiving
    from unlearning.erasure import utc_now
    from unlearning.workspace import open_workspace

    workspace = open_workspace(folder)
    progress.info("train")
    trained = train.run(workspace)
    _git(folder, "add", "-A")
    _git(folder, "commit", "-q", "-m", "Train version 1")
    progress.info("1 receive: %d people withdraw their consent", PEOPLE)
    receiving.receive(workspace, people, regulation="gdpr", now=utc_now())
    report = erase.run(workspace, [], full_replay=True)[0]
    model = report["models"][0]
    return {
        **report,
        "grouping": demo_data.GROUPING,
        "trained": trained,
        "speedup_vs_retrain": round(model["replay"]["seconds"] / model["training_seconds"], 2),
        "retrain_seconds": model["replay"]["seconds"],
        "unlearn_seconds": model["training_seconds"],
        "replay_equal": model["replay_equal"],
        "alias_before": model["from_version"],
        "alias_after": model["to_version"],
        "public_key": str(folder / ".unlearning/keys/signing.pub"),
        "certificate": str(folder / report["certificate"]),
        "folder": str(folder),
        "total_seconds": round(time.perf_counter() - began, 1),
    }


def _make_project(folder: Path) -> list[str]:
    """A Git and DVC repository with a local remote and the demo's data; the people who will withdraw."""
    from unlearning import stages
    from unlearning.stores import keys, tables
    from unlearning.workspace import open_workspace

    progress.info("make a Git and DVC project in %s", folder)
    progress.info("    %s", demo_data.GROUPING)
    (folder / "data").mkdir(parents=True)
    _git(folder, "init", "-q", "-b", "main")
    _git(folder, "config", "user.name", "unlearn demo")
    _git(folder, "config", "user.email", "demo@example.invalid")
    _dvc(folder, "init", "-q")
    _dvc(folder, "remote", "add", "-q", "-d", "storage", str(folder / ".dvc-remote"))
    scaffold.init(folder, model="diagnosis")
    keys.create(folder / ".unlearning/keys")
    params = folder / settings.FILE
    params.write_text(params.read_text("utf-8").replace("commit: false", "commit: true "), "utf-8")
    tables.write(demo_data.columns(), folder / "data/records.parquet")
    _dvc(folder, "add", "-q", "data/records.parquet")
    workspace = open_workspace(folder)
    stages.prepare(workspace)
    _dvc(folder, "commit", "-q", "-f", "prepare")
    _dvc(folder, "push", "-q")
    _git(folder, "add", "-A")
    _git(folder, "commit", "-q", "-m", "Add the records and how they are prepared")
    table = tables.read(workspace.path(workspace.settings.data.train))
    everyone = [str(one) for one in tables.people(table, workspace.recipe.person).values]
    step = len(everyone) // PEOPLE
    return everyone[::step][:PEOPLE]


def _git(folder: Path, *arguments: str) -> None:
    _run(folder, "git", *arguments)


def _dvc(folder: Path, *arguments: str) -> None:
    import sys

    _run(folder, sys.executable, "-m", "dvc", *arguments)


def _run(folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProjectError(f"`{' '.join(command[-3:])}` failed in {folder}: {done.stderr.strip()}")


def show(report: Mapping[str, Any]) -> None:
    """The report as a table for people."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Three people withdrew their consent", show_header=False, title_style="bold", pad_edge=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in summary.rows(report):
        table.add_row(name, value)
    table.add_section()
    table.add_row("unlearning took", f"{report['unlearn_seconds']:.1f} s")
    table.add_row("a full retraining took", f"{report['retrain_seconds']:.1f} s, {report['speedup_vs_retrain']:.1f} × as long")
    same = "gave the same bytes" if report["replay_equal"] else "GAVE OTHER BYTES"
    table.add_row("training from scratch without them", same)
    table.add_row("everything took", f"{report['total_seconds']:.0f} s")
    console = Console()
    console.print(table)
    console.print(f"verify it:  unlearn verify {report['certificate']} --key {report['public_key']}", soft_wrap=True)
