"""Who is in a file, by their tokens: any table with the person column, whatever it is called and however it is written.

An empty or unreadable identifier is nobody, so one bad row hides nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unlearning.domain import hashing
from unlearning.domain.hashing import IdentifierKind
from unlearning.stores.tables import cells
from unlearning.stores.tables.pieces import parsing
from unlearning.stores.tables.tables import encoded

if TYPE_CHECKING:
    import pyarrow as pa


def tokens_of(found: Iterable[object], *, kind: IdentifierKind, key: bytes) -> frozenset[str]:
    """The tokens of identifiers as they lie in a table."""
    inner = {print_ for _, print_ in cells.fingerprints(dict.fromkeys(found), kind)}
    return frozenset(token.hex() for token in hashing.keyed(key, inner))


def rows_naming(table: pa.Table, tokens: frozenset[str], *, kind: IdentifierKind, key: bytes) -> NDArray[np.bool_]:
    """(n,) true where some cell of a row, in whatever column, is an identifier of one of these people by itself.

    Raises DataError for a column that cannot be taken apart.
    """
    named = np.zeros(len(table), dtype=bool)
    for column in table.columns:
        if cells.may_identify(column.type) and column.null_count < len(column):
            with parsing("a table"):
                named |= _theirs(column, tokens, kind, key)
    return named


def _theirs(column: pa.ChunkedArray, tokens: frozenset[str], kind: IdentifierKind, key: bytes) -> NDArray[np.bool_]:
    """(n,) true where a value is one of them."""
    whole = encoded(cells.flat(column))
    theirs = [_is_one(value, tokens, kind, key) for value in whole.dictionary.to_pylist()]
    found: NDArray[np.bool_] = np.array([*theirs, False])[whole.indices.fill_null(-1).to_numpy()]
    return found


def _is_one(value: Any, tokens: frozenset[str], kind: IdentifierKind, key: bytes) -> bool:
    return not tokens_of(cells.distinct([value]), kind=kind, key=key).isdisjoint(tokens)
