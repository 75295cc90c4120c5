"""Whom no text can show: an identifier too short to be told apart from other numbers. Tables are compared all the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from unlearning.domain.entities import Level
from unlearning.domain.traces import Found, Residual, Trace, Wanted
from unlearning.stores.scans.candidates import SHORTEST_NUMBER
from unlearning.stores.scans.words import Watch


@dataclass(frozen=True)
class UnsaidPlace:
    """Texts of every place, for the people whom words do not show."""

    watch: Watch
    name: str = "texts of every place"
    level: Level = "logical"
    how: str = "every identifier that is looked for is one that a text can show"

    def find(self, wanted: Wanted) -> Found:
        """What was not compared anywhere."""
        return Found(searched=len(wanted.tokens), unclear=tuple(self._unclear(wanted)))

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Nothing is here."""
        return ()

    def _unclear(self, wanted: Wanted) -> Iterator[Residual]:
        if replace(self.watch, tokens=wanted.tokens).short_numbers:
            why = (
                f"a number of fewer than {SHORTEST_NUMBER} digits stands in any text: it counts in tables and under keys alone"
            )
            yield Residual(self.name, self.level, "unverified", None, why, "look for it in texts and logs yourself")
