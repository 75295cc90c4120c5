"""The whole campaign, twice: each tool's own deletion and ours, on the same canaries. Prints the table.

python -m tests.campaign            # a quarter of an hour on two cores
python -m tests.campaign --write    # also writes tests/golden/campaign.json and the table of docs/traces.md
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.campaign import page
from tests.campaign.judging import Told, behaves, by_place, delete_with_the_tools, erase, look
from tests.campaign.places import ROWS
from tests.campaign.plants import plant
from tests.campaign.scan import Hit, Scanner
from tests.campaign.worlds import MLFLOW_ROWS, database, postgres_files, postgres_world, world
from tests.conftest import FOREIGN, QUIET
from tests.small_project import Project, create

MLFLOW_FILES = "MLflow: PostgreSQL's dead rows and log"
"""How the sweep calls what a server keeps of deleted rows."""


def measure(folder: Path, template: Project) -> tuple[list[dict[str, object]], Told, dict[int, set[str]]]:
    """The rows of the table, what our software said, and what it left."""
    with world(folder / "tools", template, server=False, whole=True) as theirs:
        plant(theirs)
        planted = by_place(look(theirs))
        delete_with_the_tools(theirs)
        kept, kept_behaviour = by_place(look(theirs)), behaves(theirs)
    with world(folder / "ours", template, server=True, whole=True) as ours:
        plant(ours)
        told = erase(ours, {"MLFLOW_BACKEND_STORE_URI": database(ours.project)})
        left, behaviour = by_place(look(ours)), behaves(ours)
    return page.measured(planted, kept, left, told.left, behaviour, kept_behaviour), told, left


@dataclass(frozen=True)
class Postgres:
    """The same canaries with every database of the stack on PostgreSQL, and what is left of them after our erasure."""

    planted: dict[int, set[str]]
    rows: dict[int, set[str]]
    """Place → files and live rows."""
    files: list[Hit]
    """In the server's own files: dead rows, its log."""
    told: Told

    @property
    def silent(self) -> dict[int, list[str]]:
        """What is left and declared by nobody; 24 for the server's own files."""
        said = {row.number for row in ROWS for name in self.told.left if row.declared and name.startswith(row.declared)}
        left = {number: sorted(where) for number, where in self.rows.items() if number not in said}
        if self.files and MLFLOW_FILES not in self.told.left:
            left[24] = sorted({hit.where for hit in self.files})
        return left


def postgres(folder: Path) -> Postgres:
    """Plant, erase and look. Skips where no PostgreSQL starts."""
    with postgres_world(folder) as here:
        plant(here)
        planted = by_place(look(here))
        told = erase(here, {"MLFLOW_BACKEND_STORE_URI": here.databases[MLFLOW_ROWS]})
        scanner = Scanner(tuple(here.canaries))
        scanner.tree(postgres_files(here), "pgdata/")
        return Postgres(planted, by_place(look(here)), scanner.found(), told)


def main(arguments: list[str]) -> int:
    """Run it; 1 when something is left that nobody declared."""
    os.environ.update(QUIET)
    for name in FOREIGN:
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory(prefix="campaign-") as name:
        folder = Path(name)
        os.environ.update({"DVC_SITE_CACHE_DIR": f"{name}/site", "DVC_GLOBAL_CONFIG_DIR": f"{name}/dvc-user"})
        rows, told, left = measure(folder, create(folder / "template/project"))
        other = postgres(folder / "postgres")
    print(page.table(rows))
    print("declared:", *told.left, sep="\n  ")
    silent = {row["number"]: sorted(left[int(str(row["number"]))]) for row in rows if row["ours"] and not row["declared"]}
    print("left and declared by nobody:", silent or "nothing")
    print(f"on PostgreSQL: {len(other.planted)} places planted; left in live rows and files: {sorted(other.rows)};")
    print(f"  in the server's own files: {sorted({hit.where for hit in other.files})}")
    print("  left and declared by nobody:", other.silent or "nothing")
    if "--write" in arguments:
        page.write(rows)
    return 1 if silent or other.silent else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
