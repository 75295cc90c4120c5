"""The tables in the project folder (TRACES 1): redaction clears them, so that a person here came back since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unlearning.domain.entities import Level
from unlearning.domain.hashing import IdentifierKind
from unlearning.domain.traces import Found, Residual, Trace, Wanted
from unlearning.stores.tables import people


@dataclass(frozen=True)
class TablePlace:
    """One tracked table as it lies in the project folder: a file, or a folder of them."""

    path: str
    file: Path
    person: str
    kind: IdentifierKind
    key: bytes
    level: Level = "logical"
    how: str = "every person of the table compared with the tokens"

    @property
    def name(self) -> str:
        """The table."""
        return f"table {self.path}, current version"

    def find(self, wanted: Wanted) -> Found:
        """One trace for each of the people who is there."""
        files = [self.file, *self.file.rglob("*")] if self.file.is_dir() else [self.file]
        here = frozenset[str]().union(*(self._people(file) for file in files if file.is_file()))
        return Found(tuple(Trace(token, "person") for token in sorted(here & wanted.tokens)), searched=len(here))

    def _people(self, file: Path) -> frozenset[str]:
        with file.open("rb") as stream:
            return people.tokens(stream, (self.person,), kind=self.kind, key=self.key) or frozenset()

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Nothing is deleted here: rewriting the data is redaction, with a new version and a new model."""
        if not traces:
            return ()
        why = "it was loaded again, its stage did not run since the redaction, or it is no table of params.yaml"
        remedy = "run `dvc repro`, or take them out of it; of a table of params.yaml, request and erase them again"
        return (Residual(self.name, self.level, "residual", len(traces), why, remedy),)
