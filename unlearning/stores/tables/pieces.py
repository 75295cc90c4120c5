"""What reading a file yields, piece by piece, and the one place where a parser's troubles become ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from unlearning.domain.errors import DataError, reading

Column = Any
"""The values of a column: an Arrow array, or a list of plain values."""
Select = Callable[[Sequence[str]], Sequence[int] | None]
"""Column names of a table → the positions of those that are wanted, or None for all; a name that is unusable is empty."""


@dataclass(frozen=True)
class Rows:
    """Some rows of a table."""

    names: tuple[str, ...]
    """Of all its columns; one may be there twice, and a table without names has empty ones."""
    columns: Mapping[int, Column]
    """Position → values, of the columns that were wanted."""
    whole: bool = True
    """All of its columns are here, because none was singled out."""
    encodings: tuple[str, ...] = ("utf-8",)
    """In which bytes that are text may be."""


@dataclass(frozen=True)
class Scalars:
    """Some values of a document, each with the key that it stands under."""

    values: Sequence[tuple[str, object]]


@dataclass(frozen=True)
class Text:
    """A piece of text; no word is cut in two that is not in the next piece as well."""

    text: str


@dataclass(frozen=True)
class Aside:
    """What goes with the content: names of members, metadata, categories that no row uses, letters among bytes."""

    text: str
    bytes_only: bool = False
    """It stood among bytes, where a number means nothing."""


@dataclass(frozen=True)
class Unread:
    """Something that was not read."""

    form: str
    why: str


Piece = Rows | Scalars | Text | Aside | Unread


def parsing(form: str) -> AbstractContextManager[None]:
    """Within: whatever a parser raises about the content becomes a DataError that quotes none of it."""
    return reading(f"a file ({form})", "restore or delete it", otherwise=DataError)
