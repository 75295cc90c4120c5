"""One real event of every kind, as the first version of the package wrote it: `tests/golden/events.jsonl`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from unlearning.domain.events import KINDS, Fact, decode

GOLDEN = Path(__file__).parent / "golden" / "events.jsonl"
F = TypeVar("F")


def golden() -> list[list[Any]]:
    """(seq, at, kind, subject, body, previous, hash) of each."""
    return [json.loads(line) for line in GOLDEN.read_text("utf-8").splitlines()]


_BODIES = {row[2]: row[4] for row in golden()}


def example(kind: type[F], **changes: Any) -> F:
    """A fact of this kind, with what the test says of it."""
    found: Any = decode(kind.__name__, _BODIES[kind.__name__])
    made: F = replace(found, **changes)
    return made


def every_kind() -> list[Fact]:
    """An example of each."""
    return [example(kind) for kind in KINDS.values()]
