"""Every place of one project where people may have left a trace, and who is searched for there."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlearning.domain import hashing
from unlearning.domain.environ import PREFECT_HOME
from unlearning.domain.events import DataRedacted, TracesFound
from unlearning.domain.lifecycle import ENDED
from unlearning.domain.traces import Found, Place, Residual, Trace, Wanted
from unlearning.domain.versions import ModelVersion
from unlearning.lineage import run_trees, shaped, sources
from unlearning.lineage.history import Past, kept
from unlearning.lineage.readmitted import Readmitted
from unlearning.lineage.shaped import to_go
from unlearning.project import guards, plugins
from unlearning.project.holdings import Holdings
from unlearning.project.tables import require_index_key
from unlearning.stores import foreign_code, prefect_rows, sealed
from unlearning.stores.dvc.objects import named_now
from unlearning.stores.dvc.snapshots import PART
from unlearning.traces.accounts import Accounts, Declared
from unlearning.traces.places import checkpoints, remotes
from unlearning.traces.places.checkpoints import CheckpointPlace
from unlearning.traces.places.current_tables import TablePlace
from unlearning.traces.places.databases import DatabasePlace, PrefectPlace
from unlearning.traces.places.dvc_bookkeeping import RunCachePlace, SiteCachePlace
from unlearning.traces.places.dvc_objects import OBJECTS, ObjectPlace, Reader
from unlearning.traces.places.folders import BytesPlace, DocsPlace, EmptyFolderPlace, ScratchPlace, SealedSpoolPlace, SpoolPlace
from unlearning.traces.places.git_history import GitPlace
from unlearning.traces.places.guarded import GuardedPlace
from unlearning.traces.places.mlflow_mentions import MentionsPlace
from unlearning.traces.places.mlflow_versions import MlflowPlace
from unlearning.traces.places.prefect_server import PrefectServerPlace
from unlearning.traces.places.rolls import RollPlace
from unlearning.traces.places.texts import GxPlace
from unlearning.traces.places.unsaid import UnsaidPlace

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace
    from unlearning.stores.scans.words import Watch

SCRATCH = ".unlearning/tmp"
EMBEDDED = ".unlearning/prefect"
_OWN_PLACES = (".unlearning/", "mlruns/", "mlartifacts/")
"""Folders whose files other places speak of: checkpoints, databases, what MLflow keeps."""

ABOUT_NOBODY = (SpoolPlace, SealedSpoolPlace, ScratchPlace, DocsPlace, EmptyFolderPlace, DatabasePlace)
"""Places where something is left or nothing is, whoever is looked for."""


@dataclass(frozen=True)
class Reach:
    """What one search, with the deletion that follows it, stands on: each part is read once, at its first use.

    Raises Unavailable where a service does not answer.
    """

    workspace: Workspace
    identifiers: tuple[str, ...] = field(default=(), repr=False)
    """Of those who are searched for, where they are known: raw, in memory only; the search is the same without."""

    @cached_property
    def holdings(self) -> Holdings:
        """The tables and person columns."""
        return Holdings.of(self.workspace)

    @cached_property
    def past(self) -> Past:
        """The whole DVC history."""
        return Past.of(self.workspace)

    @cached_property
    def kept(self) -> dict[str, frozenset[str]]:
        """Object → the people whom a legal hold keeps in it."""
        return kept(self.workspace, lambda: self.past)

    @cached_property
    def readmitted(self) -> Readmitted:
        """Whom a decision let in again."""
        return Readmitted(self.workspace)

    @cached_property
    def admitted(self) -> dict[str, frozenset[str]]:
        """Object → the people who were let in again and may be in it."""
        alone = self.readmitted.alone
        return {name: people & alone for name, people in self.readmitted.objects.items() if people & alone}

    @cached_property
    def _needed(self) -> frozenset[str]:
        """Checkpoints of versions that may hold them: the same records make the same names as before."""
        if not self.readmitted.alone:
            return frozenset()
        trained, _ = shaped.by_erased(self.workspace)
        clean = [one for one in self.workspace.lineage.models() if one.model not in trained]
        since = [one for one in clean if self.readmitted.may_hold(one, self.readmitted.alone)]
        return frozenset(key for one in since for key in (*one.chain.keys, *(part.key for part in one.trained.parts)))

    @cached_property
    def reader(self) -> Reader:
        """How to see who is in a file of this project."""
        workspace = self.workspace

        @cache
        def indexed(tokens: frozenset[str]) -> Mapping[str, bool]:
            held = {version.object for version in shaped.holding(workspace, tokens)}
            return {version.object: version.object in held for version in workspace.lineage.data_versions()}

        return Reader(
            watch=self.watch,
            indexed=indexed,
            derived=lambda objects: self.past.derived(objects) if objects else objects,
            reports=lambda: self.past.reports,
            current=lambda: named_now(workspace.data, tuple(self.holdings.tables)),
            accounts=lambda: self.accounts,
        )

    @cached_property
    def accounts(self) -> Accounts:
        """What may be believed of files that nobody can read."""
        workspace = self.workspace
        now = workspace.data.present()
        made = self.past.made.union(now.derivations())
        return Accounts(
            contents=self.past.contents.union(now.outs),
            made=frozenset((origin.object, target.object) for origin, target, stage in made if stage != PART),
            declared=declared(workspace),
            names_somebody=self._names_somebody,
        )

    def _names_somebody(self, path: str) -> bool:
        """A part of a path is an identifier of anybody whom the lineage knows."""
        return bool(shaped.holding(self.workspace, self.reader.named(path)))

    @cached_property
    def watch(self) -> Watch:
        """How a person is recognised in a file or a text of this project."""
        from unlearning.stores.scans.words import Watch

        subject, key = self.workspace.settings.subject, self.workspace.keys.index
        return Watch(
            self.holdings.people_columns,
            subject.identifier,
            key,
            spellings=subject.spellings,
            readers=plugins.readers(),
            identifiers=self.identifiers,
        )

    def places(self, *, by_bytes: bool = False) -> list[Place]:
        """Every place within reach, objects before what names them.

        by_bytes: also whole folders, which only a search for raw identifiers can look into.
        """
        workspace = self.workspace
        return [
            *_tables(self),
            CheckpointPlace(workspace.checkpoints, recognise=partial(guards.checkpoints, workspace)),
            *(GuardedPlace(one, partial(guards.registry, workspace)) for one in (self.registry, _mentions(self))),
            *_dvc(self),
            SpoolPlace(workspace.path(SCRATCH)),
            *(SealedSpoolPlace(workspace.sealed_spool(url)) for url in sealed.used(workspace.root)),
            ScratchPlace(
                workspace.path(SCRATCH),
                words=workspace.path(foreign_code.FILE),
                watch=self.watch,
                alone=lambda: workspace.ledger.exclusive("data"),
            ),
            DocsPlace(workspace.path(workspace.settings.stores.reports), since=_last_redaction(workspace)),
            GxPlace(workspace.root, self.watch, label=_label(workspace)),
            UnsaidPlace(self.watch),
            GitPlace(workspace.data.git, self.reader, free=lambda path: self.accounts.free(path) is not None),
            EmptyFolderPlace("Prefect: results of our flows", workspace.path(f"{EMBEDDED}/storage")),
            *_prefect(self),
            DatabasePlace("ledger database", workspace.ledger.engine),
            DatabasePlace("lineage database", workspace.lineage.engine),
            _rolls(self),
            *(_folders(self) if by_bytes else ()),
        ]

    @cached_property
    def registry(self) -> MlflowPlace:
        """The place of model versions, their runs and files."""
        return _mlflow(self)

    def wanted(self, tokens: Iterable[str], *, identifiers: Sequence[str] = (), trust_index: bool = False) -> Wanted:
        """Who is searched for, with everything that an earlier purge found of anybody: none of it may come back.

        Raises KeyFileError when another index key made their tokens: a search by them would find nothing and prove nothing.
        """
        asked, alone = frozenset(tokens), self.readmitted.alone
        require_index_key(self.workspace, asked)
        known: dict[str, set[Trace]] = {}
        for event in self.workspace.ledger.of(TracesFound):
            for place, traces in event.fact.inventory.traces.items():
                known.setdefault(place, set()).update(traces)
        back = {OBJECTS: self.admitted.keys(), checkpoints.NAME: self._needed}
        return Wanted(
            tokens=asked - alone,
            known={
                place: frozenset(trace for trace in traces if trace.name not in back.get(place, ()))
                for place, traces in known.items()
            },
            identifiers=tuple(identifiers),
            trust_index=trust_index,
            kept=self.kept,
            readmitted=asked & alone,
            admitted=self.admitted,
            **self._before_a_purge(asked),
        )

    def _before_a_purge(self, tokens: frozenset[str]) -> dict[str, Any]:
        """What `Wanted` says of people whom no purge may touch yet: who was not erased, who is kept by a hold."""
        standing = self.workspace.ledger.standing
        known, done = standing.of_people(tokens), standing.reached_purge(tokens)
        held = tokens & {one.token for one in known if one.state == "on_hold"}
        asking = tokens & {one.token for one in known if one.state not in ENDED} - done - held
        nobody = tokens - held - asking - done
        steps = {
            f"{len(held)} of them are on hold: `unlearn release REQUEST`, then `unlearn erase`": held,
            f"{len(asking)} of them are not erased yet: `unlearn erase`": asking,
            f"nobody asked to erase {len(nobody)} of them: `unlearn request`, then `unlearn erase`": nobody,
        }
        return {
            "instead": "; ".join(step for step, people in steps.items() if people),
            "purgeable": bool(tokens & done - held),
        }

    def beyond(self, wanted: Wanted) -> tuple[Residual, ...]:
        """What is not searched for those who were let in again."""
        if not wanted.readmitted:
            return ()
        return (
            Residual(
                place="texts, logs, runs and Git history of people who were readmitted",
                level="logical",
                outcome="out_of_reach",
                count=None,
                why="nothing there tells what is of before; of theirs, objects, model versions and checkpoints of before were "
                "searched for",
                remedy="look there yourself; once they ask to be erased again, everything is searched for them",
            ),
        )


def declared(workspace: Workspace) -> tuple[Declared, ...]:
    """What the project says is free of people."""
    return tuple(Declared(one.paths, one.reason) for one in workspace.settings.free_of_people)


def remedy(place: Place, found: Found, wanted: Wanted) -> str:
    """What to do about the traces that a place holds; empty when it holds none."""
    if not found.traces:
        return ""
    return found.remedy if isinstance(place, ABOUT_NOBODY) else wanted.first(found.remedy)


def remembered_as(place: Place) -> str:
    """Under which name an inventory keeps what was found in a place: objects are the same in every cache and remote."""
    return OBJECTS if isinstance(place, ObjectPlace) else place.name


def erased(workspace: Workspace, request_ids: Collection[str] = ()) -> frozenset[str]:
    """Tokens of everyone whose erasure reached its purge, or of the named requests."""
    standing = workspace.ledger.standing
    return frozenset(one.token for one in standing.requests(request_ids).values()) if request_ids else standing.reached_purge()


def _tables(reach: Reach) -> list[Place]:
    """Every table in the project folder, one file or a folder: those that are declared, and whatever else DVC tracks."""
    from unlearning.stores.dvc.objects import object_stores

    workspace, tables = reach.workspace, reach.holdings.tables
    cache, *_ = object_stores(workspace.data)

    def explained(path: str, object_hash: str) -> bool:
        return cache.holds(object_hash) or reach.accounts.free(path) is not None

    here = [path for path in workspace.data.outputs() if workspace.path(path).exists()]
    return [
        TablePlace(path, workspace.path(path), reach.watch, person=tables.get(path), explained=explained)
        for path in dict.fromkeys((*tables, *here))
    ]


def _prefect(reach: Reach) -> list[Place]:
    """Databases of embedded servers, in the project and where PREFECT_HOME says, and the user's own server, if one is named."""
    own, server = reach.workspace.path(EMBEDDED), prefect_rows.named(os.environ)
    home = Path(os.environ.get(PREFECT_HOME) or own)
    places: list[Place] = [PrefectPlace(own / "prefect.db", reach.watch)]
    if home.resolve() != own.resolve():
        places.append(PrefectPlace(home / "prefect.db", reach.watch, name=f"{places[0].name} at PREFECT_HOME"))
    return [*places, PrefectServerPlace(server, reach.watch)] if server else places


def _mlflow(reach: Reach) -> MlflowPlace:
    from unlearning.stores.mlflow.garbage import MlflowGarbage

    workspace = reach.workspace

    def serving() -> list[ModelVersion]:
        found = (workspace.models.alias(own.model, own.alias) for own in workspace.settings.owns)
        return [one for one in found if one is not None]

    def forgotten(names: Sequence[str]) -> None:
        for record in workspace.lineage.models():
            if str(record.model) in names:
                workspace.lineage.mark_deleted(record.model)
        for model in shaped.superseded(workspace):
            if str(model) in names:
                workspace.followed.mark_deleted(model)

    return MlflowPlace(
        garbage=MlflowGarbage(workspace.models, workspace.mlflow_database),
        shaped=lambda wanted: [
            *to_go(workspace, wanted.tokens),
            *to_go(workspace, wanted.readmitted, readmitted=reach.readmitted),
        ],
        around=lambda tokens: run_trees.around(workspace, tokens),
        serving=serving,
        forgotten=forgotten,
    )


def _mentions(reach: Reach) -> MentionsPlace:
    from unlearning.stores.mlflow.garbage import MlflowGarbage
    from unlearning.stores.mlflow.mentions import MlflowMentions

    workspace = reach.workspace
    mentions = MlflowMentions(
        garbage=MlflowGarbage(workspace.models, workspace.mlflow_database),
        runs=lambda: [record.run_id for record in workspace.lineage.models(deleted=None)],
        label=_label(workspace),
    )
    known = _accounted_for(workspace)

    def explained(path: str) -> bool:
        owner, _, inside = path.removeprefix("models/").partition("/")
        return owner in known or reach.accounts.free(f"mlflow:{inside.removeprefix('artifacts/')}") is not None

    return MentionsPlace(mentions, reach.watch, lambda: erased(workspace) - reach.readmitted.alone, explained)


def _rolls(reach: Reach) -> RollPlace:
    from unlearning.stores.dvc.objects import object_stores

    workspace = reach.workspace

    def objects() -> dict[str, str]:
        return {version.digest: version.object for version in workspace.lineage.data_versions()}

    def present(contents: Collection[str]) -> set[str]:
        cache, *_ = object_stores(workspace.data)
        here = [file for path in reach.holdings.tables if (file := workspace.path(path)).exists()]
        kept = (content for content, name in objects().items() if content in contents and cache.holds(name))
        return {*map(workspace.rolls.content, here), *kept}

    return RollPlace(workspace.rolls, objects, present)


def _accounted_for(workspace: Workspace) -> frozenset[str]:
    """Runs and logged models whose data the lineage knows: whom they learned from is said there, whatever their files hold."""
    followed = [(one.run_id, sources.model_id(one.source)) for one in workspace.followed.models().values() if one.settled]
    ours = {record.model for record in workspace.lineage.models(deleted=None)}
    trained = [(one.run_id, sources.model_id(one.source)) for one in workspace.models.every_version() if one.model in ours]
    return frozenset(name for pair in (*followed, *trained) for name in pair if name)


def _label(workspace: Workspace) -> Callable[[str], str]:
    """How a trace is called whose own name may be a person's."""
    key = workspace.keys.index
    return lambda text: hashing.label(key, text)


def _dvc(reach: Reach) -> list[Place]:
    from unlearning.stores.dvc.objects import object_stores

    stores = object_stores(reach.workspace.data)
    return [
        *(ObjectPlace(store, reach.reader) for store in stores),
        *(RunCachePlace(store) for store in stores),
        SiteCachePlace(reach.workspace.data),
        *remotes.places(reach.workspace.data, reach.reader, reach.holdings.tables),
    ]


def _last_redaction(workspace: Workspace) -> float:
    events = workspace.ledger.of(DataRedacted, last=1)
    return events[-1].at.timestamp() if events else 0.0


def _folders(reach: Reach) -> list[Place]:
    from unlearning.stores.dvc.objects import object_stores

    workspace = reach.workspace
    inside = [Path(store.root) for store in object_stores(workspace.data) if store.local]
    own = [folder.relative_to(workspace.root).as_posix() for folder in inside if folder.is_relative_to(workspace.root)]
    name, elsewhere = "files of the project, MLflow and Prefect", (*own, *reach.holdings.tables, ".git")

    def said_elsewhere(path: str) -> bool:
        return path.startswith(_OWN_PLACES) or reach.accounts.free(path) is not None

    return [BytesPlace(name, workspace.root, reach.watch, without=elsewhere, free=said_elsewhere)]
