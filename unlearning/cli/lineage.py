"""Commands about where models come from."""

from __future__ import annotations

from pathlib import Path

import click

from unlearning.cli.shared import answer, open_project, project


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


COMMANDS = (lineage,)
