"""Who is in a file, by their tokens: any table with the person column, whatever it is called and however it is written.

An empty or unreadable identifier is nobody, so one bad row hides nobody else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unlearning.domain import hashing, spellings
from unlearning.domain.errors import DataError, IdentifierError
from unlearning.domain.hashing import PART, SAID_PART, IdentifierKind
from unlearning.domain.spellings import Difference
from unlearning.stores.tables import cells
from unlearning.stores.tables.pieces import parsing
from unlearning.stores.tables.tables import encoded, identities

if TYPE_CHECKING:
    import pyarrow as pa


class Told(NamedTuple):
    """The people of a table, and what keeps them from being told apart."""

    fingerprints: list[bytes]
    """Of each of its distinct identifiers, in their order."""
    doubts: tuple[str, ...]
    """How many people may be one, or one of them several, and what to do; it quotes no cell."""

    def certain(self) -> list[bytes]:
        """The fingerprints; raises DataError when there is a doubt."""
        if self.doubts:
            raise DataError("; ".join(self.doubts))
        return self.fingerprints


def told_apart(values: Sequence[object], kind: IdentifierKind, *, same_but_for: Collection[Difference] = ()) -> Told:
    """The distinct identifiers of a table, read: nothing may make one person of two, nor two of one, unseen.

    same_but_for: in what the spellings of one person may differ. Raises DataError for what is no identifier of that kind.
    """
    faults = Counter(why for one in values if (why := _fault(one, kind)))
    doubts = [f"{count} of {len(values)} identifiers: each {why}; correct the table" for why, count in faults.items()]
    found, wrong = [], list[str]()
    for one in values:
        try:
            found.append(hashing.fingerprint(one, kind))
        except IdentifierError as error:
            wrong.append(str(error))
    if wrong:
        raise DataError("; ".join([*doubts, f"{len(wrong)} of {len(values)} identifiers: {wrong[0]}"]))
    groups = _grouped(zip(found, values, strict=True)) if len(set(found)) < len(found) else []
    merged = [group for group in groups if not spellings.alike(group, same_but_for)]
    if merged:
        doubts.append(
            f"{_people(len(merged), 'are', 'is')} spelled in several ways ({_differences(merged)}), which subject.identifier: "
            f"{kind} takes for one: write each person one way; or say with subject.same_but_for what one person's spellings "
            "differ in; or choose another kind"
        )
    if any(isinstance(one, str) and spellings.may_mislead(one) for one in values):
        lookalikes = [group for group in _grouped((spellings.looks(one), one) for one in values) if _apart(group, kind)]
        if lookalikes:
            doubts.append(
                f"{_people(len(lookalikes), 'look', 'looks')} like another, who is spelled with other characters "
                f"({_differences(lookalikes)}): write each person one way"
            )
    return Told(found, tuple(doubts))


def _fault(value: object, kind: IdentifierKind) -> str | None:
    if not isinstance(value, str):
        return None
    kinds = kind.split(SAID_PART)
    parts = value.split(PART) if len(kinds) > 1 else [value]
    return next(filter(None, (spellings.doubt(part, one, cell=True) for part, one in zip(parts, kinds, strict=False))), None)


def _grouped(pairs: Iterable[tuple[object, object]]) -> list[list[object]]:
    """The values of each key that has more than one."""
    found: dict[object, list[object]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return [group for group in found.values() if len(group) > 1]


def _apart(group: Sequence[object], kind: IdentifierKind) -> bool:
    return len({hashing.fingerprint(one, kind) for one in group}) > 1


def _differences(groups: Iterable[Sequence[object]]) -> str:
    seen = {differs for first, *others in groups for one in others for differs in nearest(first, [one])}
    return ", ".join(one for one in spellings.DIFFERENCES if one in seen) or "in other ways"


def _people(number: int, many: str, one: str) -> str:
    return f"{number} {'person' if number == 1 else 'people'} {one if number == 1 else many}"


def are_the_rest(fewer: pa.Table, table: pa.Table, keep: NDArray[np.bool_], person: str) -> bool:
    """The rows of one table belong, one by one, to the people of those rows of another that are kept."""
    import pyarrow as pa

    everybody = identities(table, person)
    rest: bool = identities(fewer, person).equals(everybody.filter(pa.array(keep)))
    return rest


def nearest(identifier: object, values: Iterable[object]) -> tuple[Difference, ...]:
    """In what those of these that are spelled nearly as an identifier differ from it, each by its most telling word."""
    return nearest_of(spellings.folds(identifier), map(spellings.folds, values))


def nearest_of(wanted: Sequence[str], folded: Iterable[Sequence[str]]) -> tuple[Difference, ...]:
    """The same of what `spellings.folds` gives, or of keyed tokens of it."""
    seen = {next((at for at, fold in enumerate(one) if fold == wanted[at]), None) for one in folded}
    return tuple(word for at, word in enumerate(spellings.DIFFERENCES) if at in seen)


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
