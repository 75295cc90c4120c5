"""Files that MLflow keeps below an address: listed, read and deleted. Part of the home of MLflow, with `models.py`.

Elsewhere than on this machine every folder and every file is a request of its own, so several are made at once. A file that
is read comes to this disk, goes as soon as it was read, and no more than `AT_ONCE` lie there at a time.
"""

from __future__ import annotations

import contextlib
import io
from collections import deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from unlearning.domain.errors import Unavailable, UnlearningError, raised_here
from unlearning.stores import spool
from unlearning.stores.mlflow.connection import global_address, silence

AT_ONCE = 8
_OWN = "artifacts"
"""The folder that MLflow puts below one named after the run or the logged model."""


@dataclass(frozen=True)
class MlflowFiles:
    """The files of whatever is logged at one address of MLflow."""

    uri: str
    """MLflow's: addresses of files may be relative to it."""
    scratch: Path
    """Where copies lie while they are read."""

    def paths(self, location: str) -> list[str]:
        """Every file below an address, relative to it. Raises Unavailable."""
        if (folder := local_folder(location)) is not None:
            return [file.relative_to(folder).as_posix() for file in sorted(folder.rglob("*")) if file.is_file()]
        with self.repository(location) as artifacts, ThreadPoolExecutor(AT_ONCE) as pool:
            found: list[str] = []
            folders: list[str | None] = [None]
            while folders:
                listed = [one for page in pool.map(artifacts.list_artifacts, folders) for one in page]
                folders = [one.path for one in listed if one.is_dir]
                found += [one.path for one in listed if not one.is_dir]
            return sorted(found)

    @contextlib.contextmanager
    def reading(self, location: str, paths: Collection[str]) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
        """(path, content) of each file; empty for one that somebody deleted meanwhile. Raises Unavailable."""
        if (folder := local_folder(location)) is not None:
            yield ((path, stream) for path in paths for stream in _opened(folder / path))
            return
        with (
            spool.spooled(self.scratch) as copies,
            self.repository(location) as artifacts,
            ThreadPoolExecutor(AT_ONCE) as pool,
        ):
            calls: Iterator[Callable[[], Path]] = (
                partial(_fetch, artifacts, path, copies / str(number)) for number, path in enumerate(paths)
            )
            files = _ahead(pool, calls)
            yield (
                (path, stream) for path, file in zip(paths, files, strict=True) for stream in _opened(file, then_delete=True)
            )

    def holding(self, locations: Collection[str]) -> set[str]:
        """Those of the addresses below which any file lies. Raises Unavailable."""
        near = {one: folder for one in locations if (folder := local_folder(one)) is not None}
        found = {one for one, folder in near.items() if folder.exists() and any(file.is_file() for file in folder.rglob("*"))}
        above: dict[str, dict[str, str]] = {}
        for location in set(locations) - near.keys():
            parent, name = _named(location)
            above.setdefault(parent, {})[name] = location
        for parent, below in above.items():
            found |= self._listed(parent, below)
        return found

    def delete(self, location: str) -> None:
        """Delete everything below an address, and the folder of its run or logged model with it. Raises Unavailable."""
        folder, name = _named(location)
        with self.repository(folder) as artifacts:
            artifacts.delete_artifacts(name or None)

    @contextlib.contextmanager
    def repository(self, location: str) -> Iterator[Any]:
        """MLflow's own access to an address. Raises Unavailable."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        with silence(), global_address(self.uri):
            try:
                yield get_artifact_repository(location)
            except Exception as error:  # each kind of store has errors of its own, or no driver here
                if isinstance(error, UnlearningError) or raised_here(error):
                    raise
                raise Unavailable(
                    f"MLflow's artifacts did not answer or refused ({type(error).__name__}); make them writable, run again"
                ) from error

    def _listed(self, folder: str, below: dict[str, str]) -> set[str]:
        """One listing for what was deleted long ago, one more for each that is there: what is left may be an empty folder."""
        with self.repository(folder) as artifacts:
            there = {one.path for one in artifacts.list_artifacts()} | {""}
            return {location for name, location in below.items() if name in there and _any_file(artifacts, name or None)}


def local_folder(location: str) -> Path | None:
    """The folder on this machine that an address of MLflow's names; None for one elsewhere."""
    if location.startswith("/"):
        return Path(location)
    return Path(unquote(urlsplit(location).path)) if location.startswith("file:") else None


def _named(location: str) -> tuple[str, str]:
    """`…/RUN/artifacts` as what is above and RUN, which holds that run's files and nothing else; another address whole."""
    above, _, last = location.rstrip("/").rpartition("/")
    folder, _, name = above.rpartition("/")
    return (folder, name) if last == _OWN and folder and name else (location, "")


def _any_file(artifacts: Any, folder: str | None) -> bool:
    return any(not one.is_dir or _any_file(artifacts, one.path) for one in artifacts.list_artifacts(folder))


def _fetch(artifacts: Any, path: str, file: Path) -> Path:
    """One request: `download_artifacts` would first ask whether the file is a folder."""
    try:
        artifacts._download_file(path, str(file))  # what every store of MLflow's implements
    except OSError as error:
        if getattr(getattr(error, "response", None), "status_code", None) != 404:
            raise
    return file


def _ahead(pool: ThreadPoolExecutor, calls: Iterator[Callable[[], Path]]) -> Iterator[Path]:
    """The results of the calls in their order, while the next ones run."""
    started: deque[Future[Path]] = deque()
    while True:
        started.extend(pool.submit(call) for call in islice(calls, AT_ONCE - len(started)))
        if not started:
            return
        yield started.popleft().result()


def _opened(file: Path, *, then_delete: bool = False) -> Iterator[IO[bytes]]:
    """The file, once; empty when somebody deleted it meanwhile."""
    try:
        stream: IO[bytes] = file.open("rb")
    except FileNotFoundError:
        stream = io.BytesIO()
    with stream:
        yield stream
    if then_delete:
        file.unlink(missing_ok=True)
