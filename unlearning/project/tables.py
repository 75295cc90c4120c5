"""The tables of a project: their current versions, and the index of who is in them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from unlearning.domain import hashing
from unlearning.domain.errors import KeyFileError, WrongUse
from unlearning.domain.events import RequestReceived
from unlearning.domain.versions import DataVersion
from unlearning.project.people import people_in
from unlearning.stores.tables import tables

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace


def require_index_key(workspace: Workspace, tokens: Collection[str]) -> None:
    """Raises KeyFileError when these tokens, or those of the index, were made with another key: nobody would be found."""
    here = hashing.key_id(workspace.keys.index)
    received = [event for event in workspace.ledger.of(RequestReceived) if event.fact.token in tokens]
    if others := sorted(event.subject for event in received if event.fact.index_key not in (None, here)):
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


def require_tables(workspace: Workspace) -> None:
    """Raises WrongUse for a project that trains nothing and looks after no table: there would be nothing to erase from."""
    if not any(each.tables for each in workspace.adoptions.values()):
        raise WrongUse(
            "nothing to erase from: this project trains no model of its own, and no model with a table that DVC tracks here is "
            "adopted; adopt the registered models first, for example "
            "`unlearn adopt fraud/3 --data data/fraud.csv --subject-column customer`"
        )
