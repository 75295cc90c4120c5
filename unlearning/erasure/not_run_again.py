"""Stages of the user's that make one redacted table of another: both lose the people's rows, and no stage runs for it.

What such a stage would make of what is left is what lies there if it makes each person's rows of nobody else's
(docs/adr/0003-redaction-by-declared-tables.md); nobody here can see whether it does, so the certificate says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from unlearning.domain.events import AdoptedRetrained
from unlearning.project.holdings import Holdings
from unlearning.stores.dvc import stages

if TYPE_CHECKING:
    from unlearning.erasure.erasure import Erasure
    from unlearning.project.workspace import Workspace

_OURS = "unlearn prepare"
"""What its rows are made of is tested here."""


def gaps(erasure: Erasure) -> tuple[str, ...]:
    """What a certificate says of each such stage, but of those that this erasure ran."""
    return tuple(
        f"stage {stage} was not run again, and {', '.join(paths)} lost the people's rows: that is what it would make of "
        "what is left if it makes each person's rows of nobody else's"
        for stage, paths in not_run(erasure).items()
    )


def not_run(erasure: Erasure) -> dict[str, list[str]]:
    """Each such stage that this erasure did not run → the tables that came of it."""
    ran = {stage for made in erasure.every(AdoptedRetrained) for stage in made.stages}
    return {stage: paths for stage, paths in between_tables(erasure.workspace).items() if stage not in ran}


def between_tables(workspace: Workspace) -> dict[str, list[str]]:
    """Stage → the redacted tables that come of it and of another redacted table."""
    tables, (_, makers) = list(Holdings.of(workspace).tables), stages.workflow(workspace.data)
    found = dict[str, list[str]]()
    for path in tables:
        if path in makers:
            for stage in stages.between(workspace.data, [one for one in tables if one != path], makers[path]):
                found.setdefault(stage, []).append(path)
    return {stage: found[stage] for stage, said in stages.commands(workspace.data, found).items() if _OURS not in said}
