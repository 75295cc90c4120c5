"""Where the people of an erasure are: in the current tables, in old versions, in the models that those shaped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unlearning.domain.chain import Placement
from unlearning.domain.entities import ModelRecord
from unlearning.domain.errors import NotFound
from unlearning.domain.partition import Places
from unlearning.domain.partition import grouped as in_groups
from unlearning.domain.versions import DataVersion
from unlearning.lineage.shaped import holding, shaped_by
from unlearning.project.holdings import Holdings
from unlearning.project.people import people_of, read_some
from unlearning.project.placement import grouped
from unlearning.project.tables import current_version, require_index_key
from unlearning.stores.rolls import among, unpacked

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace


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
    training: Mapping[str, Places]
    """Own model → (n, 4) place of each of their records in its current training table; with their groups, where it has any."""
    people: Places
    """(u, 4) place of each person found in a table that still exists."""
    placed: Mapping[tuple[str, str, Placement], Places]
    """Digest of a current training table, of the recipe, declared placement → (n, 5) place of each of their records."""
    lost: frozenset[str]
    """Tokens whose place nobody can work out any more: only versions that were purged held these people."""

    @cached_property
    def found(self) -> frozenset[str]:
        """The tokens that were found somewhere."""
        return frozenset(token for held in self.holders.values() for token in held)

    def places_in(self, record: ModelRecord) -> Places:
        """Where the people are in a version: with their groups where its table is at hand, as declared when it was trained."""
        placement = record.chain.placement
        if placement is None:
            return self.people
        return self.placed.get((record.data.digest, record.chain.recipe, placement), self.people)


def search(
    workspace: Workspace, tokens: Iterable[str], *, made_from: Callable[[DataVersion], DataVersion] = lambda version: version
) -> Search:
    """Look for people in the current tables, and through the index in every known old version.

    made_from: the version to look in instead of a current one, for an erasure that redacted the tables in an earlier attempt.
    """
    wanted = frozenset(tokens)
    require_index_key(workspace, wanted)
    owns, holdings = workspace.settings.owns, Holdings.of(workspace)
    current, holders, places, rows = [], {}, {}, {}
    training, placed = dict[str, Places](), dict[tuple[str, str, Placement], Places]()
    for path, column in holdings.tables.items():
        present = current_version(workspace, path, column)
        version = made_from(present)
        file = workspace.path(path) if version == present else workspace.data.fetch(version)
        current.append(version)
        rows[path], where = _look(workspace, file, path, column, wanted, past=False)
        if any(path in own.data.tables for own in owns):  # only these feed the shards of this project's models
            places.update(where)
        holders[version.digest] = frozenset(where)
        for view in workspace.each:
            if view.own.data.train == path:
                theirs = training[view.own.model] = _with_groups(view, file, path, column, wanted, rows[path])
                if placement := view.settings.partition.placement:
                    placed[version.digest, view.recipe_digest, placement] = theirs
    adopted = {each.data.path for each in holdings.adoptions.values()} & rows.keys()
    everywhere = sorted(holding(workspace, wanted).items(), key=lambda item: str(item[0]))
    old = [(version, held) for version, held in everywhere if version.digest not in holders]
    holders |= {version.digest: held for version, held in old}
    fed = {record.data.digest for record in workspace.lineage.models(deleted=None)}
    lost: set[str] = set()
    for version, held in old:
        if version.digest in fed and not held <= places.keys():
            try:
                file = workspace.data.fetch(version)
            except NotFound:  # purged with an earlier erasure
                lost |= held
            else:
                places.update(_look(workspace, file, version.path, holdings.person_in(version.path), wanted, past=True)[1])
    return Search(
        current=tuple(current),
        holders=holders,
        versions=tuple(v for v in current if holders[v.digest]) + tuple(version for version, _ in old),
        records=sum(len(rows[path]) for path in {*(own.data.source for own in owns), *adopted}),
        removed={path: len(found) for path, found in rows.items()},
        training=training,
        people=_places([places[token] for token in sorted(places)]),
        placed=placed,
        lost=frozenset(lost - places.keys()),
    )


def _places(each: Sequence[Places]) -> Places:
    return np.array(each, dtype=np.uint64).reshape(-1, 4)


def _look(
    workspace: Workspace, file: Path, path: str, column: str, wanted: frozenset[str], *, past: bool
) -> tuple[Places, dict[str, Places]]:
    """The place of each record of these people in one file, and the place of each person."""
    people = people_of(workspace, file, column, named=path, past=past)
    rows = people.where[people.codes[people.mask(wanted)]]
    here = among(people.tokens, wanted)
    pairs = zip(unpacked(people.tokens[here]), people.where[here], strict=True)
    return rows, {token.hex(): place for token, place in pairs}


def _with_groups(view: Workspace, file: Path, path: str, column: str, wanted: frozenset[str], rows: Places) -> Places:
    """(n, 5) the same places with the groups that the people's own rows say, under a declared placement."""
    if view.settings.partition.placement is None:
        return rows
    if not len(rows):
        return in_groups(rows, np.zeros(0, np.int64))
    table, people, theirs = read_some(view, file, column, lambda roll: roll.mask(wanted), named=path)
    codes = people.codes[theirs]
    return grouped(view, table, people, codes).where[codes]


def shaped_records(
    workspace: Workspace, found: Search, *, deleted: bool | None = False
) -> list[tuple[ModelRecord, frozenset[str]]]:
    """Every version trained here that these people shaped, with the tokens that did; see `SqlLineage.models`.

    Of every model that was ever trained here, whatever `params.yaml` names now.
    """
    return shaped_by(workspace, found.holders, deleted=deleted)
