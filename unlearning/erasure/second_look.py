"""The second look: before a certificate is signed, everything that this project keeps is read again by other code.

It shares no code with the purge and the sweep, so that it does not share their mistakes: it opens every file of the project, of
DVC, MLflow and Prefect, every row of their databases and every object of Git, and compares with the people of the erasure. The
process that purges knows their identifiers, in memory only; later ones look for their tokens.
"""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from unlearning.domain import hashing
from unlearning.domain.errors import IdentifierError, UnlearningError
from unlearning.domain.events import Purged, RequestReceived
from unlearning.domain.hashing import PART
from unlearning.domain.traces import Residual
from unlearning.project.holdings import Holdings
from unlearning.project.people import people_of
from unlearning.stores import scratch
from unlearning.stores.dvc import folders
from unlearning.stores.git import command
from unlearning.stores.rolls import among
from unlearning.stores.second_look import opening
from unlearning.stores.second_look.matching import Wanted
from unlearning.stores.sql import every_row
from unlearning.stores.tables import tables

if TYPE_CHECKING:
    from unlearning.erasure.erasure import Erasure
    from unlearning.project.workspace import Workspace

NAME = "second look"
NOT_MADE = "second look: not made (--quick)"
"""What a certificate says among its gaps when nobody waited for one."""

_FOREIGN = ("node_modules", "__pycache__", "site-packages")
_ENVIRONMENT = "pyvenv.cfg"
_OURS = re.compile(rf"{scratch.PREFIX}[a-z0-9_]{{8}}")
"""What Python's `tempfile` makes of the prefix that this package gives."""
FILES = "files of the project"
_UNTOLD = "a path that names a person"
_SQLITE = b"SQLite format 3\0"


class Thing(NamedTuple):
    """One file, row or object."""

    where: str
    name: str
    holds: Callable[[], bool]
    """Whether one of them is in it; reads it."""


@dataclass
class Seen:
    """What a second look saw."""

    by: str
    """By what people were looked for, in words."""
    seconds: float = 0.0
    read: int = 0
    held: dict[str, dict[str, None]] = field(default_factory=dict)
    """Where somebody was found → what holds them there, by names that do not name them."""
    unread: list[str] = field(default_factory=list)
    handed_in: list[str] = field(default_factory=list)
    """Lists of identifiers, as people hand them to `unlearn request`."""

    def against(self, listed: Sequence[Residual]) -> tuple[Residual, ...]:
        """What the search before it says nothing of."""
        places = [(one.place, one.names) for one in listed]
        silent = {where: names for where, names in self.held.items() if not _agrees(where, len(names), listed)}
        told = {where: [name for name in names if not _told(name, places)] for where, names in silent.items()}
        held = (_held(where, names) for where, names in told.items() if names)
        return (*held, *_unread(self.unread), *_handed_in(self.handed_in))

    @property
    def how(self) -> str:
        """How it was made, in one sentence."""
        agreed = sum(map(len, self.held.values()))
        held = f"; {agreed} of them hold somebody" if agreed else ""
        return f"{self.read} files, rows and Git objects opened again by other code, {self.by}, in {self.seconds:.1f} s{held}"


def identifiers(erasure: Erasure) -> tuple[str, ...]:
    """Who is to go, as the planned versions write it; kept in memory only. Empty once those are purged."""
    workspace, holdings, found = erasure.workspace, Holdings.of(erasure.workspace), set[str]()
    if erasure.progress.done(Purged):
        return ()
    for before in erasure.plan.before:
        person = holdings.person_in(before.path)
        try:
            file = workspace.data.fetch(before)
            theirs = among(people_of(workspace, file, person, named=before.path).tokens, erasure.plan.tokens)
            values = tables.people(tables.read(file, person=person, named=before.path), person).values
        except UnlearningError:
            continue  # purged, or nowhere to be had now: then their tokens are looked for
        found |= {str(values[at]) for at in np.flatnonzero(theirs)}
    return tuple(sorted(one for one in found if PART not in one))


def look(workspace: Workspace, tokens: Sequence[str], raw: Sequence[str] = ()) -> Seen:
    """Read everything that this project keeps and compare. raw: the same people, as they are written."""
    began, seen = time.perf_counter(), Seen("by identifier and token" if raw else "by token")
    wanted = Wanted(
        frozenset(tokens),
        workspace.settings.subject.identifier,
        workspace.keys.index,
        Holdings.of(workspace).people_columns,
        tuple(raw),
    )
    for thing in _things(workspace, wanted, seen):
        _note(wanted, seen, thing)
    _set_lists_aside(workspace, seen)
    seen.held = {where: dict.fromkeys(_sayable(workspace, name) for name in names) for where, names in seen.held.items()}
    seen.seconds = time.perf_counter() - began
    return seen


def _things(workspace: Workspace, wanted: Wanted, seen: Seen) -> Iterator[Thing]:
    """Everything that is read."""
    local, models = folders.local(workspace.data), workspace.models.uri
    databases = [url for url in (workspace.mlflow_database, models) if url]
    areas = {folder: name for name, folder in local.items()}
    areas |= {workspace.root / ".git": "Git history", workspace.root / ".unlearning/prefect": "Prefect"}
    areas |= {Path(url.removeprefix("sqlite:///")): "MLflow" for url in databases if url.startswith("sqlite:///")}
    areas |= dict.fromkeys((workspace.root / name for name in ("mlruns", "mlartifacts")), "MLflow")
    temporary = [one for one in scratch.system().glob(f"{scratch.PREFIX}*") if _OURS.fullmatch(one.name)]
    for root in dict.fromkeys([workspace.root, *(one for one in areas if not one.is_relative_to(workspace.root)), *temporary]):
        for file in _files(root):
            where = next((name for area, name in areas.items() if file == area or area in file.parents), FILES)
            name = file.relative_to(workspace.root).as_posix() if file.is_relative_to(workspace.root) else str(file)
            yield Thing(where, name, partial(_file_holds, wanted, file))
    yield from _objects(workspace, wanted)
    for where, opened in folders.elsewhere(workspace.data).items():
        if opened is None:
            seen.unread.append(f"{where}: it cannot be opened")
        else:
            yield from _remote(where, *opened, wanted, seen)
    stores = workspace.settings.stores
    for where, url in (
        ("ledger database", stores.ledger),
        ("lineage database", stores.lineage),
        *(("MLflow", url) for url in databases),
    ):
        if url.startswith("postgresql"):
            yield from (
                Thing(where, f"table {table}", partial(opening.row_holds, wanted, row)) for table, row in every_row.of(url)
            )
    if models.startswith("http") and not workspace.mlflow_database:
        seen.unread.append("MLflow: without MLFLOW_BACKEND_STORE_URI its server's database cannot be read")


def _note(wanted: Wanted, seen: Seen, thing: Thing) -> None:
    """Read one thing, and note it where somebody is in it or it could not be read; what is gone meanwhile is neither."""
    try:
        named = wanted.in_bytes(thing.name.encode("utf-8", "surrogatepass"))
        if named or thing.holds():
            seen.held.setdefault(thing.where, {})[_UNTOLD if named else thing.name] = None
    except FileNotFoundError:
        return
    except (OSError, sqlite3.Error, opening.TooLarge) as error:
        seen.unread.append(f"{thing.where}: {type(error).__name__}")
    seen.read += 1


def _set_lists_aside(workspace: Workspace, seen: Seen) -> None:
    """A list of people who asked, left where it was handed in from, is no trace of theirs in data: it is said apart."""
    here = seen.held.get(FILES, {})
    asked = {event.fact.token for event in workspace.ledger.of(RequestReceived)}
    seen.handed_in = [name for name in here if _is_list(workspace, name, asked)]
    if here:
        seen.held[FILES] = {name: None for name in here if name not in seen.handed_in}


def _is_list(workspace: Workspace, name: str, asked: Collection[str]) -> bool:
    """Every line of the file is an identifier of somebody who asked, and nothing else stands in it."""
    kind, key = workspace.settings.subject.identifier, workspace.keys.index
    try:
        lines = [line for one in workspace.path(name).read_text("utf-8-sig").splitlines() if (line := one.strip())]
        return bool(lines) and {token.hex() for token in hashing.tokens(lines, kind, keys=[key])[0]} <= set(asked)
    except (OSError, UnicodeDecodeError, IdentifierError):
        return False


def _sayable(workspace: Workspace, name: str) -> str:
    """A name that may be told: not one that is a person's, whoever that is."""
    parts = {part for one in Path(name).parts for part in (one, Path(one).stem)}
    known = []
    for part in parts:
        with suppress(IdentifierError):
            known.append(hashing.tokens([part], workspace.settings.subject.identifier, keys=[workspace.keys.index])[0][0])
    return _UNTOLD if any(workspace.lineage.versions_holding(known).values()) else name


def _files(root: Path) -> Iterator[Path]:
    """Every file, Python environments and Git's objects aside: those are read through Git."""
    if root.is_file():
        yield root
    for folder, names, files in os.walk(root):
        here = Path(folder)
        skipped = _ENVIRONMENT in files or (here.name, here.parent.name) == ("objects", ".git")
        names[:] = [] if skipped else sorted(set(names).difference(_FOREIGN))
        every = (here / name for name in (() if skipped else sorted(files)))
        yield from (file for file in every if file.is_file() and not file.is_symlink())


def _file_holds(wanted: Wanted, file: Path) -> bool:
    content = file.read_bytes()
    return opening.holds(wanted, content) or (content.startswith(_SQLITE) and opening.database_holds(wanted, file))


def _objects(workspace: Workspace, wanted: Wanted) -> Iterator[Thing]:
    everything = ("cat-file", "--batch", "--batch-all-objects", "--unordered")
    with command.stream(workspace.root, *everything, failing="`git cat-file` failed; run `git fsck`") as objects:
        while (head := objects.readline().decode().split()) and head[-1] != "missing":
            content = objects.read(int(head[2]) + 1)[:-1]
            yield Thing("Git history", f"object {head[0]}", partial(opening.holds, wanted, content))


def _remote(where: str, files: Any, root: str, wanted: Wanted, seen: Seen) -> Iterator[Thing]:
    try:
        for path in files.find(root):
            content = files.cat_file(path)
            yield Thing(where, str(path), partial(opening.holds, wanted, content))
    except Exception as error:  # remotes of all kinds, each with errors of its own
        seen.unread.append(f"{where}: {type(error).__name__}")


def _agrees(where: str, count: int, listed: Sequence[Residual]) -> bool:
    """The search before it lists as many things in this place, or says that nobody can count them."""
    here = [one.count for one in listed if one.place.startswith(where)]
    return bool(here) and (None in here or sum(one or 0 for one in here) >= count)


def _told(name: str, places: Sequence[tuple[str, Sequence[str]]]) -> bool:
    return any(name in place or name in names for place, names in places)


def _held(where: str, names: Sequence[str]) -> Residual:
    return Residual(
        place=f"{NAME}: {where}",
        level="physical",
        outcome="residual",
        count=len(names),
        why="somebody who was erased is there, and the search before it lists nothing of it",
        remedy="look at what is named, delete it or take them out, then `unlearn purge`",
        names=tuple(sorted(names)),
    )


def _handed_in(names: Sequence[str]) -> Iterator[Residual]:
    if names:
        yield Residual(
            place=f"{NAME}: lists of people who asked",
            level="logical",
            outcome="out_of_reach",
            count=len(names),
            why="files of the project hold nothing but identifiers of requests, as they were handed in",
            remedy="delete them: their requests are recorded",
            names=tuple(sorted(names)),
        )


def _unread(names: Sequence[str]) -> tuple[Residual, ...]:
    if not names:
        return ()
    return (
        Residual(
            place=f"{NAME}: what could not be read",
            level="physical",
            outcome="unverified",
            count=len(names),
            why="it did not answer, may not be read, or unpacks to more than is read at once",
            remedy="make it readable, then `unlearn purge`",
            names=tuple(sorted(names)),
        ),
    )
