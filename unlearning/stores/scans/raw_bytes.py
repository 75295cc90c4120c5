"""Whether an identifier stands somewhere in a stream of bytes, of any length, in one pass and little memory."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import IO

from unlearning.domain.errors import IdentifierError

SHORTEST = 4
"""Characters of an identifier worth searching for: shorter ones stand in any large file by chance."""

_CHUNK_BYTES = 1 << 20
_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "cp1252")
"""Arrays of text are UTF-32 in NumPy, and so in pickles of models."""
_HEX = re.compile(r"\\[uUx][0-9a-f]+")


def pattern(identifiers: Iterable[str]) -> re.Pattern[bytes] | None:
    """What to search for: each identifier in each encoding and as JSON and Python escape it, with no letter or digit beside it.

    None when there is nothing to search for. Raises IdentifierError for one of fewer than 4 characters.
    """
    wanted = list(identifiers)
    if any(len(one) < SHORTEST for one in wanted):
        raise IdentifierError(f"an identifier has fewer than {SHORTEST} characters, which any large file holds by chance")
    forms = {form for one in wanted for form in _forms(one)}
    if not forms:
        return None
    return re.compile(rb"(?<![0-9A-Za-z])(?:" + b"|".join(re.escape(form) for form in sorted(forms)) + rb")(?![0-9A-Za-z])")


def _forms(identifier: str) -> Iterator[bytes]:
    for form in ("NFC", "NFD"):
        text = unicodedata.normalize(form, identifier)
        for encoding in _ENCODINGS:
            with suppress(UnicodeEncodeError):
                yield text.encode(encoding)
        for escaped in (text.encode("ascii", "backslashreplace").decode(), json.dumps(text)[1:-1]):
            yield escaped.encode()
            yield _HEX.sub(lambda match: match[0][:2] + match[0][2:].upper(), escaped).encode()


def occurs(stream: IO[bytes], wanted: re.Pattern[bytes]) -> bool:
    """One of them is in the stream, also across two chunks."""
    overlap = len(wanted.pattern)  # longer than any form it holds
    seen = b""
    while chunk := stream.read(_CHUNK_BYTES):
        seen, start = seen + chunk, min(1, len(seen))  # the first byte that was carried over is there to be looked back at
        if any(match.end() < len(seen) for match in wanted.finditer(seen, start)):
            return True
        seen = seen[-overlap:]
    return wanted.search(seen, 1 if len(seen) == overlap else 0) is not None
