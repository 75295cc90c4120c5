"""People named in MLflow besides the versions that they shaped: what users logged about them. Part of the home of MLflow.

Files are read wherever an experiment keeps any, those of deleted runs, models and traces included. Rows are read in the
database where it may be opened, and otherwise through the server's API, which shows less and can delete less.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np
from numpy.typing import NDArray

from unlearning.domain import hashing
from unlearning.domain.errors import DataError
from unlearning.domain.traces import Trace
from unlearning.stores import spool
from unlearning.stores.mlflow import api, database
from unlearning.stores.mlflow import rows as mlflow_rows
from unlearning.stores.mlflow.files import MlflowFiles
from unlearning.stores.mlflow.garbage import MlflowGarbage
from unlearning.stores.scans.looking import Look, look
from unlearning.stores.scans.words import Watch
from unlearning.stores.tables import redaction, tables

FILE, CELL = "file", "cell"

_OF_ITS_OWN = ("text", "CSV", "JSON", "JSON lines", "YAML", "HTML", "XML", "Parquet", "Feather", "Arrow", "Arrow stream", "ORC")
"""Forms of files that may go alone; an archive may be a model's weights, which is broken without it."""


@dataclass
class Mentioned:
    """What a search found."""

    traces: list[Trace]
    read: int
    """Columns, pieces of text and files that were looked at."""
    owners: set[str] = field(default_factory=set)
    """Runs and logged models with weights or archives that hold an identifier."""
    unread: list[tuple[str, Look]] = field(default_factory=list)
    """(path in its experiment, look) of files that nobody can read."""
    doubtful: list[str] = field(default_factory=list)
    """Paths of files, and `table.column` of rows, that may name one of them."""


@dataclass(frozen=True)
class MlflowMentions:
    """What is logged about people at one address."""

    garbage: MlflowGarbage
    runs: Callable[[], Iterable[str]]
    """Runs whose experiments belong to this project, besides the experiment that it logs to."""
    label: Callable[[str], str] = field(repr=False)
    """A name that says nothing, for one that may name a person."""

    def find(self, watch: Watch) -> Mentioned:
        """Where they are named. Raises Unavailable."""
        experiments, found = self._experiments(), Mentioned([], 0)
        self._look_at_rows(found, watch.words, sorted(experiments))
        for location in sorted(experiments.values()):
            with self._files.reading(location, self._files.paths(location)) as files:
                for path, stream in files:
                    self._look_at_file(found, watch, location, path, stream)
        return found

    def _look_at_file(self, found: Mentioned, watch: Watch, location: str, path: str, stream: IO[bytes]) -> None:
        found.read += 1
        seen = look(watch, stream, path, thorough=True)
        owner = path.removeprefix("models/").partition("/")[0]
        if watch.in_text(path) or (seen.found and seen.read and seen.form in _OF_ITS_OWN):
            found.traces.append(self._file(location, path))
        elif seen.found:
            found.owners.add(owner)
        elif not seen.read:
            found.unread.append((path, seen))
        elif seen.maybe or watch.named(path).maybe:
            found.doubtful.append(path)

    def erase(self, traces: Sequence[Trace], watch: Watch) -> list[Trace]:
        """Delete what is named by these; tables are kept without the people. What this address cannot delete is returned."""
        left = self._erase_rows([trace for trace in traces if trace.kind != FILE])
        files = {trace for trace in traces if trace.kind == FILE}
        for location in sorted({trace.location for trace in files}):
            paths = [path for path in self._files.paths(location) if self._file(location, path) in files]
            with self._files.reading(location, paths) as contents:
                for path, stream in contents:
                    self._erase_file(location, path, stream, watch)
        return left

    # --- files ------------------------------------------------------------------------------------------------------

    def _file(self, location: str, path: str) -> Trace:
        return Trace(self.label(path), FILE, location)

    def _experiments(self) -> dict[str, str]:
        """Experiment → where it keeps files: all of them in a database of our own, on a server those of this project."""
        with self.garbage.models.client() as client:
            known = {str(one.experiment_id): one for one in api.experiments(client)}
            if self.garbage.models.uri.startswith("http"):
                ours = {str(run.info.experiment_id) for run in api.runs(client, set(self.runs()))}
                named = self.garbage.models.experiment
                known = {name: one for name, one in known.items() if name in ours or one.name == named}
            return {name: str(one.artifact_location) for name, one in sorted(known.items())}

    @property
    def _files(self) -> MlflowFiles:
        return self.garbage.files

    def _erase_file(self, location: str, path: str, stream: IO[bytes], watch: Watch) -> None:
        with spool.spooled(self._files.scratch) as scratch:
            copy = scratch / PurePosixPath(path).name
            with copy.open("wb") as out:
                shutil.copyfileobj(stream, out)
            kept = not watch.in_text(path) and _without(copy, watch)
            with self._files.repository(location) as artifacts:
                artifacts.delete_artifacts(path)
                if kept:
                    folder = PurePosixPath(path).parent.as_posix()
                    artifacts.log_artifact(str(copy), None if folder == "." else folder)

    # --- rows -------------------------------------------------------------------------------------------------------

    def _look_at_rows(self, found: Mentioned, watch: Watch, experiments: Sequence[str]) -> None:
        if self.garbage.backend is None:
            with self.garbage.models.client() as client:
                said = [(self._spot(spot), spot.text, spot.kind) for spot in api.spots(client, experiments)]
            found.read += len(said)
        else:
            with self.garbage.store() as store:
                said = [(self._cell(cell), cell.says, f"{cell.table}.{cell.column}") for cell in database.cells(store)]
                found.read += database.searched(store)
        for trace, text, where in said:
            certain, maybe = watch.named(text)
            found.traces += [trace] if certain else []
            found.doubtful += [where] if maybe and not certain else []

    def _erase_rows(self, traces: Sequence[Trace]) -> list[Trace]:
        if not traces:
            return []
        if self.garbage.backend is None:
            return self._erase_spots(set(traces))
        wanted = set(traces)
        with self.garbage.store() as store:
            database.erase(store, lambda cell: self._cell(cell) in wanted)
            mlflow_rows.compact(store)
        return []

    def _erase_spots(self, wanted: set[Trace]) -> list[Trace]:
        left = []
        with self.garbage.models.client() as client:
            for spot in api.spots(client, sorted(self._experiments())):
                if (trace := self._spot(spot)) in wanted and not spot.delete():
                    left.append(trace)
        return left

    def _cell(self, cell: database.Cell) -> Trace:
        return Trace(f"{cell.table}.{cell.column}/{self.label(cell.says)}", CELL)

    def _spot(self, spot: api.Spot) -> Trace:
        return Trace(f"{spot.owner}/{self.label(spot.key)}", spot.kind, spot.owner)


def _rows_of(file: Path, person: str, watch: Watch) -> NDArray[np.bool_]:
    """(n,) true where one person column names somebody who is looked for."""
    people = tables.people(tables.read(file, person=person), person)
    (tokens,) = hashing.tokens(people.values, watch.kind, keys=[watch.key])
    gone = np.array([token.hex() in watch.tokens for token in tokens], dtype=bool)
    found: NDArray[np.bool_] = gone[people.codes]
    return found


def _without(file: Path, watch: Watch) -> bool:
    """Rewrite a table without the people's rows; False for what is no table, or cannot be rewritten."""
    with file.open("rb") as stream:
        if look(watch, stream, file.name).compared != "people":
            return False
    try:
        here = tables.column_names(file)
        gone = [_rows_of(file, person, watch) for person in watch.people if tables.names_people(here, person)]
        redaction.redact(file, file, ~np.logical_or.reduce(gone))
    except (DataError, ValueError):
        return False
    with file.open("rb") as stream:  # another column may name them too
        return not look(watch, stream, file.name, thorough=True).found
