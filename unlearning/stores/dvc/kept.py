"""DVC's view of a repository, kept between reads for as long as everything that it was read from stays as it is.

Part of the home of DVC, with `repository.py`. Opening costs 7 ms and reading what is tracked 10 more, and one erasure asks
more than a hundred times. Contents are compared, never times: two processes may write within one tick of a clock.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from unlearning.stores import yaml_bombs
from unlearning.stores.dvc.recorded_hashes import is_local
from unlearning.stores.files import whole

if TYPE_CHECKING:
    from dvc.repo import Repo
    from dvc.repo.index import Index

_BESIDE = ("dvc.lock", "params.yaml")
"""What DVC reads with a `dvc.yaml` wherever they are there."""
_PASSED_BY = ".dvcignore"
"""What DVC is to pass by in a folder: it looks there before it takes an output in it, too."""

MADE_ANEW = "made-anew"
"""File in DVC's index of names and hashes that is another one after each purge."""

Settings = tuple[str | None, ...]


@dataclass(frozen=True)
class _Tracked:
    """What is tracked, and which bytes DVC read that from."""

    index: Index
    beyond: frozenset[str]
    """Files with values that stages stand on, which no walk finds by their names."""
    read: dict[str, str | None]
    """File → digest; None for one that was not there."""


@dataclass
class KeptRepo:
    """One open repository, for one reader at a time."""

    repo: Repo
    settings: Settings
    """As `settings` gave them before it was opened."""
    databases: tuple[object, ...] | None = None
    _tracked: _Tracked | None = None

    def __post_init__(self) -> None:
        self.databases = _databases(self.repo)

    def is_current(self, settings: Settings) -> bool:
        """Opening it now would give the same, leaving aside what is tracked."""
        return self.settings == settings and self.databases is not None and self.databases == _databases(self.repo)

    def lend(self) -> None:
        """Forget what DVC remembers of the work tree."""
        self.repo.scm._reset()
        for name in ("index", "dvcignore"):
            self.repo.__dict__.pop(name, None)

    def lend_index(self) -> None:
        """The same, and have `repo.index` say what is tracked now."""
        self.lend()
        known = self._tracked
        if known is not None and known.read == _digests({*known.beyond, *_tracking(self.repo, known.index)}):
            self.repo.__dict__["index"] = known.index
        else:
            self._tracked = _loaded(self.repo)


def settings(root: Path) -> Settings:
    """What a repository is opened by: where it is, and the content of its settings at every level.

    Raises NotDvcRepoError.
    """
    from dvc.config import Config
    from dvc.dirs import site_cache_dir
    from dvc.repo import Repo

    folder = os.path.join(Repo.find_root(str(root)), Repo.DVC_DIR)
    files = (
        *(os.path.join(Config.get_dir(level), Config.CONFIG) for level in ("system", "global")),
        *(os.path.join(folder, name) for name in (Config.CONFIG, Config.CONFIG_LOCAL)),
    )
    return (folder, site_cache_dir(None), *files, *map(_digest, files))


def _databases(repo: Repo) -> tuple[object, ...] | None:
    """Which files DVC's index of names and hashes is in now, and by what it is found; None where somebody removed them.

    A purge says that they are others: the new ones may have the places of the old ones on the disk.
    """
    cache = Path(repo.site_cache_dir)
    try:
        born, anew = Path(repo.tmp_dir or "", "btime").stat().st_mtime_ns, _digest(str(cache / MADE_ANEW))
        return (born, anew, *((cache / name).stat().st_ino for name in ("links/cache.db", "hashes/local/cache.db")))
    except FileNotFoundError:
        return None


def _digest(file: str) -> str | None:
    try:
        return hashlib.blake2b(whole(Path(file))).hexdigest()
    except OSError:  # not there; what is no file is refused when DVC reads it
        return None


def _digests(files: Iterable[str]) -> dict[str, str | None]:
    return {file: _digest(file) for file in files}


def _loaded(repo: Repo) -> _Tracked | None:
    """Have DVC read what is tracked; None where that cannot be known again, or changed while it was read."""
    from dvc.dvcfile import is_valid_filename

    read: dict[str, str | None] = {}

    def noting(path: str, mode: str = "r", **how: Any) -> IO[Any]:
        yaml_bombs.check(Path(path))
        content = whole(Path(path))
        read.setdefault(os.path.abspath(path), hashlib.blake2b(content).hexdigest())
        return io.BytesIO(content) if "b" in mode else io.TextIOWrapper(io.BytesIO(content), encoding=how.get("encoding"))

    repo._fs = files = copy(repo.fs)  # who was lent the one before may read an object of gigabytes meanwhile
    files.open = noting
    try:
        index = repo.index
    finally:
        del files.open
    if not _is_ours(index):
        return None
    named = frozenset(_tracking(repo, index))
    beyond, now = frozenset(read) - named, _digests({*read, *named})
    is_what_was_read = {file: now[file] for file in now if now[file]} == read
    return _Tracked(index, beyond, now) if is_what_was_read and not any(map(is_valid_filename, beyond)) else None


def _is_ours(index: Index) -> bool:
    """Everything is on this machine: what another repository or a bucket has is asked for each time."""
    return all(not stage.is_import and all(is_local(entry) for entry in (*stage.deps, *stage.outs)) for stage in index.stages)


def _tracking(repo: Repo, index: Index) -> Iterator[str]:
    """Where DVC looks for what is tracked, there or not.

    In every file of its name, but in no output and in nothing that Git ignores; and what it is to pass by, in each folder.
    """
    from dvc.dvcfile import PROJECT_FILE, is_valid_filename

    made: dict[str, set[str]] = {}
    for stage in index.stages:
        made.setdefault(str(stage.path), set()).update(str(out.fs_path) for out in stage.outs)
    outs: set[str] = set()
    for folder, folders, names in repo.dvcignore.walk(repo.fs, repo.root_dir, followlinks=False):
        yield os.path.join(folder, _PASSED_BY)
        for file in (os.path.join(folder, name) for name in names if is_valid_filename(name)):
            if not repo.scm.is_ignored(file):
                outs |= made.get(file, set())
                yield file
                if os.path.basename(file) == PROJECT_FILE:
                    beside = [os.path.join(folder, name) for name in _BESIDE]
                    yield from beside
                    # DVC refuses a lock that Git ignores: under another name it is not what was read before.
                    yield from (f"{name}{os.sep}" for name in beside if repo.scm.is_ignored(name))
        paths = {name: os.path.join(folder, name) for name in folders}
        folders[:] = [name for name, path in paths.items() if path not in outs and not repo.scm.is_ignored(f"{path}{os.sep}")]
    above = {folder for one in made.values() for out in one for folder in Path(out).parents}
    yield from (str(folder / _PASSED_BY) for folder in above if folder.is_relative_to(repo.root_dir))
