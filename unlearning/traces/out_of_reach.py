"""Where copies can be that no purge reaches: named in every sweep and certificate."""

from __future__ import annotations

from unlearning.domain.traces import MLFLOW_GC, MLFLOW_GC_TAKES, Residual
from unlearning.project.settings import Settings

OUT_OF_REACH = (
    Residual(
        place="backups and snapshots",
        level="physical",
        outcome="out_of_reach",
        count=None,
        why="they are not part of this project",
        remedy="replay the suppression list after any restore, and record when they expire",
    ),
    Residual(
        place="other clones and DVC caches",
        level="physical",
        outcome="out_of_reach",
        count=None,
        why="copies on other machines, their Git history with them, cannot be seen from here, and `dvc push` from one brings "
        "erased objects back",
        remedy="tell their owners, and have them delete the clone's cache, or clone anew where history was rewritten",
    ),
    Residual(
        place="other flows and experiments on shared servers",
        level="logical",
        outcome="out_of_reach",
        count=None,
        why="only this project's own flows and experiments are looked at",
        remedy="their owners: `prefect flow-run delete ID`, `prefect artifact delete --id ID`, `mlflow runs delete --run-id "
        f"ID` and `{MLFLOW_GC} --run-ids ID` ({MLFLOW_GC_TAKES})",
    ),
    Residual(
        place="models copied, exported or loaded elsewhere",
        level="model",
        outcome="out_of_reach",
        count=None,
        why="a serving process keeps the old version in memory until it reloads",
        remedy="restart what serves the alias, and withdraw exported copies",
    ),
)
"""What no run of this software can delete; a certificate always says so."""

NOT_OPENED = Residual(
    place="files of this folder that neither DVC nor MLflow keeps",
    level="physical",
    outcome="out_of_reach",
    count=None,
    why="a sweep opens what the tools keep, and of the other files those alone that Git once had",
    remedy="`unlearn sweep --whole` opens every file of the folder",
)
"""Of a sweep that no second look goes with."""


def out_of_reach(settings: Settings) -> tuple[Residual, ...]:
    """What nobody here can search: always the same three, and what the project declares."""
    declared = (
        Residual(place=one.place, level=one.level, outcome="out_of_reach", count=None, why=one.why, remedy=one.remedy)
        for one in settings.out_of_reach
    )
    return (*OUT_OF_REACH, *declared)
