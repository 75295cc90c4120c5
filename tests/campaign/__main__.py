"""The whole campaign, twice: each tool's own deletion and ours, on the same canaries. Prints the table.

python -m tests.campaign            # a quarter of an hour on two cores
python -m tests.campaign --write    # also writes tests/golden/campaign.json and the table of docs/traces.md
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.campaign import page
from tests.campaign.judging import Told, behaves, by_place, delete_with_the_tools, erase, look
from tests.campaign.plants import plant
from tests.campaign.worlds import database, world
from tests.conftest import FOREIGN, QUIET
from tests.small_project import Project, create


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


def main(arguments: list[str]) -> int:
    """Run it; 1 when something is left that nobody declared."""
    os.environ.update(QUIET)
    for name in FOREIGN:
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory(prefix="campaign-") as name:
        folder = Path(name)
        os.environ.update({"DVC_SITE_CACHE_DIR": f"{name}/site", "DVC_GLOBAL_CONFIG_DIR": f"{name}/dvc-user"})
        rows, told, left = measure(folder, create(folder / "template/project"))
    print(page.table(rows))
    print("declared:", *told.left, sep="\n  ")
    silent = {row["number"]: sorted(left[int(str(row["number"]))]) for row in rows if row["ours"] and not row["declared"]}
    print("left and declared by nobody:", silent or "nothing")
    if "--write" in arguments:
        page.write(rows)
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
