"""Text as numbers without a vocabulary: each word counts in the column that its hash names.

A vocabulary is a model, fitted on everyone's posts: a rare word would stay in it after its author has left. A hash is
fitted on nobody.
"""

from __future__ import annotations

import hashlib
import re

SIZE = 48
COLUMNS = [f"w{column:02d}" for column in range(SIZE)]


def counts(text: str) -> list[int]:
    """How many words of a text fall into each column."""
    columns = [0] * SIZE
    for word in re.findall(r"\w+", text.casefold()):
        columns[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") % SIZE] += 1
    return columns
