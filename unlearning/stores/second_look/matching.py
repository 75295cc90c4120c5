"""Who is named in bytes, in a text or in cells: by the identifiers themselves while they are known, and by token.

An identifier is searched for in bytes when it is long enough not to stand there by chance, and says by a digit or an `@` that
it is no word; a shorter one counts only in a person column.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from mmap import MADV_DONTNEED, mmap
from typing import TYPE_CHECKING

from unlearning.domain import hashing
from unlearning.domain.errors import IdentifierError
from unlearning.domain.hashing import IdentifierKind

if TYPE_CHECKING:
    import pyarrow as pa

SHORTEST = 6
"""Characters; of numbers as of words."""
_FEW = 64
"""Forms that are looked for one by one."""
WINDOW = 1 << 22
"""Bytes that are read together: a processor keeps them at hand from one form to the next."""

_BREAK = re.compile(rb"[\x00-\x20\x7f]")
_WORD = re.compile(r"[^\x00-\x1f\x7f\s,;|\"'`<>()\[\]{}=\\\ufffd]{6,}")
_PART = re.compile(r"[^:/&?#!]{6,}")
_NUMBER = re.compile(r"-?[0-9]{1,40}", re.ASCII)
_BESIDE = rb"[0-9A-Za-z]"


@dataclass(frozen=True)
class Wanted:
    """Who is looked for."""

    tokens: frozenset[str]
    kind: IdentifierKind
    key: bytes = field(repr=False)
    people: Sequence[str]
    """Person columns; `clinic/patient` for people whom two columns name."""
    identifiers: tuple[str, ...] = field(default=(), repr=False)
    """As they stood in the tables; in memory only, and none when nobody knows them any more."""
    knows: Callable[[frozenset[str]], bool] | None = field(default=None, repr=False)
    """Whether one of these is the token of anybody; looks for everybody, in place of `tokens`."""

    @cached_property
    def knows_all(self) -> bool:
        """The identifiers are those of everybody who is looked for."""
        return self.tokens <= set(map(self._token, self.identifiers))

    def in_bytes(self, content: bytes | mmap) -> bool:
        """One of them is named in anything: as text of any width, escaped, in base64; without identifiers, as a word."""
        if self.identifiers:
            if self._pattern is None or not self.may_be_in(content):
                return False
            return self._pattern.search(content) is not None
        words = (part for word in _words(content) for part in self._parts(word))
        return self._known(set(filter(_telling, words)))

    def in_cells(self, values: Iterable[object]) -> bool:
        """One of them is a value of a person column."""
        return self._known(set(map(str, values)))

    def in_numbers(self, column: pa.ChunkedArray, *, telling: bool = True) -> bool:
        """One of them is a number of a column of integers or floats; telling: unless it is too short for that."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if pa.types.is_float16(column.type):
            column = column.cast(pa.float32())
        if telling:
            column = column.filter(pc.greater_equal(pc.abs(column), 10 ** (SHORTEST - 1)))
        if self.identifiers:
            return bool(pc.any(pc.is_in(column, value_set=self._numbers(column.type))).as_py())
        whole = {f"{value:.0f}" for value in column.unique().drop_null().to_pylist() if value == value // 1}
        return self._known(whole)

    @cached_property
    def whole(self) -> frozenset[int]:
        """The identifiers that are whole numbers, however they are spelled where that is their kind."""
        said = [hashing.normalise(one, self.kind) for one in self.identifiers] if self.kind == "integer" else self.identifiers
        return frozenset(int(one) for one in said if _NUMBER.fullmatch(one))

    def _numbers(self, kind: pa.DataType) -> pa.Array:
        """The identifiers that are numbers which this type can hold."""
        import pyarrow as pa

        found = []
        for number in self.whole:
            with suppress(pa.ArrowInvalid, OverflowError):
                if pa.scalar(number, kind).as_py() == number:
                    found.append(number)
        return pa.array(found, kind)

    def may_be_in(self, content: bytes | mmap) -> bool:
        """Some form of them is among the bytes, whatever is beside it: of a few, that is told sooner than by the pattern.

        True of any content where nobody knows the identifiers, or where they are many.
        """
        if not self.identifiers or len(self._every_form) > _FEW:
            return True
        for at in range(0, len(content), WINDOW):
            if any(content.find(form, at, at + WINDOW + len(form) - 1) >= 0 for form in self._every_form):
                return True
            let_go(content, at)
        return False

    @cached_property
    def _every_form(self) -> frozenset[bytes]:
        return frozenset(form for one in self.identifiers if _telling(one) for form in (*_forms(one), *_packed(one)))

    @cached_property
    def _pattern(self) -> re.Pattern[bytes] | None:
        telling = [one for one in self.identifiers if _telling(one)]
        forms = sorted({form for one in telling for form in _forms(one)}, key=len, reverse=True)
        packed = sorted({form for one in telling for form in _packed(one)})
        alone = b"(?<!%b)(?:%b)(?!%b)" % (_BESIDE, b"|".join(map(re.escape, forms)), _BESIDE)
        return re.compile(b"|".join([alone, *map(re.escape, packed)])) if telling else None

    def _parts(self, word: str) -> Iterable[str]:
        yield (plain := word.strip(".-"))
        for part in _PART.findall(plain):
            yield from (part, part.rpartition(".")[0])

    def _known(self, words: Iterable[str]) -> bool:
        if self.knows is not None:
            return self.knows(frozenset(map(self._token, words)) - {""})
        return any(self._token(word) in self.tokens for word in words)

    def _token(self, word: str) -> str:
        spelled = re.sub(r"\.0+$", "", word) if self.kind == "integer" else word
        try:
            return hmac.digest(self.key, hashing.fingerprint(spelled, self.kind), "sha256").hex()
        except IdentifierError:
            return ""


def _words(content: bytes | mmap) -> Iterator[str]:
    """What could be a word of some text, in anything: a window at a time, which ends where no word goes on."""
    at = 0
    while at < len(content):
        ends = _BREAK.search(content, at + WINDOW)
        end = ends.start() if ends else len(content)
        yield from _WORD.findall(content[at:end].decode("utf-8", "replace"))
        at = end


def let_go(content: bytes | mmap, at: int) -> None:
    """A window of a file that is mapped was read, and need not stay in memory."""
    if isinstance(content, mmap):
        content.madvise(MADV_DONTNEED, at, min(WINDOW, len(content) - at))


def _telling(word: str) -> bool:
    return len(word) >= SHORTEST and any(letter.isdigit() or letter == "@" for letter in word)


def _forms(identifier: str) -> set[bytes]:
    """As it lies in text, in wide text, and escaped as Python and JSON do."""
    wide = {identifier.encode(name) for name in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")}
    escaped = {identifier.encode("ascii", "backslashreplace"), json.dumps(identifier)[1:-1].encode()}
    return {identifier.encode(), *escaped, *wide}


def _packed(identifier: str) -> set[bytes]:
    """At each of the three positions in base64, as far as its neighbours do not shape it."""
    shifted = ((shift, base64.b64encode(b"\0" * shift + identifier.encode())) for shift in range(3))
    cut = {text[-(-shift * 8 // 6) :].rstrip(b"=")[:-1] for shift, text in shifted}
    return {one for one in cut if len(one) > SHORTEST}
