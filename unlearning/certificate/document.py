"""Documents that somebody else wrote: JSON whose shape nobody vouches for, read strictly and never believed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from unlearning.domain.errors import VerificationFailed
from unlearning.domain.foreign import shown

MALFORMED = (TypeError, ValueError, AttributeError, KeyError, IndexError)
"""What reading a document of another shape raises."""

_DEPTH = 32
"""Three times as deep as a certificate is."""


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


def each(said: Any) -> tuple[Document, ...]:
    """The items of a list as documents."""
    return tuple(map(Document, said))


@contextmanager
def expecting(where: str) -> Iterator[None]:
    """Turns what reading a document of another shape raises into VerificationFailed. where: what was read for what."""
    try:
        yield
    except MALFORMED as error:
        raise VerificationFailed(f"the certificate is malformed where {where}: {shown(error)}") from error


def parse(raw: bytes, what: str) -> Document:
    """A JSON object in UTF-8; what two readers could read differently, or could not write down again, is refused by name.

    That is a name that stands twice, a number without a value (NaN, 1e400, thousands of digits) and half a surrogate pair.
    """
    try:
        value = json.loads(raw.decode(), object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        raise VerificationFailed(_nested(what)) from None
    except ValueError as error:
        why = "it holds a number of thousands of digits" if "integer string conversion" in str(error) else "ask for it again"
        raise VerificationFailed(f"{what} is not JSON in UTF-8; {why}") from None
    if not isinstance(value, dict):
        raise VerificationFailed(f"{what} is a JSON {type(value).__name__}; expected an object")
    _check_depth(value, what)
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise VerificationFailed(f"{what} is not JSON in UTF-8; it holds half a surrogate pair") from None
    return Document(value)


def _check_depth(value: Any, what: str) -> None:
    level = [value]
    for _ in range(_DEPTH):
        inside = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, (dict, list))]
        level = [item for items in inside for item in items]
        if not level:
            return
    raise VerificationFailed(_nested(what))


def _nested(what: str) -> str:
    return f"{what} is JSON nested more than {_DEPTH} deep; no certificate or proof is"


def _finite(digits: str) -> float:
    if math.isinf(value := float(digits)):
        raise VerificationFailed("a number is larger than any that JSON readers share; ask the issuer for the file again")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise VerificationFailed("a name stands twice in one JSON object; ask the issuer for the file again")
    return value


def _no_constant(name: str) -> Any:
    raise VerificationFailed(f"{name} is no JSON number; ask the issuer for the file again")
