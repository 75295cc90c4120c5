"""Every place of one project where people may have left a trace, and who is searched for there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlearning.domain import hashing
from unlearning.domain.events import DataRedacted, TracesFound
from unlearning.domain.traces import Place, Trace, Wanted
from unlearning.lineage import shaped
from unlearning.lineage.history import Past, kept
from unlearning.lineage.shaped import to_go
from unlearning.project.tables import require_index_key
from unlearning.traces.places.checkpoints import CheckpointPlace
from unlearning.traces.places.current_tables import TablePlace
from unlearning.traces.places.databases import DatabasePlace
from unlearning.traces.places.dvc_bookkeeping import RunCachePlace, SiteCachePlace
from unlearning.traces.places.dvc_objects import OBJECTS, ObjectPlace, Reader
from unlearning.traces.places.folders import BytesPlace, DocsPlace, EmptyFolderPlace, ScratchPlace, SpoolPlace
from unlearning.traces.places.git_history import GitPlace
from unlearning.traces.places.mlflow_mentions import MentionsPlace
from unlearning.traces.places.mlflow_versions import MlflowPlace
from unlearning.traces.places.texts import GxPlace

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace
    from unlearning.stores.scans.words import Watch

SCRATCH = ".unlearning/tmp"
PREFECT_HOME = ".unlearning/prefect"
PURGED = frozenset({"purging", "completed", "completed_with_residuals"})
"""States of a request from its purge on: nothing of the person is needed any more."""


def places(workspace: Workspace, *, by_bytes: bool = False) -> list[Place]:
    """Every place within reach, objects before what names them.

    by_bytes: also whole folders, which only a search for raw identifiers can look into. Raises Unavailable.
    """
    return [
        *_tables(workspace),
        CheckpointPlace(workspace.checkpoints),
        _mlflow(workspace),
        _mentions(workspace),
        *_dvc(workspace),
        SpoolPlace(workspace.path(SCRATCH)),
        ScratchPlace(workspace.path(SCRATCH), alone=lambda: workspace.ledger.exclusive("data")),
        DocsPlace(workspace.path(workspace.settings.stores.reports), since=_last_redaction(workspace)),
        GxPlace(workspace.root, watch(workspace), label=_label(workspace)),
        GitPlace(workspace.data.git, reader(workspace)),
        EmptyFolderPlace("Prefect: results of our flows", workspace.path(f"{PREFECT_HOME}/storage")),
        DatabasePlace("ledger database", workspace.ledger.engine),
        DatabasePlace("lineage database", workspace.lineage.engine),
        *(_folders(workspace) if by_bytes else ()),
    ]


def wanted(
    workspace: Workspace, tokens: Iterable[str], *, identifiers: Sequence[str] = (), trust_index: bool = False
) -> Wanted:
    """Who is searched for, with everything that an earlier purge found of anybody: none of it may come back.

    Raises KeyFileError when another index key made their tokens: a search by them would find nothing and prove nothing.
    """
    tokens = frozenset(tokens)
    require_index_key(workspace, tokens)
    known: dict[str, set[Trace]] = {}
    for event in workspace.ledger.of(TracesFound):
        for place, traces in event.fact.inventory.traces.items():
            known.setdefault(place, set()).update(traces)
    return Wanted(
        tokens=tokens,
        known={place: frozenset(traces) for place, traces in known.items()},
        identifiers=tuple(identifiers),
        trust_index=trust_index,
        kept=kept(workspace),
    )


def remembered_as(place: Place) -> str:
    """Under which name an inventory keeps what was found in a place: objects are the same in every cache and remote."""
    return OBJECTS if isinstance(place, ObjectPlace) else place.name


def erased(workspace: Workspace, request_ids: Collection[str] = ()) -> frozenset[str]:
    """Tokens of everyone whose erasure reached its purge, or of the named requests."""
    requests = workspace.ledger.state().requests.values()
    return frozenset(one.token for one in requests if (one.request_id in request_ids if request_ids else one.state in PURGED))


def _tables(workspace: Workspace) -> list[Place]:
    """Every table in the project folder, one file or a folder: those that are declared, and whatever else DVC tracks."""
    columns, usual = workspace.tables, workspace.people_columns[0]
    kind, key = workspace.settings.subject.identifier, workspace.keys.index
    here = [path for path in workspace.data.outputs() if workspace.path(path).exists()]
    return [
        TablePlace(path, workspace.path(path), person=columns.get(path, usual), kind=kind, key=key)
        for path in dict.fromkeys((*columns, *here))
    ]


def _mlflow(workspace: Workspace) -> MlflowPlace:
    from unlearning.stores.mlflow.garbage import MlflowGarbage

    own = workspace.settings.own

    def forgotten(names: Sequence[str]) -> None:
        for record in workspace.lineage.models():
            if str(record.model) in names:
                workspace.lineage.mark_deleted(record.model)
        for model in shaped.superseded(workspace):
            if str(model) in names:
                workspace.followed.mark_deleted(model)

    return MlflowPlace(
        garbage=MlflowGarbage(workspace.models, workspace.mlflow_database),
        shaped=lambda tokens: to_go(workspace, tokens),
        replacement=lambda: workspace.models.alias(own.model, own.alias) if own else None,
        forgotten=forgotten,
    )


def _mentions(workspace: Workspace) -> MentionsPlace:
    from unlearning.stores.mlflow.garbage import MlflowGarbage
    from unlearning.stores.mlflow.mentions import MlflowMentions

    mentions = MlflowMentions(
        garbage=MlflowGarbage(workspace.models, workspace.mlflow_database),
        runs=lambda: [record.run_id for record in workspace.lineage.models(deleted=None)],
        label=_label(workspace),
    )
    return MentionsPlace(mentions, watch(workspace), lambda: erased(workspace))


def _label(workspace: Workspace) -> Callable[[str], str]:
    """How a trace is called whose own name may be a person's."""
    key = workspace.keys.index
    return lambda text: hashing.label(key, text)


def watch(workspace: Workspace) -> Watch:
    """How a person is recognised in a text of this project."""
    from unlearning.stores.scans.words import Watch

    return Watch(workspace.people_columns, workspace.settings.subject.identifier, workspace.keys.index)


def _dvc(workspace: Workspace) -> list[Place]:
    from unlearning.stores.dvc import objects as dvc_stores

    stores, read = dvc_stores.stores(workspace.data), reader(workspace)
    return [
        *(ObjectPlace(store, read) for store in stores),
        *(RunCachePlace(store) for store in stores),
        SiteCachePlace(workspace.data),
    ]


def reader(workspace: Workspace) -> Reader:
    """How to see who is in a file of this project."""

    @cache
    def indexed(tokens: frozenset[str]) -> Mapping[str, bool]:
        held = workspace.lineage.versions_holding(sorted(map(bytes.fromhex, tokens))).values()
        holding = {version.object for versions in held for version in versions}
        return {version.object: version.object in holding for version in workspace.lineage.data_versions()}

    @cache
    def history() -> Past:
        return Past.of(workspace)

    return Reader(
        people=workspace.people_columns,
        kind=workspace.settings.subject.identifier,
        key=workspace.keys.index,
        indexed=indexed,
        derived=lambda objects: history().derived(objects) if objects else objects,
        reports=lambda: history().reports,
    )


def _last_redaction(workspace: Workspace) -> float:
    events = workspace.ledger.of(DataRedacted)
    return events[-1].at.timestamp() if events else 0.0


def _folders(workspace: Workspace) -> list[Place]:
    from unlearning.stores.dvc import objects as dvc_stores

    inside = [Path(store.root) for store in dvc_stores.stores(workspace.data) if store.local]
    own = [folder.relative_to(workspace.root).as_posix() for folder in inside if folder.is_relative_to(workspace.root)]
    name, elsewhere = "files of the project, MLflow and Prefect", (*own, *_declared(workspace), ".git")
    return [BytesPlace(name, workspace.root, watch(workspace), without=elsewhere)]


def _declared(workspace: Workspace) -> tuple[Any, ...]:
    return tuple(workspace.tables)
