"""Commands about what is left of people: look for it, delete it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from unlearning.cli.shared import answer, open_project, project


@click.command()
@project
@click.option("--subject", "subjects", multiple=True, help="An identifier; also searched for byte by byte, in memory only.")
@click.option("--request", "requests", multiple=True, help="A request id; repeat for several. Default: everyone erased.")
def sweep(root: Path, as_json: bool, subjects: Sequence[str], requests: Sequence[str]) -> None:
    """Search every place within reach for people who were erased; exits 1 when a trace is found.

    \b
    Example:  unlearn sweep --json | jq .places
    """
    from unlearning import sweeping

    workspace = open_project(root)
    done = sweeping.sweep(workspace, sweeping.people(workspace, requests, subjects), identifiers=subjects)
    answer(as_json, sweeping.document(done), sweeping.lines(done))
    if not done.clean:
        raise click.exceptions.Exit(1)


COMMANDS = (sweep,)
