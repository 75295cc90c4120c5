"""Who is named in a text or a file, by their tokens: the identifiers themselves are not needed, and nobody has them any more.

A table with the person column answers exactly. In any other text each word is read as if it were an identifier, and also
what stands between quotes, and what is said under the person column. Numbers are everywhere and a word without a digit may
mean anything, so where only such a one agrees, somebody *may* be named.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from unlearning.domain import hashing
from unlearning.domain.hashing import IdentifierKind
from unlearning.domain.protocols import Reader
from unlearning.stores.scans.candidates import SHORTEST_NUMBER
from unlearning.stores.scans.comparing import Tally
from unlearning.stores.tables.likely import Spelled


class Named(NamedTuple):
    """Who of those looked for a text names, by their tokens."""

    found: frozenset[str]
    maybe: frozenset[str]
    """Only a number or a short word agrees."""


@dataclass(frozen=True)
class Watch:
    """Who is looked for."""

    people: Sequence[str]
    """Person columns; a person whom several columns name is found in tables only."""
    kind: IdentifierKind
    key: bytes = field(repr=False)
    tokens: frozenset[str] = frozenset()
    raw: re.Pattern[bytes] | None = field(default=None, repr=False)
    """Identifiers to find byte for byte as well."""
    spellings: tuple[str, ...] = ()
    """How an identifier is also spelled: `P-{}`, `{:06d}`."""
    readers: tuple[tuple[str, Reader], ...] = ()
    """Plugins that read forms of files, with their names."""
    identifiers: tuple[str, ...] = field(default=(), repr=False)
    """Of those who are looked for, as far as they are known: they spare work, and change nothing that is found."""

    @property
    def words(self) -> Watch:
        """The same people, looked for by their tokens alone."""
        return replace(self, raw=None)

    @cached_property
    def spelled(self) -> Spelled | None:
        """How they are spelled; None unless everybody's identifier is known."""
        return Spelled.of(self.identifiers, self.kind, key=self.key, tokens=self.tokens) if self.identifiers else None

    @cached_property
    def short_numbers(self) -> bool:
        """One of them is a whole number of fewer than 4 digits, which nobody can tell apart in a text: nothing was compared."""
        if self.kind != "integer":
            return False
        (short,) = hashing.tokens(range(10 ** (SHORTEST_NUMBER - 1)), self.kind, keys=[self.key])
        return not self.tokens.isdisjoint(token.hex() for token in short)

    def in_text(self, text: str) -> bool:
        """One of them is named for certain."""
        if self.raw is not None and self.raw.search(text.encode("utf-8", "surrogatepass")):
            return True
        return bool(self.named(text).found)

    def named(self, text: str) -> Named:
        """Who is named in a text, and who may be."""
        tally = Tally(self)
        tally.document(text)
        return Named(frozenset(tally.found), frozenset(tally.maybe - tally.found))
