"""Whether the services of a project are the ones that it used before: one that is empty or new proves nothing about anybody.

The evidence is there anyway: the lineage names versions and trained states that must be in the registry and the checkpoint
store.
DVC's cache and remotes are known by a mark (`stores/dvc/recognition.py`).
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from unlearning.domain.errors import NotFound, Unavailable
from unlearning.domain.events import ModelTrained
from unlearning.project.holdings import adoptions

if TYPE_CHECKING:
    from unlearning.domain.versions import ModelVersion
    from unlearning.project.workspace import Workspace

_TRIED = 3
"""Of so many versions the newest files are looked for: one that has them shows that the artifact store is there."""


def books(workspace: Workspace) -> None:
    """Raises Unavailable when the ledger or the lineage is empty and the other one is not: one of their addresses is wrong."""
    trained, known = workspace.ledger.of(ModelTrained), workspace.lineage.models(deleted=None)
    if trained and not known:
        raise Unavailable(
            f"the lineage ({_shown(workspace.settings.stores.lineage)}) is empty, and the ledger knows {len(trained)} "
            "trainings; restore it, or correct stores.lineage"
        )
    if known and workspace.ledger.head()[0] == 0:
        raise Unavailable(
            f"the ledger ({_shown(workspace.settings.stores.ledger)}) is empty, and the lineage knows {len(known)} trained "
            "versions; restore it, or correct stores.ledger"
        )


def _shown(address: str) -> str:
    scheme, slashes, rest = address.partition("://")
    return f"{scheme}{slashes}{rest.rpartition('@')[2]}"


def checkpoints(workspace: Workspace) -> None:
    """Raises Unavailable when none of the states that living versions answer with is in the checkpoint store."""
    named = [part.key for record in workspace.lineage.models() for part in record.trained.parts]
    if named and not any(key in workspace.checkpoints for key in named):
        raise Unavailable(
            f"the checkpoint store ({_shown(workspace.settings.stores.checkpoints)}) has none of the {len(set(named))} states "
            "that the lineage names; mount it or correct stores.checkpoints, and run again. If they are lost, `unlearn train` "
            "makes them again"
        )


def registry(workspace: Workspace) -> None:
    """Raises Unavailable when the registry knows none of the versions that the lineage names, or has lost their files."""
    living = {record.model for record in workspace.lineage.models()} | {one.model for one in adoptions(workspace).values()}
    if not living:
        return
    models = workspace.models
    file = Path(models.uri.removeprefix("sqlite:///")) if models.uri.startswith("sqlite:") else None
    here = {one.model for one in models.every_version()} if file is None or file.exists() else set()
    if not living & here:
        raise Unavailable(
            f"MLflow at {models.shown} knows none of the {len(living)} versions that the lineage names; start the right "
            "server, mount its database, or correct stores.mlflow or MLFLOW_TRACKING_URI, and run again"
        )
    own = sorted((record.model for record in workspace.lineage.models() if record.model in here), key=_number, reverse=True)
    if own and not any(_has_files(workspace, one) for one in islice(own, _TRIED)):
        raise Unavailable(
            f"MLflow at {models.shown} has no file of {own[0]}; mount the folder or bucket of its artifacts, and run again"
        )


def _number(model: ModelVersion) -> int:
    return model.version


def _has_files(workspace: Workspace, model: ModelVersion) -> bool:
    try:
        return bool(workspace.models.flavours(model))
    except NotFound:
        return False
