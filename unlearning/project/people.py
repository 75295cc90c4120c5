"""The people of a table: who each row belongs to, read once for each content and then kept as a roll."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlearning.domain import hashing, spellings
from unlearning.domain.errors import IdentifierError, ParentMoved
from unlearning.domain.spellings import DIFFERENCES, Difference
from unlearning.project.workspace import ROLLS
from unlearning.stores import rolls
from unlearning.stores.rolls import Roll, Tokens
from unlearning.stores.tables import parts, tables
from unlearning.stores.tables.people import are_the_rest, nearest_of, told_apart

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from unlearning.project.workspace import Workspace

_MADE_AGAIN = 4096
"""Tokens of a roll that are held against the cells, where it has more."""

progress = logging.getLogger("unlearning.progress")


def asked(workspace: Workspace, identifiers: Iterable[str]) -> list[str]:
    """What somebody typed, each when it can mean one person only. Raises IdentifierError that says which ones cannot."""
    subject = workspace.settings.subject
    return spellings.asked(identifiers, subject.identifier, subject.spellings)


def index_tokens(workspace: Workspace, identifiers: Iterable[object]) -> list[str]:
    """The index token of each identifier. Raises IdentifierError."""
    (tokens,) = hashing.tokens(identifiers, workspace.settings.subject.identifier, keys=[workspace.keys.index])
    return [token.hex() for token in tokens]


def people_of(workspace: Workspace, file: Path, column: str, *, named: str, past: bool = False, anew: bool = False) -> Roll:
    """Who the rows of a table's file, or folder, belong to: as its roll says, or read and kept as one.

    Raises DataError when the column is missing, holds nulls, or does not tell people apart, NotFound without a file.
    named: the table's path. past: an old version, which nobody can correct any more: whoever is spelled in several ways is one
    person there. anew: for a statement of absence, which stands on bytes that were read for it.
    """
    with tables.about(named):
        about = _about(workspace, workspace.rolls.content(file, anew=anew), column, named)
        if (roll := workspace.rolls.get(about)) is None:
            roll = called(workspace, tables.people(tables.read(file, person=column, named=named, only=True), column))
            _keep(workspace, about, roll, file)
        return roll if past else roll.certain()


def read_with_people(workspace: Workspace, file: Path, column: str, *, named: str) -> tuple[pa.Table, Roll]:
    """A table, and whose its rows are, both of the same bytes. Raises ParentMoved when they changed meanwhile."""
    before = workspace.rolls.content(file)
    roll = people_of(workspace, file, column, named=named)
    table = tables.read(file, person=column, named=named)
    if workspace.rolls.content(file) != before or table.num_rows != len(roll.codes):
        raise ParentMoved(f"{named} changed while it was read; run again")
    return table, roll


def read_some(
    workspace: Workspace, file: Path, column: str, choose: Callable[[Roll], NDArray[np.bool_]], *, named: str
) -> tuple[pa.Table, Roll, NDArray[np.bool_]]:
    """Some rows of a table, whose all its rows are, and (n,) which these are. Raises ParentMoved when it changed meanwhile."""
    before = workspace.rolls.content(file)
    roll = people_of(workspace, file, column, named=named)
    chosen = choose(roll)
    table = tables.read_rows(file, chosen, person=column, named=named)
    if workspace.rolls.content(file) != before:
        raise ParentMoved(f"{named} changed while it was read; run again")
    return table, roll, chosen


def tokens_of(
    workspace: Workspace, file: Path, column: str, identifiers: Sequence[object], *, named: str
) -> tuple[Tokens, Tokens]:
    """(u, 32) index and suppression tokens of the distinct identifiers that were read in a table, as they first appear.

    Of many people they are taken from its roll, which the same bytes have, once a drawn part of them was made again and is the
    same; where it is not, and without a roll, all are made again. Raises IdentifierError.
    """
    kind, keys = workspace.settings.subject.identifier, (workspace.keys.index, workspace.keys.suppression)

    def made(some: Iterable[object]) -> tuple[Tokens, Tokens]:
        index, hidden = (rolls.packed(one) for one in hashing.tokens(some, kind, keys=keys))
        return index, hidden

    if len(identifiers) > _MADE_AGAIN and (roll := known_people(workspace, file, column, named=named)) is not None:
        drawn = secrets.SystemRandom().sample(range(len(identifiers)), _MADE_AGAIN)
        index, hidden = made(identifiers[at] for at in drawn)
        if (
            len(roll.tokens) == len(identifiers)
            and (roll.tokens[drawn] == index).all()
            and (roll.hidden[drawn] == hidden).all()
        ):
            return roll.tokens, roll.hidden
    return made(identifiers)


def known_people(workspace: Workspace, file: Path, column: str, *, named: str) -> Roll | None:
    """The same where the file need not be read for it."""
    return workspace.rolls.get(_about(workspace, workspace.rolls.content(file), column, named))


def people_in(workspace: Workspace, table: pa.Table, column: str) -> Roll:
    """The same of a table in memory."""
    return called(workspace, tables.people(table, column)).certain()


def without(workspace: Workspace, old: Path, keep: NDArray[np.bool_], new: Path, column: str, *, named: str) -> None:
    """Keep a roll of a table that was made from another one by leaving rows out, where their person columns agree on it.

    keep: (n,) true for the rows of `old` that are in `new`. What disagrees has no roll yet: it will be read.
    """
    content = workspace.rolls.content(old)
    before = known_people(workspace, old, column, named=named)
    if before is None or (fewer := before.without(keep)) is None:
        return
    about = _about(workspace, workspace.rolls.content(new), column, named)
    theirs, ours = (tables.read(one, person=column, named=named, only=True) for one in (old, new))
    if are_the_rest(ours, theirs, keep, column) and workspace.rolls.content(old) == content:
        _keep(workspace, about, fewer, new)


def called(workspace: Workspace, who: tables.People) -> Roll:
    """The people of a column as `tables.people` read them."""
    subject, keys = workspace.settings.subject, workspace.keys
    told = told_apart(who.values, subject.identifier, same_but_for=subject.same_but_for)
    shared = tables.shared_tokens(who, kind=subject.identifier, key=keys.index)
    index, placed, hidden = (
        rolls.packed(hashing.keyed(key, told.fingerprints)) for key in (keys.index, keys.partition, keys.suppression)
    )
    return Roll(index, placed, hidden, who.codes, rolls.packed(shared), told.doubts)


def _about(workspace: Workspace, content: str, column: str, named: str) -> dict[str, Any]:
    """Everything that shapes a roll."""
    subject, keys = workspace.settings.subject, workspace.keys
    return {
        "content": content,
        "form": parts.suffix_of(named),
        "column": column,
        "identifier": subject.identifier,
        "same_but_for": list(subject.same_but_for),
        "keys": [hashing.key_id(key) for key in (keys.index, keys.partition, keys.suppression)],
    }


def _keep(workspace: Workspace, about: Mapping[str, Any], roll: Roll, file: Path) -> None:
    """Keep a roll of a file that is still what it was when its reading began; without room the work goes on."""
    if workspace.rolls.content(file) != about["content"]:
        return
    try:
        workspace.rolls.put(about, roll)
    except OSError as error:
        _say_once(workspace.root, str(error.strerror))


@cache
def _say_once(root: Path, why: str) -> None:
    progress.warning("%s/%s cannot be written (%s): every step reads again who is in a table", root.name, ROLLS, why)


@dataclass(frozen=True)
class Present:
    """Who is in the tables as they are now, and how they are spelled: raw identifiers, in memory only."""

    holds: Callable[[Collection[str]], frozenset[str]]
    """Those of these index tokens that are."""
    read: Callable[[], Iterable[object]] = field(repr=False)
    """Their identifiers, asked for only when somebody is missing."""
    key: bytes = field(repr=False)
    looks: Callable[[], Sequence[Collection[str]]] | None = field(default=None, repr=False)
    """`look_labels` of each table, where they are known without reading everybody; asked for only when somebody is missing."""

    @cached_property
    def values(self) -> tuple[object, ...]:
        """Every spelling, once."""
        return tuple(dict.fromkeys(self.read()))

    def spelled_nearly(self, nearby: Sequence[str]) -> tuple[Difference, ...] | None:
        """In what the nearest spelling of anybody here differs from that of the person with these `nearby` tokens.

        None without such tokens: nobody knew the identifier, or an earlier version of this package received it.
        """
        if len(nearby) != len(DIFFERENCES):
            return None
        return nearest_of(nearby, (_labels(self.key, one) for one in self._alike.get(nearby[-1], ())))

    @cached_property
    def _looks(self) -> Sequence[Collection[str]]:
        return self.looks() if self.looks else [look_labels(self.key, self.values)]

    def _looks_known(self, identifier: str) -> bool:
        label = _look(self.key, identifier)
        return any(label in one for one in self._looks)

    @cached_property
    def _alike(self) -> Mapping[str, Sequence[object]]:
        """The last of `nearby` → everybody here who has it: made once, for however many people who are not found."""
        found: dict[str, list[object]] = {}
        for one in self.values:
            found.setdefault(hashing.label(self.key, spellings.folds(one)[-1]), []).append(one)
        return found

    def among(self, tokens: Collection[str]) -> Present:
        """The same for whoever asks about these people alone: each table is looked through once for all of them."""
        found = self.holds(tokens)
        return replace(self, holds=found.intersection)

    def check_unmistaken(self, identifiers: Iterable[str], tokens: Iterable[str]) -> None:
        """Raises IdentifierError for who is not here and looks like somebody who is: a reader would say that it is they."""
        pairs = [(one, number, token) for number, (one, token) in enumerate(zip(identifiers, tokens, strict=True), 1)]
        here = self.holds([token for *_, token in pairs])
        missing = [(one, number) for one, number, token in pairs if token not in here]
        mistaken = [spellings.place(one, number) for one, number in missing if self._looks_known(one)]
        if mistaken:
            raise IdentifierError(
                f"{', '.join(mistaken)}: looks like a person of the tables who is spelled with other characters, such as other "
                "spaces or another Unicode form; copy the identifier from the table"
            )


def look_labels(key: bytes, identifiers: Iterable[object]) -> frozenset[str]:
    """Keyed labels of how identifiers look to a reader, who cannot tell those apart that have one label; they name nobody."""
    return frozenset(_look(key, one) for one in identifiers)


def _look(key: bytes, identifier: object) -> str:
    return hashing.label(key, spellings.looks(identifier))


def nearby(workspace: Workspace, identifier: str) -> tuple[str, ...]:
    """What a request keeps of how its identifier is spelled: a keyed token of it without each of `DIFFERENCES`."""
    return _labels(workspace.keys.index, identifier)


def _labels(key: bytes, identifier: object) -> tuple[str, ...]:
    return tuple(hashing.label(key, one) for one in spellings.folds(identifier))
