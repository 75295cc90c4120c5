"""Everything that a project keeps, thing by thing: files, also those of DVC, MLflow and Prefect, rows, Git's objects."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from unlearning.stores import scratch
from unlearning.stores.dvc import folders
from unlearning.stores.git import command
from unlearning.stores.second_look import opening
from unlearning.stores.second_look.matching import Wanted
from unlearning.stores.sql import every_row

if TYPE_CHECKING:
    from unlearning.project.workspace import Workspace

FILES = "files of the project"

_FOREIGN = ("node_modules", "__pycache__", "site-packages")
_ENVIRONMENT = "pyvenv.cfg"
_OURS = re.compile(rf"{scratch.PREFIX}[a-z0-9_]{{8}}")
"""What Python's `tempfile` makes of the prefix that this package gives."""
_TELLING = ("ETag", "etag", "md5", "content_md5", "LastModified", "last_modified", "mtime", "VersionId")
"""What file systems of remotes say of a file that is another when its content is."""
_WORTH_KNOWING = 1 << 16
"""Bytes: what is smaller is opened sooner than compared."""


class Thing(NamedTuple):
    """One file, row or object."""

    where: str
    name: str
    holds: Callable[[Contents], bool]
    """Whether one of them is in it; reads it."""
    mark: str = ""
    """Another one when its content is; empty where nothing tells that."""


def everything(workspace: Workspace, unread: list[str]) -> Iterator[Thing]:
    """Everything that there is to be read."""
    local, models = folders.local(workspace.data), workspace.models.uri
    databases = [url for url in (workspace.mlflow_database, models) if url]
    areas = {folder: name for name, folder in local.items()}
    areas |= {workspace.root / ".git": "Git history", workspace.root / ".unlearning/prefect": "Prefect"}
    areas |= {Path(url.removeprefix("sqlite:///")): "MLflow" for url in databases if url.startswith("sqlite:///")}
    areas |= dict.fromkeys((workspace.root / name for name in ("mlruns", "mlartifacts")), "MLflow")
    temporary = [one for one in scratch.system().glob(f"{scratch.PREFIX}*") if _OURS.fullmatch(one.name)]
    for root in dict.fromkeys([workspace.root, *(one for one in areas if not one.is_relative_to(workspace.root)), *temporary]):
        for file in _files(root):
            where = next((name for area, name in areas.items() if file == area or area in file.parents), FILES)
            name = file.relative_to(workspace.root).as_posix() if file.is_relative_to(workspace.root) else str(file)
            yield Thing(where, name, partial(_in_file, file), _mark(file))
    yield from _objects(workspace)
    for where, opened in folders.elsewhere(workspace.data).items():
        if opened is None:
            unread.append(f"{where}: it cannot be opened")
        else:
            yield from _remote(where, *opened, unread)
    stores = workspace.settings.stores
    for where, url in (
        ("ledger database", stores.ledger),
        ("lineage database", stores.lineage),
        *(("MLflow", url) for url in databases),
    ):
        if url.startswith("postgresql"):
            yield from (Thing(where, f"table {table}", partial(_in_row, row)) for table, row in every_row.of(url))
    if models.startswith("http") and not workspace.mlflow_database:
        unread.append("MLflow: without MLFLOW_BACKEND_STORE_URI its server's database cannot be read")


def _files(root: Path) -> Iterator[Path]:
    """Every file, Python environments and Git's objects aside: those are read through Git."""
    if root.is_file():
        yield root
    for folder, names, files in os.walk(root):
        here = Path(folder)
        skipped = _ENVIRONMENT in files or (here.name, here.parent.name) == ("objects", ".git")
        names[:] = [] if skipped else sorted(set(names).difference(_FOREIGN))
        every = (here / name for name in (() if skipped else sorted(files)))
        yield from (file for file in every if file.is_file() and not file.is_symlink())


class Contents:
    """Contents that were opened: the same bytes lie in a work tree, a cache and a remote, and are opened once."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted, self._known = wanted, dict[str, bool]()

    def holds(self, content: opening.Content) -> bool:
        """One of them is in it. Raises NotRead."""
        if len(content) < _WORTH_KNOWING:
            return opening.holds(self.wanted, content)
        digest = opening.digest(content)
        if digest not in self._known:
            self._known[digest] = opening.holds(self.wanted, content)
        return self._known[digest]


def _in_file(file: Path, contents: Contents) -> bool:
    if opening.is_database(file):
        return opening.database_holds(contents.wanted, file)
    with opening.content(file) as content:
        return contents.holds(content)


def _in_bytes(content: bytes, contents: Contents) -> bool:
    return contents.holds(content)


def _in_remote(files: Any, path: str, contents: Contents) -> bool:
    try:
        return contents.holds(files.cat_file(path))
    except (OSError, opening.NotRead):
        raise
    except Exception as error:  # remotes of all kinds, each with errors of its own
        raise OSError(type(error).__name__) from error


def _in_row(row: tuple[object, ...], contents: Contents) -> bool:
    return opening.rows_hold(contents.wanted, [row])


def _mark(file: Path) -> str:
    """Of a file with its log, if it is a database: rows stand there before they stand in it."""
    log = file.with_name(f"{file.name}-wal")
    with suppress(OSError):
        stats = [one.stat() for one in (file, log) if one == file or log.exists()]
        return " ".join(f"{of.st_size} {of.st_mtime_ns} {of.st_ctime_ns} {of.st_ino}" for of in stats)
    return ""


def _objects(workspace: Workspace) -> Iterator[Thing]:
    everything = ("cat-file", "--batch", "--batch-all-objects", "--unordered")
    with command.stream(workspace.root, *everything, failing="`git cat-file` failed; run `git fsck`") as objects:
        while (head := objects.readline().decode().split()) and head[-1] != "missing":
            content = objects.read(int(head[2]) + 1)[:-1]
            yield Thing("Git history", f"object {head[0]}", partial(_in_bytes, content), head[0])


def _remote(where: str, files: Any, root: str, unread: list[str]) -> Iterator[Thing]:
    try:
        for path, of in files.fs.find(root, detail=True).items():
            told = [str(of[key]) for key in _TELLING if of.get(key)]
            yield Thing(
                where, str(path), partial(_in_remote, files, path), " ".join([str(of.get("size")), *told]) if told else ""
            )
    except Exception as error:  # remotes of all kinds, each with errors of its own
        unread.append(f"{where}: {type(error).__name__}")
