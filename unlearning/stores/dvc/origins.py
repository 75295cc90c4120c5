"""Where tracked data comes from that is kept elsewhere: what was imported from whom, what stages read from outside.

Part of the home of DVC, with `repository.py`. An import keeps in its `.dvc` file where it came from and at which revision, and
`dvc pull` goes back there whenever a cache and the remotes do not have the content: what was taken out here comes back.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from unlearning.stores.dvc import stages
from unlearning.stores.dvc.recorded_hashes import is_local

if TYPE_CHECKING:
    from unlearning.stores.dvc.repository import DvcData


_COMPILED = "/__pycache__/"
"""Python's own copy of code that lies beside it and is read."""


@dataclass(frozen=True)
class Import:
    """One tracked file or folder that somebody else owns."""

    path: str
    """Relative to the project."""
    file: str
    """The `.dvc` file that says so."""
    how: str
    """The command that imported it."""
    source: str
    """Whose it is and which file there, without credentials."""

    def __str__(self) -> str:
        return f"{self.path} is imported from {self.source} (`{self.how}`, {self.file})"

    @property
    def remedy(self) -> str:
        """How its people are erased all the same."""
        update = f"`dvc update {self.file}`"
        return (
            f"have them erased there and run {update}; or own it: delete {self.file} with its entry in .gitignore, run "
            f"`dvc add {self.path}` and commit"
        )


def imports(data: DvcData) -> list[Import]:
    """Every tracked file or folder that was imported, whatever with, downloaded or not."""
    with data.indexed() as repo:
        every = [stage for stage in repo.index.stages if stage.is_import]
        return [import_of(stage, str(stage.outs[0].fs_path).replace(f"{data.root}/", "")) for stage in every]


def import_of(stage: Any, path: str) -> Import:
    """What a stage that is an import says. path: of its output, relative to the project."""
    file = f"{path.rpartition('/')[0]}/{Path(stage.path).name}".lstrip("/")
    return Import(path, file, _command(stage), _source(stage.deps[0]))


def still_there(stage: Any) -> bool | None:
    """What the other repository has at the recorded revision is what is recorded here; None when nobody could look."""
    if not stage.is_repo_import or not stage.outs[0].hash_info:
        return None
    try:
        info = stage.deps[0].fs.info(stage.deps[0].fs_path)
        found = info["dvc_info"]["entry"].hash_info.value if "dvc_info" in info else _digest(stage.deps[0])
    except Exception:  # another repository with troubles of its own: not reachable, no such revision, no such file
        return None
    return bool(found == stage.outs[0].hash_info.value)


def _digest(dep: Any) -> str:
    """MD5 of a file that Git keeps there."""
    with dep.fs.open(dep.fs_path, "rb") as stream:
        return hashlib.md5(stream.read(), usedforsecurity=False).hexdigest()


def imported(data: DvcData, paths: Collection[str]) -> list[Import]:
    """The imports that one of these paths is, lies in, or contains."""
    return [one for one in imports(data) if any(stages.one_holds_the_other(one.path, path) for path in paths)]


def _command(stage: Any) -> str:
    return "dvc import" if stage.is_repo_import else "dvc import-db" if stage.is_db_import else "dvc import-url"


def _source(dep: Any) -> str:
    if getattr(dep, "def_repo", None):
        return f"{dep.def_path} in {without_secrets(str(dep.def_repo['url']))}"
    if (asked := getattr(dep, "db_info", None)) is not None:
        return f"the database connection {asked.get('connection') or 'that its file names'!r}"
    return without_secrets(str(dep.def_path))


def without_secrets(address: str) -> str:
    """An address without user, password, query and fragment: any of them may be a secret."""
    parts = urlsplit(address)
    if not parts.netloc:
        return address
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


# --- what stages read ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Read:
    """Something that a stage above a table reads, and that a run of it would bring into the table again."""

    name: str
    """A path relative to the project, or an address without credentials."""
    stage: str
    files: Any
    """Its file system; None when there is none to open."""
    place: str

    @contextlib.contextmanager
    def opened(self) -> Iterator[Iterator[tuple[str, Any]]]:
        """Every file of it, as (name inside it, stream). Whatever goes wrong is the file system's own error."""
        if self.files is None:
            raise OSError("there is no file system to open")
        yield self._streams()

    def _streams(self) -> Iterator[tuple[str, Any]]:
        found = self.files.find(self.place) if self.files.isdir(self.place) else [self.place]
        for one in (name for name in found if _COMPILED not in str(name)):
            with self.files.open(one, "rb") as stream:
                yield str(one).removeprefix(self.place), stream


def read_above(data: DvcData, paths: Collection[str]) -> list[Read]:
    """What the stages that make these tables read, directly or not, from a stage that a `dvc repro` would run.

    What lies in the project and is an output of another stage is left out: it is made again from what is listed.
    """
    with data.indexed() as repo:
        graph = repo.index.graph
        makers = [stage for stage in repo.index.stages if stage.cmd and any(_is(data, out, paths) for out in stage.outs)]
        above = {one.addressing: one for maker in makers for one in stages.upstream(graph, maker) if one.cmd and not one.frozen}
        made = {str(out.fs_path) for stage in repo.index.stages if stage.cmd for out in stage.outs}
        found = [
            Read(_named(data, dep), data.stage_name(stage), getattr(dep, "fs", None), str(dep.fs_path))
            for stage in above.values()
            for dep in stage.deps
            if str(dep.fs_path) not in made and not _is_parameter(dep)
        ]
    return list({(one.name, one.place): one for one in found}.values())


def _is(data: DvcData, out: Any, paths: Collection[str]) -> bool:
    name = str(out.fs_path).replace(f"{data.root}/", "")
    return any(stages.one_holds_the_other(name, path) for path in paths)


def _is_parameter(dep: Any) -> bool:
    return type(dep).__name__ == "ParamsDependency"


def _named(data: DvcData, dep: Any) -> str:
    if not is_local(dep):
        return without_secrets(str(dep.def_path))
    place = Path(str(dep.fs_path))
    return place.relative_to(data.root).as_posix() if place.is_relative_to(data.root) else str(place)
