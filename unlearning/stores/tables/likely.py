"""Cells that may name somebody, picked out of a column at once: where it is known how those who are looked for are spelled.

A token is made of how an identifier is normalised, so nothing that is normalised to another text names anybody who is looked
for. What stays here is compared by token as everything else is: this leaves out only what surely names none of them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from unlearning.domain import hashing
from unlearning.domain.errors import IdentifierError
from unlearning.domain.hashing import IdentifierKind
from unlearning.stores.tables.pieces import Column

if TYPE_CHECKING:
    import pyarrow as pa

_KINDS = ("text", "integer", "email")
"""Whose normal form stands in each plain spelling; the digits of a telephone number may lie apart."""
_MOST = 64
"""Texts that are looked for one after the other."""
_WHOLE = re.compile(r"-?[1-9][0-9]{0,18}|0")


@dataclass(frozen=True)
class Spelled:
    """How a few people are spelled, all of those who are looked for."""

    normal: frozenset[str] = field(repr=False)
    kind: IdentifierKind

    @classmethod
    def of(cls, identifiers: Iterable[str], kind: IdentifierKind, *, key: bytes, tokens: Collection[str]) -> Spelled | None:
        """None where somebody's identifier is not among them, or is no help."""
        given = list(identifiers)
        try:
            known = {token.hex() for token in hashing.tokens(given, kind, keys=[key])[0]}
            normal = frozenset(hashing.normalise(one, kind) for one in given)
        except IdentifierError:
            return None
        return cls(normal, kind) if kind in _KINDS and known.issuperset(tokens) else None

    def likely(self, column: Column) -> Column:
        """The column without cells that name none of them; as it is where Arrow cannot tell."""
        if isinstance(column, list):
            return column
        import pyarrow as pa
        import pyarrow.compute as pc

        if pa.types.is_integer(column.type):
            return column.filter(pc.is_in(column, value_set=self._numbers(column.type)))
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)) or len(self.normal) > _MOST:
            return column
        may: Any = pc.invert(pc.string_is_ascii(column))  # its normal form may be another text
        for one in self.normal:
            # A number may have zeros before it and behind its point, and an address capitals.
            part = one.lstrip("-") if self.kind == "integer" else one
            may = pc.or_(may, pc.match_substring(column, part, ignore_case=self.kind == "email"))
        return column.filter(may)

    def _numbers(self, kind: pa.DataType) -> pa.Array:
        import pyarrow as pa

        numbers = (int(one) for one in self.normal if _WHOLE.fullmatch(one))
        bits = kind.bit_width
        least, most = (0, 2**bits - 1) if pa.types.is_unsigned_integer(kind) else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        return pa.array([one for one in numbers if least <= one <= most], kind)
