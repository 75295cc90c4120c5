"""The second look: before a certificate is signed, everything that this project keeps is read again by other code.

It shares no code with the purge and the sweep, so that it does not share their mistakes: it opens every file of the project, of
DVC, MLflow and Prefect, every row of their databases and every object of Git, and compares with the people of the erasure. The
process that purges knows their identifiers, in memory only; later ones look for their tokens.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unlearning.domain import hashing, token_words
from unlearning.domain.errors import IdentifierError, UnlearningError
from unlearning.domain.events import Purged
from unlearning.domain.hashing import PART
from unlearning.domain.token_words import Words
from unlearning.domain.traces import Residual
from unlearning.erasure import kept, whole_look
from unlearning.erasure.kept import FILES, Contents, Thing
from unlearning.project.holdings import Holdings
from unlearning.project.people import people_of
from unlearning.stores.files import looked_at
from unlearning.stores.rolls import among
from unlearning.stores.second_look import opening
from unlearning.stores.second_look.matching import Wanted
from unlearning.stores.tables import tables

if TYPE_CHECKING:
    from unlearning.erasure.erasure import Erasure
    from unlearning.erasure.whole_look import WholeLook
    from unlearning.project.workspace import Workspace

NAME = "second look"
NOT_MADE = "second look: not made (--quick)"
"""What a certificate says among its gaps when nobody waited for one."""

_UNTOLD = "a path that names a person"


@dataclass
class Seen:
    """What a second look saw."""

    by: str
    """By what people were looked for, in words."""
    seconds: float = 0.0
    read: int = 0
    unchanged: int = 0
    """Not read: in the last whole look they named none of these people."""
    last: datetime | None = None
    """When that was."""
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
        read = f"{self.read} files, rows and Git objects opened again by other code, {self.by}, in {self.seconds:.1f} s{held}"
        if self.last is None:
            return read
        return (
            f"{read}: those that are new, changed or named one of these people, and a drawn sample; {self.unchanged} others are"
            f" as the whole look of {self.last:%Y-%m-%d} saw them, by token, with none of these people in them"
        )


def identifiers(erasure: Erasure) -> tuple[str, ...]:
    """Who is to go, as the planned versions write it; kept in memory only. Empty once those are purged."""
    workspace, holdings, found = erasure.workspace, Holdings.of(erasure.workspace), set[str]()
    if erasure.progress.done(Purged):
        return ()
    for before in erasure.plan.before:
        person = holdings.person_in(before.path)
        try:
            file = workspace.data.fetch(before)
            roll = people_of(workspace, file, person, named=before.path)
            theirs = among(roll.tokens, erasure.plan.tokens)[roll.codes]
            rows = tables.read(file, person=person, named=before.path, only=True).take(np.flatnonzero(theirs))
            values = tables.people(rows, person).values
        except UnlearningError:
            continue  # purged, or nowhere to be had now: then their tokens are looked for
        found |= set(map(str, values))
    return tuple(sorted(one for one in found if PART not in one))


def look(workspace: Workspace, tokens: Sequence[str], raw: Sequence[str] = (), *, last: WholeLook | None = None) -> Seen:
    """Read what this project keeps and compare. raw: the same people, as they are written.

    last: a whole look that knew these people; of what named none of them in it and is unchanged, only a sample is read.
    """
    began, seen = time.perf_counter(), Seen("by identifier and token" if raw else "by token", last=last.at if last else None)
    contents = Contents(replace(_wanted(workspace, tokens), identifiers=tuple(raw)))
    for thing in kept.everything(workspace, seen.unread):
        if last is not None and last.spares(thing):
            seen.unchanged += 1
        else:
            _note(contents, seen, thing)
    return _finished(workspace, seen, began)


def look_for_everybody(workspace: Workspace, tokens: Collection[str], *, now: datetime) -> Seen:
    """Read everything that this project keeps, compare it with everybody that the index knows, and keep whom each thing names.

    tokens: of those who were erased; what is said is said of them.
    """
    began, seen, kept_of = time.perf_counter(), Seen("by token"), list[tuple[Thing, Words]]()
    known = frozenset(version.digest for version in workspace.lineage.data_versions())
    asked, theirs = token_words.words_of(tokens), Contents(_wanted(workspace, tokens))
    everybody = Everybody(theirs.wanted, np.union1d(workspace.lineage.everybody(), asked))
    for thing in kept.everything(workspace, seen.unread):
        named = everybody.named_in(thing)
        if named is None or token_words.among(asked, named).any():  # one of them is in it, or it was not read: that is said
            _note(theirs, seen, thing)
            continue
        seen.read += 1
        if thing.mark:
            kept_of.append((thing, named))
    whole_look.keep(workspace, kept_of, known, now=now)
    return _finished(workspace, seen, began)


class Everybody(Contents):
    """Contents that are read to their end, each once, and whom of all people they name."""

    def __init__(self, wanted: Wanted, everybody: Words) -> None:
        """everybody: sorted, each once."""
        super().__init__(replace(wanted, knows=self._meet))
        self._everybody, self._met = everybody, list[Words]()
        self._in_content = dict[str, Words]()

    def named_in(self, thing: Thing) -> Words | None:
        """The words of everybody whom a thing names; None when it is gone, or was not read to its end."""
        self._met = []
        try:
            self.wanted.in_bytes(thing.name.encode("utf-8", "surrogatepass"))
            thing.holds(self)
        except (OSError, sqlite3.Error, opening.NotRead):
            return None
        return self._all()

    def holds(self, content: opening.Content) -> bool:
        """Never: to find somebody ends no reading here. Raises NotRead."""
        digest, before = opening.digest(content), self._met
        if digest not in self._in_content:
            self._met = []
            opening.holds(self.wanted, content)
            self._in_content[digest] = self._all()
        self._met = [*before, self._in_content[digest]]
        return False

    def _meet(self, tokens: frozenset[str]) -> bool:
        some = token_words.words_of(tokens)
        self._met.append(some[token_words.among(some, self._everybody)])
        return False

    def _all(self) -> Words:
        return token_words.distinct(np.concatenate([*self._met, np.zeros(0, np.uint64)]))


def _wanted(workspace: Workspace, tokens: Collection[str]) -> Wanted:
    identifier, columns = workspace.settings.subject.identifier, Holdings.of(workspace).people_columns
    return Wanted(frozenset(tokens), identifier, workspace.keys.index, columns)


def _finished(workspace: Workspace, seen: Seen, began: float) -> Seen:
    _set_lists_aside(workspace, seen)
    seen.held = {where: dict.fromkeys(_sayable(workspace, name) for name in names) for where, names in seen.held.items()}
    seen.seconds = time.perf_counter() - began
    return seen


def _note(contents: Contents, seen: Seen, thing: Thing) -> bool | None:
    """Read one thing, and note it where somebody is in it or it could not be read; what is gone meanwhile is neither.

    Whether somebody is in it; None when nobody can say.
    """
    try:
        named = contents.wanted.in_bytes(thing.name.encode("utf-8", "surrogatepass"))
        found: bool | None = named or thing.holds(contents)
        if found:
            seen.held.setdefault(thing.where, {})[_UNTOLD if named else thing.name] = None
    except FileNotFoundError:
        return None
    except (OSError, sqlite3.Error, opening.NotRead) as error:
        seen.unread.append(f"{thing.where}: {type(error).__name__}")
        found = None
    seen.read += 1
    return found


def _set_lists_aside(workspace: Workspace, seen: Seen) -> None:
    """A list of people who asked, left where it was handed in from, is no trace of theirs in data: it is said apart."""
    here = seen.held.get(FILES, {})
    seen.handed_in = [name for name in here if _is_list(workspace, name)]
    if here:
        seen.held[FILES] = {name: None for name in here if name not in seen.handed_in}


def _is_list(workspace: Workspace, name: str) -> bool:
    """Every line of the file is an identifier of somebody who asked, and nothing else stands in it."""
    kind, key = workspace.settings.subject.identifier, workspace.keys.index
    try:
        with looked_at(workspace.path(name)) as stream:
            lines = [line for one in stream.read().decode("utf-8-sig").splitlines() if (line := one.strip())]
        tokens = {token.hex() for token in hashing.tokens(lines, kind, keys=[key])[0]}
        return bool(tokens) and tokens <= workspace.ledger.standing.asked(tokens)
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
            why="it did not answer, may not be read, is damaged, encrypted or packed in an unknown way, or unpacks to more "
            "or deeper than is read at once",
            remedy="make it readable, then `unlearn purge`",
            names=tuple(sorted(names)),
        ),
    )
