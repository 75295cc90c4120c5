"""Who is in a file, by their tokens: any table with the person column, whatever it is called and however it is written.

An empty or unreadable identifier is nobody, so one bad row hides nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import IO

from unlearning.domain import hashing
from unlearning.domain.errors import DataError
from unlearning.domain.hashing import IdentifierKind
from unlearning.stores.tables import cells
from unlearning.stores.tables.pieces import Aside, Rows, Unread
from unlearning.stores.tables.reading import Reading


def tokens(stream: IO[bytes], people: Sequence[str], *, kind: IdentifierKind, key: bytes) -> frozenset[str] | None:
    """The index tokens of everyone in a table; None for anything that is no table with people in it.

    people: person columns, any of which may be there. A cell that names several people gives each of them, besides the cell
    itself. Raises DataError for what is broken, when it has such a table.
    """

    def select(names: Sequence[str]) -> Sequence[int] | None:
        here = sorted({at for one in cells.positions(names, people) for at in one})
        named.extend(here)
        return here or None

    named: list[int] = []
    found: list[object] = []
    broken = ""
    for piece in Reading(select, people).open(stream)[1]:
        if isinstance(piece, Rows) and not piece.whole:
            for one in cells.positions(piece.names, people):
                found += dict.fromkeys(cells.people([piece.columns[at] for at in one], piece.encodings))
        elif isinstance(piece, Unread):
            broken = piece.why
        elif not isinstance(piece, Aside):
            broken = "a table has lines that are no rows of it, or stands beside something else; rewrite it"
        if broken and not named:
            return None
    if broken:
        raise DataError(broken)
    return tokens_of(found, kind=kind, key=key) if named else None


def tokens_of(found: Iterable[object], *, kind: IdentifierKind, key: bytes) -> frozenset[str]:
    """The tokens of identifiers as they lie in a table."""
    inner = {print_ for _, print_ in cells.fingerprints(dict.fromkeys(found), kind)}
    return frozenset(token.hex() for token in hashing.keyed(key, inner))
