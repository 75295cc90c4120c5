"""Commands about the databases of ledger and lineage."""

from __future__ import annotations

from pathlib import Path

import click

from unlearning.entrypoints.cli.shared import answer, open_project, project


@click.group()
def db() -> None:
    """Look after the databases of ledger and lineage."""


@db.command()
@project
@click.option("--dry-run", is_flag=True, help="Say what is missing, and change nothing.")
def upgrade(root: Path, as_json: bool, dry_run: bool) -> None:
    """Bring the databases to the schema of this package; back them up first. One of a newer package is refused.

    SQLite files are upgraded when they are opened; a server's database only here, because other machines may use it with the
    package of before.

    \b
    Example:  unlearn db upgrade --dry-run
    """
    from unlearning.stores.sql import database

    workspace = open_project(root)
    stores = workspace.settings.stores
    done = [database.upgrade(url, workspace.root, dry_run=dry_run) for url in dict.fromkeys((stores.ledger, stores.lineage))]
    words = "would be upgraded" if dry_run else "upgraded"
    lines = [
        f"{one.address}: {words} from schema {one.was} to {one.now}: {', '.join(one.migrations)}"
        if one.migrations
        else f"{one.address}: at schema {one.now}, nothing to do"
        for one in done
    ]
    answer(as_json, done, lines)


COMMANDS = (db,)
