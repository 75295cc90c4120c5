"""The people of a table: who each row belongs to, and where each person is placed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearning.domain import hashing
from unlearning.domain.errors import NeedsReview
from unlearning.domain.partition import Places, places
from unlearning.stores.tables import tables

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


def index_tokens(workspace: Workspace, identifiers: Iterable[object]) -> list[str]:
    """The index token of each identifier. Raises IdentifierError."""
    (tokens,) = hashing.tokens(identifiers, workspace.settings.subject.identifier, keys=[workspace.keys.index])
    return [token.hex() for token in tokens]


def people_in(workspace: Workspace, table: pa.Table, column: str) -> People:
    """The people of a table; raises DataError when the column is missing or holds nulls."""
    who, kind = tables.people(table, column), workspace.settings.subject.identifier
    index, partition = hashing.tokens(who.values, kind, keys=[workspace.keys.index, workspace.keys.partition])
    return People(
        tokens=tuple(token.hex() for token in index),
        where=places(partition),
        codes=who.codes,
        shared=frozenset(token.hex() for token in tables.shared_tokens(who, kind=kind, key=workspace.keys.index)),
    )
