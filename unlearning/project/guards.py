"""Whether the services of a project are the ones that it used before: one that is empty or new proves nothing about anybody.

The evidence is there anyway: the lineage names versions and trained states that must be in the registry and the checkpoint
store.
DVC's cache and remotes are known by a mark (`stores/dvc/recognition.py`), keys by their public ids (`stores/keys.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from unlearning.domain.addresses import without_password
from unlearning.domain.errors import KeyFileError, NotFound, ProjectError, Unavailable, UnlearningError
from unlearning.domain.events import ModelTrained
from unlearning.project.holdings import adoptions

if TYPE_CHECKING:
    from unlearning.domain.versions import ModelVersion
    from unlearning.project.workspace import Workspace

_TRIED = 3
"""Of so many versions the newest files are looked for: one that has them shows that the artifact store is there."""


def books(workspace: Workspace) -> None:
    """Raises Unavailable when the ledger or the lineage is empty and the other one is not: one of their addresses is wrong."""
    trained, known = workspace.ledger.count(ModelTrained), workspace.lineage.models(deleted=None)
    if trained and not known:
        raise Unavailable(
            f"the lineage ({without_password(workspace.settings.stores.lineage)}) is empty, and the ledger knows "
            f"{trained} trainings; restore it, or correct stores.lineage"
        )
    if known and workspace.ledger.head()[0] == 0:
        raise Unavailable(
            f"the ledger ({without_password(workspace.settings.stores.ledger)}) is empty, and the lineage knows "
            f"{len(known)} trained versions; restore it, or correct stores.ledger"
        )


def before_init(root: Path, environ: Mapping[str, str]) -> None:
    """Raises ProjectError inside another project, KeyFileError where keys were lost: new ones would only hide that."""
    from unlearning.project.workspace import project_root
    from unlearning.stores import keys

    if (outer := project_root(root)) not in (None, root):
        raise ProjectError(f"{root} is a folder of the project in {outer}, and no project is made in another; go to {outer}")
    used, folder = keys.remembered(root), _key_folder(root)
    gone = [name for name in keys.missing(folder, environ) if _was_used(root, name, used, folder)]
    if gone:
        raise KeyFileError(
            f"keys that this project was used with are gone from {folder}: {', '.join(gone)}; with new ones nobody is found "
            "again. Restore them from your backup; docs/operations.md (`Keys`) says what to do about one that is lost"
        )


def after_init(root: Path) -> None:
    """Remember the keys that the project has now; what is wrong with one is said by the first command that needs it."""
    from unlearning.project.workspace import open_workspace
    from unlearning.stores import keys

    with suppress(UnlearningError):
        keys.note(root, open_workspace(root).keys.ids)


def _key_folder(root: Path) -> Path:
    from unlearning.project import settings

    try:
        return root / settings.load(root).stores.keys
    except UnlearningError:  # no settings yet, or some that `unlearn init` mends
        return root / settings.Stores().keys


def _was_used(root: Path, name: str, used: Mapping[str, str], folder: Path) -> bool:
    """By what is remembered or, in a project of an earlier version, by its ledger; a key that was put away may be replaced."""
    from unlearning.stores import keys

    if name == "signing" and (folder / keys.PUBLIC).exists():
        return True
    if used:
        return name in used and used[name] not in keys.retired(name, folder)
    return not keys.retired(name, folder) and _has_ledger(root)


def _has_ledger(root: Path) -> bool:
    from unlearning.project.settings import load
    from unlearning.project.workspace import Workspace

    try:
        workspace = Workspace(root=root, settings=load(root))
    except UnlearningError:
        return (root / ".unlearning/ledger.db").exists()
    address = workspace.settings.stores.ledger
    if address.startswith("sqlite") and not (root / address.partition("///")[2]).exists():
        return False
    return workspace.ledger.head()[0] > 0


def checkpoints(workspace: Workspace) -> None:
    """Raises Unavailable when none of the states that living versions answer with is in the checkpoint store."""
    named = [part.key for record in workspace.lineage.models() for part in record.trained.parts]
    if named and not any(key in workspace.checkpoints for key in named):
        raise Unavailable(
            f"the checkpoint store ({without_password(workspace.settings.stores.checkpoints)}) has none of the "
            f"{len(set(named))} states that the lineage names; mount it or correct stores.checkpoints, and run again. If they "
            "are lost, `unlearn train` makes them again"
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
