"""Documents that somebody else wrote: JSON whose shape nobody vouches for, read strictly and never believed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from unlearning.domain.errors import VerificationFailed

MALFORMED = (TypeError, ValueError, AttributeError, KeyError, IndexError)
"""What reading a document of another shape raises."""


@dataclass(frozen=True, slots=True)
class Document:
    """A part of such a document; whoever reads more of it than `at` does so under `expecting`."""

    said: Any

    def __getitem__(self, name: str) -> Any:
        return self.said[name]

    def get(self, name: str, otherwise: Any = None) -> Any:
        """What stands under a name, or something else where it may be left out."""
        return self.said.get(name, otherwise)

    def at(self, path: str) -> Any:
        """What stands under a dotted path. Raises VerificationFailed that names it when it is missing."""
        found = self.said
        for name in path.split("."):
            if not isinstance(found, dict) or name not in found:
                raise VerificationFailed(f"the certificate has no field {path}; ask the issuer for the file again")
            found = found[name]
        return found

    def without(self, *names: str) -> Mapping[str, Any]:
        """What stands under other names."""
        return {name: value for name, value in self.said.items() if name not in names}


def each(said: Any) -> tuple[Document, ...]:
    """The items of a list as documents."""
    return tuple(map(Document, said))


@contextmanager
def expecting(where: str) -> Iterator[None]:
    """Turns what reading a document of another shape raises into VerificationFailed. where: what was read for what."""
    try:
        yield
    except MALFORMED as error:
        raise VerificationFailed(f"the certificate is malformed where {where}: {error}") from error


def parse(raw: bytes, what: str) -> Document:
    """A JSON object in UTF-8; a name that stands twice is refused, because two readers could see two different documents.

    So are numbers without a value (1e400, thousands of digits) and half a surrogate pair: they cannot be written down again.
    """
    try:
        value = json.loads(raw.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise VerificationFailed(f"{what} is not JSON; expected a certificate as `unlearn erase` writes it") from error
    if not isinstance(value, dict):
        raise VerificationFailed(f"{what} is a JSON {type(value).__name__}; expected an object")
    return Document(value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise VerificationFailed("a name stands twice in one JSON object; ask the issuer for the file again")
    return value


def _no_constant(name: str) -> Any:
    raise VerificationFailed(f"{name} is no JSON number; ask the issuer for the file again")
