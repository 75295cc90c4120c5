"""Whether an identifier stands somewhere in a stream of bytes, of any length, in one pass and little memory."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import IO

from unlearning.domain.errors import IdentifierError

SHORTEST = 4
"""Characters of an identifier worth searching for: shorter ones stand in any large file by chance."""

_CHUNK_BYTES = 1 << 20


def pattern(identifiers: Iterable[str]) -> re.Pattern[bytes] | None:
    """What to search for: each identifier as UTF-8, UTF-16, UTF-32 and as JSON escapes it, with no letter or digit beside it.

    None when there is nothing to search for. Raises IdentifierError for one of fewer than 4 characters.
    """
    wanted = list(identifiers)
    if any(len(one) < SHORTEST for one in wanted):
        raise IdentifierError(f"an identifier has fewer than {SHORTEST} characters, which any large file holds by chance")
    forms = {form for one in wanted for form in _forms(one)}
    if not forms:
        return None
    return re.compile(rb"(?<![0-9A-Za-z])(?:" + b"|".join(re.escape(form) for form in sorted(forms)) + rb")(?![0-9A-Za-z])")


def _forms(identifier: str) -> set[bytes]:
    escaped = identifier.encode("ascii", "backslashreplace")
    # Arrays of text are UTF-32 in NumPy, and so in pickles of models.
    return {identifier.encode(), escaped, identifier.encode("utf-16-le"), identifier.encode("utf-32-le")}


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
