"""Free pages of our own databases (TRACES 24): what was deleted there may not be read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from unlearning.domain.entities import Level
from unlearning.domain.traces import PURGE_DELETES, Found, Residual, Trace, Wanted
from unlearning.stores.sql import vacuum


@dataclass(frozen=True)
class DatabasePlace:
    """One database of ours."""

    name: str
    engine: Any = field(repr=False)
    """As `stores/schema.connect` gives it."""
    level: Level = "physical"
    how: str = "free pages are zeroed as they are freed, and are given back by the purge"

    def find(self, wanted: Wanted) -> Found:
        """The database, when deleted rows could be read from it; of PostgreSQL that its files keep some."""
        left = (Trace("free pages"),) if vacuum.leaves_bytes(self.engine) else ()
        kept = (vacuum.postgres_keeps(self.name),) if self.engine.dialect.name == "postgresql" else ()
        return Found(left, searched=1, unclear=kept, remedy=PURGE_DELETES)

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Give free pages back and empty the log. Raises Unavailable."""
        vacuum.compact(self.engine)
        return ()
