"""The tables in the project folder (TRACES 1): redaction clears them, so that a person here came back since."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from unlearning.domain.entities import Level
from unlearning.domain.hashing import file_md5
from unlearning.domain.traces import Found, Residual, Trace, Wanted
from unlearning.stores.scans.looking import Look, look_at
from unlearning.stores.scans.words import Watch
from unlearning.traces.places import listing


@dataclass(frozen=True)
class TablePlace:
    """What DVC tracks under one path, as it lies in the project folder: a file, or a folder of them."""

    path: str
    file: Path
    watch: Watch
    person: str | None = None
    """The column that says whose record it is, of a table that erasures redact; None of whatever else DVC tracks."""
    explained: Callable[[str, str], bool] = field(default=lambda _path, _object: False, repr=False)
    """(path, object) → whether that of a file which nobody can read is said elsewhere: declared, or kept in DVC's cache."""
    level: Level = "logical"
    how: str = "every person of the table compared with the tokens; where no column is known to name people, every cell or word"

    @property
    def name(self) -> str:
        """The table."""
        return f"table {self.path}, current version"

    def find(self, wanted: Wanted) -> Found:
        """One trace for each of the people who is there."""
        watch = replace(self.watch, people=(self.person,) if self.person else self.watch.people, tokens=wanted.tokens)
        looks = {file: look_at(watch, file, below=file.parent) for file in self._files()}
        here = frozenset[str]().union(*(seen.found for seen in looks.values()))
        unread = [seen for file, seen in looks.items() if not self._answers(file, seen)]
        maybe = [file for file, seen in looks.items() if seen.maybe and not self._explained(file)]
        return Found(
            tuple(Trace(token, "person") for token in sorted(here & wanted.tokens)),
            searched=len(looks),
            remedy=self._remedy,
            unclear=(
                *listing.unread(self.name, self.level, unread, [self.path]),
                *listing.doubtful(self.name, self.level, len(maybe), [self.path]),
            ),
        )

    def erase(self, traces: Sequence[Trace]) -> Sequence[Residual]:
        """Nothing is deleted here: rewriting the data is redaction, with a new version and a new model."""
        if not traces:
            return ()
        why = "it was loaded again" if self.person else "its stage did not run since the redaction, or no erasure redacts it"
        return (Residual(self.name, self.level, "residual", len(traces), why, self._remedy),)

    @property
    def _remedy(self) -> str:
        return listing.RETURNED if self.person else "run `dvc repro`, or take them out of it and `dvc commit` it"

    def _files(self) -> Iterator[Path]:
        files = [self.file, *sorted(self.file.rglob("*"))] if self.file.is_dir() else [self.file]
        return (file for file in files if file.is_file())

    def _answers(self, file: Path, seen: Look) -> bool:
        """The file says whose rows it holds; of what is no declared table, it was read at all or is explained."""
        if self.person and file.stat().st_size:
            return seen.read and seen.compared == "people"
        return seen.read or self._explained(file)

    def _explained(self, file: Path) -> bool:
        inside = file.relative_to(self.file).as_posix()
        return self.person is None and self.explained(self.path if inside == "." else f"{self.path}/{inside}", file_md5(file))
