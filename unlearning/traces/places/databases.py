"""Free pages of our own databases (TRACES 24), and what Prefect keeps of our flows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from unlearning.domain.entities import Level
from unlearning.domain.traces import PURGE_DELETES, Found, Residual, Trace, Wanted
from unlearning.stores.scans.comparing import Tally
from unlearning.stores.scans.words import Watch
from unlearning.stores.sql import every_row, vacuum
from unlearning.traces.places import listing


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


@dataclass(frozen=True)
class PrefectPlace:
    """Runs, states, logs, events and artifacts: our flows write nobody there, and what others' code once did is found."""

    file: Path
    """The embedded server's database."""
    watch: Watch
    name: str = "Prefect: runs, logs and events"
    level: Level = "logical"
    how: str = "every row of the embedded server's database read, each cell and word by token"

    def find(self, wanted: Wanted) -> Found:
        """The tables of the embedded server that name somebody."""
        if not self.file.is_file():
            return Found()
        tallies: dict[str, Tally] = {}
        watch, rows = replace(self.watch, tokens=wanted.tokens), 0
        try:
            for table, text in every_row.of_file(self.file):
                tallies.setdefault(table, Tally(watch)).document(text)
                rows += 1
        except OSError as error:
            return Found(searched=rows, unclear=(self._left("unverified", None, str(error), ()),))
        holding = tuple(sorted(table for table, tally in tallies.items() if tally.found))
        doubtful = sorted(table for table, tally in tallies.items() if tally.maybe and not tally.found)
        said = f"rows of {', '.join(holding)} name somebody who was erased"
        return Found(
            searched=rows,
            unclear=(
                *([self._left("residual", len(holding), said, holding)] if holding else ()),
                *listing.doubtful(self.name, self.level, len(doubtful), doubtful),
            ),
        )

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Nothing: a server may be writing, and the history of runs is the user's."""
        return ()

    def _left(
        self, outcome: Literal["residual", "unverified"], count: int | None, why: str, names: tuple[str, ...]
    ) -> Residual:
        remedy = (
            f"while no flow runs, delete {self.file.name} and what begins with its name in {self.file.parent}: it holds the"
        )
        return Residual(self.name, self.level, outcome, count, why, f"{remedy} history of runs alone", names)
