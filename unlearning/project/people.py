"""The people of a table: who each row belongs to, and where each person is placed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearning.domain import hashing, spellings
from unlearning.domain.errors import IdentifierError, NeedsReview
from unlearning.domain.partition import Places, places
from unlearning.domain.spellings import DIFFERENCES, Difference
from unlearning.stores.tables import tables
from unlearning.stores.tables.people import nearest_of, told_apart

if TYPE_CHECKING:
    import pyarrow as pa

    from unlearning.project.workspace import Workspace


@dataclass(frozen=True)
class People:
    """Who the records of a table belong to: keyed tokens only."""

    tokens: tuple[str, ...]
    """(u,) index token of each person."""
    where: Places
    """(u, 4) partition token of each person."""
    codes: NDArray[np.int64]
    """(n,) person of each record, an index into the two above."""
    shared: frozenset[str] = frozenset()
    """Index tokens of people who are named in one cell with others."""

    @property
    def everyone(self) -> frozenset[str]:
        """The index token of everyone who is named in any way."""
        return frozenset(self.tokens) | self.shared

    def mask(self, tokens: Collection[str]) -> NDArray[np.bool_]:
        """(n,) true where a record belongs to one of these people.

        Raises NeedsReview when one of them shares a record with somebody else: removing it, or leaving it, would be a guess.
        """
        wanted = frozenset(tokens)
        if together := len(wanted & self.shared):
            raise NeedsReview(
                f"{together} of these people {'is' if together == 1 else 'are'} named in one cell together with others; nobody "
                "can guess whose record that is: make one row a person of it, record the new version with DVC, and run again"
            )
        return np.fromiter((token in wanted for token in self.tokens), bool, len(self.tokens))[self.codes]


def asked(workspace: Workspace, identifiers: Iterable[str]) -> list[str]:
    """What somebody typed, each when it can mean one person only. Raises IdentifierError that says which ones cannot."""
    subject = workspace.settings.subject
    return spellings.asked(identifiers, subject.identifier, subject.spellings)


def index_tokens(workspace: Workspace, identifiers: Iterable[object]) -> list[str]:
    """The index token of each identifier. Raises IdentifierError."""
    (tokens,) = hashing.tokens(identifiers, workspace.settings.subject.identifier, keys=[workspace.keys.index])
    return [token.hex() for token in tokens]


def people_in(workspace: Workspace, table: pa.Table, column: str, *, past: bool = False) -> People:
    """The people of a table; raises DataError when the column is missing, holds nulls, or does not tell people apart.

    past: an old version, which nobody can correct any more: whoever is spelled in several ways is one person there.
    """
    return keyed(workspace, tables.people(table, column), past=past)


def keyed(workspace: Workspace, who: tables.People, *, past: bool = False) -> People:
    """The same of a column's people as `tables.people` read them."""
    subject, keys = workspace.settings.subject, workspace.keys
    told = told_apart(who.values, subject.identifier, same_but_for=subject.same_but_for)
    inner = told.fingerprints if past else told.certain()
    return People(
        tokens=tuple(token.hex() for token in hashing.keyed(keys.index, inner)),
        where=places(hashing.keyed(keys.partition, inner)),
        codes=who.codes,
        shared=frozenset(token.hex() for token in tables.shared_tokens(who, kind=subject.identifier, key=keys.index)),
    )


@dataclass(frozen=True)
class Present:
    """Who is in the tables as they are now, and how they are spelled: raw identifiers, in memory only."""

    tokens: frozenset[str]
    values: tuple[object, ...] = field(repr=False)
    key: bytes = field(repr=False)

    def spelled_nearly(self, nearby: Sequence[str]) -> tuple[Difference, ...] | None:
        """In what the nearest spelling of anybody here differs from that of the person with these `nearby` tokens.

        None without such tokens: nobody knew the identifier, or an earlier version of this package received it.
        """
        if len(nearby) != len(DIFFERENCES):
            return None
        return nearest_of(nearby, (_labels(self.key, one) for one in self._alike.get(nearby[-1], ())))

    @cached_property
    def _alike(self) -> Mapping[str, Sequence[object]]:
        """The last of `nearby` → everybody here who has it: made once, for however many people who are not found."""
        found: dict[str, list[object]] = {}
        for one in self.values:
            found.setdefault(hashing.label(self.key, spellings.folds(one)[-1]), []).append(one)
        return found

    def check_unmistaken(self, identifiers: Iterable[str], tokens: Iterable[str]) -> None:
        """Raises IdentifierError for who is not here and looks like somebody who is: a reader would say that it is they."""
        pairs = enumerate(zip(identifiers, tokens, strict=True), 1)
        missing = [(one, number) for number, (one, token) in pairs if token not in self.tokens]
        looks = {spellings.looks(one) for one in self.values} if missing else set()
        mistaken = [spellings.place(one, number) for one, number in missing if spellings.looks(one) in looks]
        if mistaken:
            raise IdentifierError(
                f"{', '.join(mistaken)}: looks like a person of the tables who is spelled with other characters, such as other "
                "spaces or another Unicode form; copy the identifier from the table"
            )


def nearby(workspace: Workspace, identifier: str) -> tuple[str, ...]:
    """What a request keeps of how its identifier is spelled: a keyed token of it without each of `DIFFERENCES`."""
    return _labels(workspace.keys.index, identifier)


def _labels(key: bytes, identifier: object) -> tuple[str, ...]:
    return tuple(hashing.label(key, one) for one in spellings.folds(identifier))
