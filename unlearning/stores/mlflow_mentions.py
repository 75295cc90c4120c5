"""People named in MLflow besides the versions that they shaped: what users logged about them. Part of the home of MLflow.

Files are read wherever an experiment keeps any, those of deleted runs, models and traces included. Rows are read in the
database where it may be opened, and otherwise through the server's API, which shows less and can delete less.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from unlearning.entities import Trace
from unlearning.errors import DataError
from unlearning.stores import mlflow_api, mlflow_database, mlflow_rows, tables, word_scan
from unlearning.stores.mlflow_purge import MlflowGarbage, ask, local_folder
from unlearning.stores.word_scan import Watch

FILE, CELL = "file", "cell"


@dataclass
class Mentioned:
    """What a search found."""

    traces: list[Trace]
    read: int
    """Columns, pieces of text and files that were looked at."""
    owners: set[str] = field(default_factory=set)
    """Runs and logged models with files that are no text and hold an identifier: weights, archives."""


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
        rows, read = self._rows(watch.words)
        found = Mentioned(rows, read)
        for location in self._locations():
            for path, opened in self._files(location):
                found.read += 1
                with opened() as stream:
                    if watch.in_text(path) or word_scan.readable(watch.words, stream):
                        found.traces.append(self._file(location, path))
                    elif watch.raw is not None and (stream.seek(0), watch.in_file(stream))[1]:
                        found.owners.add(path.removeprefix("models/").partition("/")[0])
        return found

    def erase(self, traces: Sequence[Trace], watch: Watch) -> list[Trace]:
        """Delete what is named by these; tables are kept without the people. What this address cannot delete is returned."""
        left = self._erase_rows([trace for trace in traces if trace.kind != FILE])
        files = {trace for trace in traces if trace.kind == FILE}
        for location in sorted({trace.location for trace in files}):
            for path, opened in list(self._files(location)):
                if self._file(location, path) in files:
                    self._erase_file(location, path, opened, watch)
        return left

    # --- files ------------------------------------------------------------------------------------------------------

    def _file(self, location: str, path: str) -> Trace:
        return Trace(self.label(path), FILE, location)

    def _locations(self) -> list[str]:
        """Where experiments keep files: all of them in a database of our own, on a server those of this project."""
        from mlflow.entities import ViewType

        with self.garbage.models.client() as client:
            known = list(mlflow_api.pages(client.search_experiments, view_type=ViewType.ALL))
            if self.garbage.models.uri.startswith("http"):
                ours = set(self._experiments(client))
                known = [one for one in known if one.experiment_id in ours]
            return sorted(str(one.artifact_location) for one in known)

    def _experiments(self, client: Any) -> list[str]:
        named = client.get_experiment_by_name(self.garbage.models.experiment)
        runs = (ask(client.get_run, run) for run in self.runs())
        ids = {run.info.experiment_id for run in runs if run is not None}
        return sorted(ids | ({named.experiment_id} if named else set()))

    def _files(self, location: str) -> Iterator[tuple[str, Callable[[], Any]]]:
        """(relative path, how to open it) of every file below an address."""
        if (folder := local_folder(location)) is not None:
            for file in sorted(folder.rglob("*")):
                if file.is_file():
                    yield file.relative_to(folder).as_posix(), partial(_vanishing, file)
            return
        with self.garbage.artifacts(location) as artifacts:
            paths = list(_walk(artifacts, None))
        for path in paths:
            yield path, partial(self._fetched, location, path)

    @contextlib.contextmanager
    def _fetched(self, location: str, path: str) -> Iterator[IO[bytes]]:
        with tempfile.TemporaryDirectory(prefix="unlearning-") as scratch, self.garbage.artifacts(location) as artifacts:
            file = Path(artifacts.download_artifacts(path, scratch))
            with _vanishing(file) as stream:
                yield stream

    def _erase_file(self, location: str, path: str, opened: Callable[[], Any], watch: Watch) -> None:
        with tempfile.TemporaryDirectory(prefix="unlearning-") as scratch:
            copy = Path(scratch, PurePosixPath(path).name)
            with opened() as stream:
                copy.write_bytes(stream.read())
            kept = not watch.in_text(path) and _without(copy, watch)
            with self.garbage.artifacts(location) as artifacts:
                artifacts.delete_artifacts(path)
                if kept:
                    folder = PurePosixPath(path).parent.as_posix()
                    artifacts.log_artifact(str(copy), None if folder == "." else folder)

    # --- rows -------------------------------------------------------------------------------------------------------

    def _rows(self, watch: Watch) -> tuple[list[Trace], int]:
        if self.garbage.backend is None:
            with self.garbage.models.client() as client:
                spots = list(mlflow_api.spots(client, self._experiments(client)))
            return [self._spot(spot) for spot in spots if watch.in_text(spot.text)], len(spots)
        with self.garbage.store() as store:
            found = [self._cell(*cell) for cell in mlflow_database.cells(store, watch)]
            return found, mlflow_database.searched(store)

    def _erase_rows(self, traces: Sequence[Trace]) -> list[Trace]:
        if not traces:
            return []
        if self.garbage.backend is None:
            return self._erase_spots(set(traces))
        wanted = set(traces)
        with self.garbage.store() as store:
            mlflow_database.erase(store, lambda *cell: self._cell(*cell) in wanted)
            mlflow_rows.compact(store)
        return []

    def _erase_spots(self, wanted: set[Trace]) -> list[Trace]:
        left = []
        with self.garbage.models.client() as client:
            for spot in mlflow_api.spots(client, self._experiments(client)):
                if (trace := self._spot(spot)) in wanted and not spot.delete():
                    left.append(trace)
        return left

    def _cell(self, table: str, column: str, value: str) -> Trace:
        return Trace(f"{table}.{column}/{self.label(value)}", CELL)

    def _spot(self, spot: mlflow_api.Spot) -> Trace:
        return Trace(f"{spot.owner}/{self.label(spot.key)}", spot.kind, spot.owner)


def _walk(artifacts: Any, folder: str | None) -> Iterator[str]:
    for one in artifacts.list_artifacts(folder):
        if one.is_dir:
            yield from _walk(artifacts, one.path)
        else:
            yield one.path


@contextlib.contextmanager
def _vanishing(file: Path) -> Iterator[IO[bytes]]:
    """The file; empty when somebody deleted it meanwhile."""
    with contextlib.ExitStack() as stack:
        stream: IO[bytes] = io.BytesIO()
        with contextlib.suppress(FileNotFoundError):
            stream = stack.enter_context(file.open("rb"))
        yield stream


def _rows_of(file: Path, person: str, watch: Watch) -> NDArray[np.bool_]:
    """(n,) true where one person column names somebody who is looked for."""
    people = tables.people(tables.read(file, person=person), person)
    (tokens,) = tables.tokens_of(people, kind=watch.kind, keys=[watch.key])
    gone = np.array([token.hex() in watch.tokens for token in tokens], dtype=bool)
    found: NDArray[np.bool_] = gone[people.codes]
    return found


def _without(file: Path, watch: Watch) -> bool:
    """Rewrite a table without the people's rows; False for what is no table, or cannot be rewritten."""
    with file.open("rb") as stream:
        if not watch.table(stream):
            return False
    try:
        here = tables.read(file).column_names
        gone = [_rows_of(file, person, watch) for person in watch.people if tables.names_people(here, person)]
        tables.redact(file, file, ~np.logical_or.reduce(gone))
    except (DataError, ValueError):
        return False
    with file.open("rb") as stream:  # another column may name them too
        return not word_scan.readable(watch, stream)
