"""The tables of a project: their current versions, and the index of who is in them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from unlearning.domain import hashing
from unlearning.domain.errors import KeyFileError, NotFound, RecipeError
from unlearning.domain.versions import DataVersion
from unlearning.project.holdings import Holdings
from unlearning.project.people import People, Present, keyed, people_in
from unlearning.stores.tables import tables

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace


def require_index_key(workspace: Workspace, tokens: Collection[str]) -> None:
    """Raises KeyFileError when these tokens, or those of the index, were made with another key: nobody would be found."""
    here = hashing.key_id(workspace.keys.index)
    if others := sorted(
        event.subject for event in workspace.ledger.received(tokens) if event.fact.index_key not in (None, here)
    ):
        raise KeyFileError(
            f"{', '.join(others)}: came under another index key than the present one, {here}, which finds nobody by it. "
            "Restore that key; or take the request back with `unlearn cancel` and record the person again"
        )
    if others := sorted(workspace.lineage.index_keys() - {here}):
        raise KeyFileError(
            f"the lineage was made with index key {', '.join(others)}, the present one is {here}: people would be found in "
            "some of their versions only, or in none. Restore that key; or move the lineage away and run `unlearn follow --all`"
        )


def current_version(workspace: Workspace, path: str, person: str) -> DataVersion:
    """The version of a table in the workspace. Raises ProjectError when it is missing, untracked or dirty.

    person: here and below, the column that says whose record it is.
    """
    with tables.about(path):
        return workspace.data.current(path, person=person, identifier=workspace.settings.subject.identifier)


def present(workspace: Workspace) -> Present:
    """Who is in the tables that lie here now; one that does not, or that no recipe can read, is left out.

    Raises DataError for a table that does not tell people apart: whoever asks about somebody in it could be told anything.
    """
    found, values = set[str](), dict[object, None]()
    try:
        here = Holdings.of(workspace).tables
    except RecipeError:
        here = {}
    for path, person in here.items():
        try:
            table = tables.read(workspace.path(path), person=person, named=path)
        except NotFound:
            continue
        with tables.about(path):
            who = tables.people(table, person)
            found |= keyed(workspace, who).everyone
            values |= dict.fromkeys(who.values)
    return Present(frozenset(found), tuple(values), workspace.keys.index)


def person_columns(workspace: Workspace) -> tuple[str, ...]:
    """The columns that say whose record it is, as far as the project can say."""
    try:
        return Holdings.of(workspace).columns
    except RecipeError:
        return ()


def index_table(workspace: Workspace, version: DataVersion, file: Path, person: str, *, parent: str | None = None) -> None:
    """Remember who is in a data version; knowing it already changes nothing."""
    if workspace.lineage.data_version(version.digest, version.path) is not None:
        return
    people = people_at(workspace, version, file, person)
    workspace.lineage.record_data(version, [bytes.fromhex(token) for token in people.everyone], parent=parent)


def people_at(workspace: Workspace, version: DataVersion, file: Path, person: str) -> People:
    """Everyone in a version whose content is in `file`."""
    table = tables.read(file, person=person, named=version.path)
    with tables.about(version.path):
        return people_in(workspace, table, person)
