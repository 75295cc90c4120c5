"""Step 8, purge: what holds the people goes; what stays is listed with the reason and the remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from unlearning.assessment import shaped_records
from unlearning.entities import Residual, plain
from unlearning.erasure import Erasure
from unlearning.impact import stale_in_chain, stale_keys

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
        why="copies on other machines cannot be seen from here, and `dvc push` from one brings erased objects back",
        remedy="tell their owners, and have them delete the clone's cache",
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


def purge(erasure: Erasure) -> Mapping[str, Any]:
    """Delete stale checkpoints; list what else still holds the people."""
    removed = sorted(key for key in _stale(erasure) if erasure.workspace.checkpoints.delete(key))
    return {
        "removed": [{"place": "checkpoint store", "count": len(removed), "names": removed}],
        "residuals": [plain(residual) for residual in _residuals(erasure)],
        "out_of_reach": [plain(residual) for residual in OUT_OF_REACH],
    }


def _stale(erasure: Erasure) -> frozenset[str]:
    """Checkpoints that hold the people: of every version they shaped, and of heuristic candidates that did not pass."""
    shaped = shaped_records(erasure.workspace, erasure.before)
    stale = frozenset[str]().union(*(stale_keys(record, erasure.before.people) for record, _ in shaped))
    return (stale | _attempted(erasure) | _rejected(erasure)) - _served(erasure)


def _attempted(erasure: Erasure) -> frozenset[str]:
    """Checkpoints of trainings that died or failed their checks: no version names them, their chains do.

    A chain does not say who was in it, so what versions hold that these people never shaped is left alone.
    """
    workspace = erasure.workspace
    model = workspace.settings.model
    chains = workspace.attempts.chains(model)
    stale = frozenset[str]().union(*(stale_in_chain(chain, erasure.before.people) for chain in chains))
    shaped = {record.model for record, _ in shaped_records(workspace, erasure.before)}
    clean = (record.chain.keys for record in workspace.lineage.models(model) if record.model not in shaped)
    return stale.difference(erasure.retain.chain.keys, *clean)


def _rejected(erasure: Erasure) -> frozenset[str]:
    """States of candidates without a proof: what failed the checks may still know the people."""
    bodies = erasure.bodies("CandidateTrained")
    return frozenset(
        part["key"] for body in bodies if body["trained"]["guarantee"] != "exact" for part in body["trained"]["parts"]
    )


def _served(erasure: Erasure) -> frozenset[str]:
    """Checkpoints of the candidate that was promoted."""
    trained = erasure.promoted
    return frozenset(part.key for part in trained.parts) if trained else frozenset()


def _residuals(erasure: Erasure) -> Iterable[Residual]:
    impact = erasure.body("ImpactAssessed")
    if impact["data_versions"]:
        yield Residual(
            place="old data versions in the DVC cache and remotes",
            level="physical",
            outcome="residual",
            count=len(impact["data_versions"]),
            why="earlier Git revisions name these objects",
            remedy="delete the objects by hash from the cache and every remote; revisions that name them will not check out",
        )
    if impact["model_versions"]:
        names = ", ".join(f"{version['name']}/{version['version']}" for version in impact["model_versions"])
        yield Residual(
            place=f"superseded model versions in MLflow: {names}",
            level="model",
            outcome="residual",
            count=len(impact["model_versions"]),
            why="they no longer serve, but they still load",
            remedy="delete the versions and their logged models in MLflow, then run `mlflow gc`",
        )
