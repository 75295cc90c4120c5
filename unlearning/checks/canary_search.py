"""Who of a table is on a list of people? Identifiers are turned into keyed tokens here and go no further.

A search that finds nobody is right or blind: identifiers read as numbers and listed as text, another key, another spelling.
So each search also looks for a canary, somebody who must still be there; unless it is found, the search says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unlearning.domain.errors import DataError

if TYPE_CHECKING:
    from unlearning.checks.data_profile import Table

Tokenise = Callable[[Sequence[object]], "Sequence[str] | NDArray[np.bytes_]"]
"""Identifiers → keyed tokens in hex, one each; called with the distinct identifiers of the table, as they first appear."""


@dataclass(frozen=True)
class Absent:
    """People who must not be in the table, as keyed tokens in hex."""

    tokens: frozenset[str]
    tokenise: Tokenise
    canary: str | None = None
    """Token of somebody who must still be there, from where `tokens` come from: shows that list and table spell people alike.
    None takes somebody from the table itself, which shows only that a search can find."""
    searched: int | None = None
    """How many people were compared, where `tokens` are only those of a longer list who are here."""

    def __post_init__(self) -> None:
        if self.canary in self.tokens:
            raise ValueError("the canary must be in the table, so it cannot be on the list of those who must not")


@dataclass(frozen=True)
class Persons:
    """The persons of a table."""

    values: tuple[object, ...]
    """Distinct raw identifiers; in memory only."""
    codes: NDArray[np.int64]
    """(n,) index into `values` for each row, -1 for a row without a person."""

    @property
    def nobody(self) -> int:
        """Rows without a person."""
        return int((self.codes < 0).sum())


@dataclass(frozen=True)
class Search:
    """The answer to one list."""

    found: NDArray[np.bool_]
    """(people,) True where the person is on the list."""
    canary: NDArray[np.bool_]
    """(people,) True where the person is the canary."""
    searched: int
    independent: bool
    """The canary came with the list, not from the table."""


def persons(table: Table, column: str) -> Persons:
    """Who each row belongs to; a missing or blank cell is nobody. Raises DataError without the column, or with two."""
    import pandas as pd
    from pandas.api import types

    if column not in table.columns:
        raise DataError(f"no person column {column!r} among the {len(table.columns)} of the table; correct one of the two")
    if not table.columns.is_unique:
        twice = len(table.columns) - table.columns.nunique()
        raise DataError(f"{twice} of the table's {len(table.columns)} columns are called as another is; rename them")
    cells = table[column]
    kind = cells.dtype
    # As Python's objects, a million texts take ten times as long.
    plain = isinstance(kind, pd.StringDtype) or (types.is_numeric_dtype(kind) and not types.is_bool_dtype(kind))
    codes, distinct = pd.factorize(cells if plain else cells.astype(object))
    values = distinct.tolist()
    if types.is_integer_dtype(kind):
        return Persons(tuple(values), codes.astype(np.int64))
    named = np.array([str(value).strip() != "" for value in values], dtype=np.bool_)
    new = np.append(np.where(named, np.cumsum(named) - 1, -1), -1)  # the last is for who is missing, and has code -1
    people = (value for value, is_named in zip(values, named, strict=True) if is_named)
    return Persons(tuple(map(_plain, people)), new[codes].astype(np.int64))


def tokens_of(people: Persons, tokenise: Tokenise) -> NDArray[np.bytes_]:
    """(people,) the token of each person, as bytes: as text each letter of a million tokens would take four."""
    made = tokenise(people.values)
    tokens = made if isinstance(made, np.ndarray) else _ascii(made)
    if tokens.shape != (len(people.values),):
        raise ValueError(f"the tokeniser gave {tokens.shape} tokens for {len(people.values)} people; expected one each")
    return tokens


def search(absent: Absent, tokens: NDArray[np.bytes_]) -> Search:
    """Look for everybody on the list, and for the canary, among the tokens of a table's people."""
    found = np.isin(tokens, _ascii(sorted(absent.tokens)))
    stays = tokens[np.argmin(found)] if not found.all() else None
    return Search(
        found=found,
        canary=np.isin(tokens, _ascii([absent.canary]) if absent.canary else [stays] if stays is not None else _ascii([])),
        searched=len(absent.tokens) if absent.searched is None else absent.searched,
        independent=absent.canary is not None,
    )


def _ascii(tokens: Sequence[str]) -> NDArray[np.bytes_]:
    """Raises UnicodeEncodeError for what is no token: they are ASCII."""
    return np.array([token.encode("ascii") for token in tokens], dtype=np.bytes_)


def _plain(value: object) -> object:
    """4711.0 as 4711, since pandas turns whole numbers into floats when one is missing; bytes as text."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return int(value) if isinstance(value, float) and value.is_integer() else value
