"""The tables of a project: their current versions, and the index of who is in them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from unlearning.domain import hashing
from unlearning.domain.errors import KeyFileError, NotFound, RecipeError, Unavailable
from unlearning.domain.versions import DataVersion
from unlearning.project.holdings import Holdings
from unlearning.project.people import Present, look_labels, people_of
from unlearning.stores.tables import tables

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace
    from unlearning.stores.rolls import Roll


T = TypeVar("T")

_PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8)
"""DVC takes a table away before it links the next one."""


def require_index_key(workspace: Workspace, tokens: Collection[str]) -> None:
    """Raises KeyFileError when these tokens, or those of the index, were made with another key: nobody would be found."""
    here = hashing.key_id(workspace.keys.index)
    if others := sorted(
        event.subject for event in workspace.ledger.received(tokens) if event.fact.index_key not in (None, here)
    ):
        raise KeyFileError(
            f"{', '.join(others)}: came under another index key than the present one, {here}, which finds nobody by it. "
            "Restore that key; or take the request back with `unlearn cancel REQUEST` and record the person again"
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

    def measured(file: Path) -> tuple[str, int, int]:
        roll = people_of(workspace, file, person, named=path, past=True)
        return workspace.rolls.content(file), len(roll.codes), roll.people

    return workspace.data.current(path, measured=measured)


def present(workspace: Workspace) -> Present:
    """Who is in the tables that lie here now; one that does not, or that no recipe can read, is left out.

    Raises DataError for a table that does not tell people apart: whoever asks about somebody in it could be told anything.
    """
    try:
        declared = Holdings.of(workspace).tables
    except RecipeError:
        declared = {}
    here: dict[str, str] = {}
    rolls: list[Roll] = []
    for path, person in declared.items():
        with suppress(NotFound):
            rolls.append(_lasting(workspace, partial(people_of, workspace, workspace.path(path), person, named=path)))
            here[path] = person

    def holds(tokens: Collection[str]) -> frozenset[str]:
        return frozenset[str]().union(*(roll.holds(tokens) for roll in rolls))

    def read() -> Iterator[object]:
        return chain.from_iterable(_lasting(workspace, partial(_spelled, workspace, *one)) for one in here.items())

    def looks() -> list[frozenset[str]]:
        return [_lasting(workspace, partial(_looks, workspace, *one)) for one in here.items()]

    return Present(holds, read, workspace.keys.index, looks)


def _lasting(workspace: Workspace, read: Callable[[], T]) -> T:
    """What is read of a table; again where it is not there while an erasure puts another one in its place. Raises NotFound."""
    for pause in _PAUSES_S:
        try:
            return read()
        except NotFound:
            if not any(_is_underway(workspace, one) for one in workspace.ledger.standing.unfinished()):
                raise
            time.sleep(pause)
    return read()


def _is_underway(workspace: Workspace, erasure: str) -> bool:
    """A process is at it."""
    try:
        with workspace.ledger.exclusive(erasure, timeout=0):
            return False
    except Unavailable:
        return True


def _spelled(workspace: Workspace, path: str, person: str) -> Iterable[object]:
    return tables.people(tables.read(workspace.path(path), person=person, named=path, only=True), person).values


def _looks(workspace: Workspace, path: str, person: str) -> frozenset[str]:
    """How the people of a table look, made once for its content: a service is asked about many strangers."""
    shaped = (workspace.rolls.content(workspace.path(path)), person)
    known, labels = workspace.learned.get(("looks", path), (None, frozenset[str]()))
    if known != shaped:
        labels = look_labels(workspace.keys.index, _spelled(workspace, path, person))
        if workspace.rolls.content(workspace.path(path)) == shaped[0]:
            workspace.learned["looks", path] = shaped, labels
    found: frozenset[str] = labels
    return found


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
    workspace.lineage.record_data(version, people_of(workspace, file, person, named=version.path).everyone, parent=parent)
