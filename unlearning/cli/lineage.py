"""Commands about where models come from, and who went into them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from unlearning.cli.shared import answer, open_project, prefect_at_home, project


@click.command()
@project
@click.option("--all", "everything", is_flag=True, help="Also index every table of every commit whose object can still be had.")
@click.option(
    "--subject-column", "columns", multiple=True, metavar="[PATH:]COLUMN", help="A column that says whose record it is; kept."
)
def follow(root: Path, as_json: bool, everything: bool, columns: Sequence[str]) -> None:
    """Find out which data versions fed which model versions, from the MLflow registry and the DVC history.

    Reads only what is new since the last time. What cannot be said is listed, with the way to close the gap.

    \b
    Example:  unlearn follow --all --json
    """
    from unlearning import following

    workspace = open_project(root)
    for column in columns:
        following.add_column(workspace, column)
    prefect_at_home(workspace)
    from flows import follow as flow

    report = flow.run(workspace, everything=everything)
    answer(as_json, report, following.lines(report))


@click.command()
@project
@click.argument("model", required=False)
def lineage(root: Path, as_json: bool, model: str | None) -> None:
    """Show which data versions fed which model versions, for MODEL or MODEL/VERSION.

    \b
    Example:  unlearn lineage diagnosis/2
    """
    from unlearning import ancestry

    workspace = open_project(root)
    found = ancestry.lineage(workspace, model or workspace.settings.model)
    answer(as_json, found, ancestry.lines(found))


COMMANDS = (follow, lineage)
