"""Step 2, assess: which data versions, shards, checkpoints and model versions a set of people is in. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unlearning.domain import hashing, lifecycle
from unlearning.domain.entities import DataVersion, Impact, ModelRecord, ModelVersion, ShapedVersion, ShardImpact, Trained
from unlearning.domain.errors import KeyFileError, NotFound
from unlearning.domain.partition import Places
from unlearning.domain.planning import impact
from unlearning.lineage import graph
from unlearning.project.training.train import people_in
from unlearning.stores.tables import tables

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace

SUPPRESSION_EVENTS = ("RequestReceived", "SubjectSuppressed", "RequestCancelled", "RequestExempted")
"""What decides who is left out of a training."""


@dataclass(frozen=True)
class Search:
    """Where a set of people was found."""

    current: tuple[DataVersion, ...]
    """The tables as they are now, or were before this erasure redacted them; upstream first."""
    holders: Mapping[str, frozenset[str]]
    """Data digest → tokens found in that version."""
    versions: tuple[DataVersion, ...]
    """Every version, old ones included, that holds at least one of them."""
    records: int
    """Their records in the current source table, and in tables that trained adopted models."""
    removed: Mapping[str, int]
    """Current table → their records in it."""
    training: Places
    """(n, 4) place of each of their records in the current training table."""
    people: Places
    """(u, 4) place of each person found in a table that still exists."""
    lost: frozenset[str]
    """Tokens whose place nobody can work out any more: only versions that were purged held these people."""

    @cached_property
    def found(self) -> frozenset[str]:
        """The tokens that were found somewhere."""
        return frozenset(token for held in self.holders.values() for token in held)


def search(
    workspace: Workspace, tokens: Iterable[str], *, made_from: Callable[[DataVersion], DataVersion] = lambda version: version
) -> Search:
    """Look for people in the current tables, and through the index in every known old version.

    made_from: the version to look in instead of a current one, for an erasure that redacted the tables in an earlier attempt.
    """
    wanted = frozenset(tokens)
    require_index_key(workspace, wanted)
    own = workspace.settings.own
    current, holders, places, rows = [], {}, {}, {}
    for path, column in workspace.tables.items():
        present = current_version(workspace, path)
        version = made_from(present)
        file = workspace.path(path) if version == present else workspace.data.fetch(version)
        current.append(version)
        rows[path], where = _look(workspace, file, path, column, wanted)
        if own and path in own.data.tables:  # only these feed the shards of this project's model
            places.update(where)
        holders[version.digest] = frozenset(where)
    adopted = {each.data.path for each in workspace.adoptions.values()} & rows.keys()
    old = _old_holders(workspace, wanted, known=holders)
    holders |= {version.digest: held for version, held in old}
    fed = {record.data.digest for record in workspace.lineage.models(own.model, deleted=None)} if own else set()
    lost: set[str] = set()
    for version, held in old:
        if version.digest in fed and not held <= places.keys():
            try:
                file = workspace.data.fetch(version)
            except NotFound:  # purged with an earlier erasure
                lost |= held
            else:
                places.update(_look(workspace, file, version.path, workspace.person_in(version.path), wanted)[1])
    return Search(
        current=tuple(current),
        holders=holders,
        versions=tuple(v for v in current if holders[v.digest]) + tuple(version for version, _ in old),
        records=sum(len(rows[path]) for path in {*((own.data.source,) if own else ()), *adopted}),
        removed={path: len(found) for path, found in rows.items()},
        training=rows[own.data.train] if own else _places([]),
        people=_places([places[token] for token in sorted(places)]),
        lost=frozenset(lost - places.keys()),
    )


def _places(each: Sequence[Places]) -> Places:
    return np.array(each, dtype=np.uint64).reshape(-1, 4)


def require_index_key(workspace: Workspace, tokens: Collection[str]) -> None:
    """Raises KeyFileError when these tokens, or those of the index, were made with another key: nobody would be found."""
    here = hashing.key_id(workspace.keys.index)
    received = workspace.ledger.events(kinds=["RequestReceived"])
    made = {event.subject: event.body.get("index_key", here) for event in received if event.body["token"] in tokens}
    if others := sorted(request for request, key in made.items() if key != here):
        raise KeyFileError(
            f"{', '.join(others)}: came under another index key than the present one, {here}, which finds nobody by it. "
            "Restore that key; or take the request back with `unlearn cancel` and record the person again"
        )
    if others := sorted(workspace.lineage.index_keys() - {here}):
        raise KeyFileError(
            f"the lineage was made with index key {', '.join(others)}, the present one is {here}: people would be found in "
            "some of their versions only, or in none. Restore that key; or move the lineage away and run `unlearn follow --all`"
        )


def current_version(workspace: Workspace, path: str) -> DataVersion:
    """The version of a table in the workspace. Raises ProjectError when it is missing, untracked or dirty."""
    with tables.about(path):
        return workspace.data.current(path, person=workspace.person_in(path), identifier=workspace.settings.subject.identifier)


def _look(workspace: Workspace, file: Path, path: str, column: str, wanted: frozenset[str]) -> tuple[Places, dict[str, Places]]:
    """The place of each record of these people in one file, and the place of each person."""
    table = tables.read(file, person=column, named=path)
    with tables.about(path):
        people = people_in(workspace, table, column)
    rows = people.where[people.codes[people.mask(wanted)]]
    return rows, {token: place for token, place in zip(people.tokens, people.where, strict=True) if token in wanted}


def _old_holders(
    workspace: Workspace, wanted: frozenset[str], *, known: Mapping[str, frozenset[str]]
) -> list[tuple[DataVersion, frozenset[str]]]:
    held: dict[DataVersion, set[str]] = {}
    tokens = sorted(bytes.fromhex(token) for token in wanted)
    for token, versions in workspace.lineage.versions_holding(tokens).items():
        for version in versions:
            if version.digest not in known:
                held.setdefault(version, set()).add(token.hex())
    return [(version, frozenset(tokens)) for version, tokens in sorted(held.items(), key=lambda item: str(item[0]))]


def shaped_records(
    workspace: Workspace, found: Search, *, deleted: bool | None = False
) -> list[tuple[ModelRecord, frozenset[str]]]:
    """Every version of this project's model that these people shaped, with the tokens that did; see `lineage.models`."""
    own = workspace.settings.own
    return shaped_by(workspace, found.holders, own.model, deleted=deleted) if own else []


def shaped_by(
    workspace: Workspace, holders: Mapping[str, frozenset[str]], model: str | None = None, *, deleted: bool | None = None
) -> list[tuple[ModelRecord, frozenset[str]]]:
    """Every version trained here, of one model or of any, that people shaped. holders: data digest → tokens found in it."""
    events = workspace.ledger.events(kinds=SUPPRESSION_EVENTS)
    shaped = (
        (record, impact.shaped_by(record, holders, lifecycle.suppressed_index_tokens(events, record.suppressed_upto)))
        for record in workspace.lineage.models(model, deleted=deleted)
        if holders.get(record.data.digest)
    )
    return [(record, tokens) for record, tokens in shaped if tokens]


def assess(workspace: Workspace, tokens: Sequence[str], found: Search) -> Impact:
    """What erasing these people would touch, and what it would cost."""
    own, part = workspace.settings.own, workspace.settings.partition
    shaped = shaped_records(workspace, found)
    shards = impact.shard_impacts(found.training, shards=part.shards, slices=part.slices)
    aliases = workspace.models.aliases(own.model) if own else {}
    ever = shaped_records(workspace, found, deleted=None)
    stale = frozenset[str]().union(*(impact.stale_keys(record, found.people) for record, _ in ever))
    return Impact(
        records=found.records,
        tokens=tuple(sorted(found.found)),
        not_found=tuple(sorted(set(tokens) - found.found)),
        data_versions=found.versions,
        model_versions=(*(_shaped_version(record, aliases) for record, _ in shaped), *_shaped_elsewhere(workspace, found)),
        shards=shards,
        shards_total=part.shards if own else 0,
        slices_total=part.slices if own else 0,
        checkpoints_stale=tuple(sorted(key for key in stale if key in workspace.checkpoints)),
        estimated_seconds=_estimate(workspace, shards),
        method=workspace.settings.policy.methods[0] if own else None,
    )


def _shaped_version(record: ModelRecord, aliases: Mapping[str, int]) -> ShapedVersion:
    behind = tuple(sorted(alias for alias, version in aliases.items() if version == record.model.version))
    return ShapedVersion(name=record.model.name, version=record.model.version, aliases=behind, data_digest=record.data.digest)


def _shaped_elsewhere(workspace: Workspace, found: Search) -> list[ShapedVersion]:
    """Versions that this project did not train and these people shaped: fed by their data, or made from a tainted version."""
    trained = {record.model for record, _ in shaped_by(workspace, found.holders)}
    return graph.shaped_elsewhere(workspace, [digest for digest, held in found.holders.items() if held], trained)


def parent_of(workspace: Workspace) -> ModelVersion:
    """The version behind the alias; raises NotFound with the next step."""
    return workspace.models.behind(workspace.own.model, workspace.own.alias)


def record_of(workspace: Workspace, version: ModelVersion) -> ModelRecord:
    """The lineage of a version; raises NotFound for one that was not trained here."""
    record = workspace.lineage.model(version.name, version.version)
    if record is None:
        raise NotFound(
            f"{version} has no recorded lineage, so nobody can say who shaped it; "
            "train it with `unlearn train`, or point the alias at a version that was"
        )
    return record


def _estimate(workspace: Workspace, shards: Sequence[ShardImpact]) -> float:
    """Seconds of training, from the pace of the latest training that did some; 0 before the first, and where there is none."""
    own = workspace.settings.own
    records = [r for r in workspace.lineage.models(own.model) if _rows(r.trained)] if own else []
    if not records:
        return 0.0
    last = max(records, key=lambda record: record.model.version)
    pace = last.trained.cpu_seconds / _rows(last.trained)
    slices = len(last.chain.shards[0].rows)
    touched = [shard for shard in shards if shard.shard < len(last.chain.shards) and shard.first_slice <= slices]
    return round(pace * impact.training_rows(last.chain, workspace.learner.stage_epochs(slices), touched), 3)


def _rows(trained: Trained) -> int:
    return sum(part.rows_trained for part in trained.parts)


def index_table(workspace: Workspace, version: DataVersion, file: Path, *, parent: str | None = None) -> None:
    """Remember who is in a data version; knowing it already changes nothing."""
    if workspace.lineage.data_version(version.digest, version.path) is not None:
        return
    column = workspace.person_in(version.path)
    table = tables.read(file, person=column, named=version.path)
    with tables.about(version.path):
        people = people_in(workspace, table, column)
    workspace.lineage.record_data(version, [bytes.fromhex(token) for token in people.everyone], parent=parent)


def people_at(workspace: Workspace, version: DataVersion, file: Path | None = None) -> tuple[str, ...]:
    """The index tokens of everyone in a table: the current one, or a version whose content is in `file`."""
    column = workspace.person_in(version.path)
    table = tables.read(file or workspace.path(version.path), person=column, named=version.path)
    with tables.about(version.path):
        return people_in(workspace, table, column).tokens
