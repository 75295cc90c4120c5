"""What DVC says at a Git commit: which objects there are, and which were made from which.

Part of the home of DVC, with `repository.py`. A stage whose lock names no hash, or a DVC file that cannot be read at a commit,
says nothing about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unlearning.domain.versions import Tracked
from unlearning.stores.dvc.recorded_hashes import is_local
from unlearning.stores.tables.parts import is_table_name

if TYPE_CHECKING:
    from dvc.repo import Repo

PART = "part of"
"""In place of a stage: a file and the folder it lies in are each tracked, so one holds the other."""


@dataclass(frozen=True)
class Made:
    """What one stage read and what came out, at one commit."""

    stage: str
    deps: tuple[Tracked, ...]
    outs: tuple[Tracked, ...]


@dataclass(frozen=True)
class Snapshot:
    """Everything that DVC tracks at one commit."""

    rev: str
    made: tuple[Made, ...]

    @property
    def outs(self) -> tuple[Tracked, ...]:
        """Every tracked output, those of `.dvc` files included."""
        return tuple(dict.fromkeys(out for made in self.made for out in made.outs))

    def derivations(self) -> Iterator[tuple[Tracked, Tracked, str]]:
        """(from, to, stage) of everything that was made from something; a folder and what is tracked inside it are one."""
        for made in self.made:
            deps = self.data_of(made)
            yield from ((dep, out, made.stage) for dep in deps for out in made.outs)
            for dep in deps:
                yield from ((out, dep, PART) for out in self.outs if _one_holds_the_other(out.path, dep.path))

    def data_of(self, made: Made) -> tuple[Tracked, ...]:
        """What a stage read that can hold records: tracked by DVC, or a table; its code is neither."""
        paths = [out.path for out in self.outs]
        return tuple(
            dep
            for dep in made.deps
            if is_table_name(dep.path) or any(path == dep.path or _one_holds_the_other(path, dep.path) for path in paths)
        )

    def stage(self, name: str) -> Made | None:
        """One stage."""
        return next((made for made in self.made if made.stage == name), None)


def _one_holds_the_other(one: str, other: str) -> bool:
    return one.startswith(f"{other}/") or other.startswith(f"{one}/")


def read(repo: Repo, revs: Sequence[str], prefix: str) -> Iterator[Snapshot]:
    """The snapshots of these commits.

    prefix: the project's folder inside the Git repository, "" when it is the repository itself.
    """
    repo.stage_collection_error_handler = lambda _file, _error: None
    for rev in repo.brancher(revs=list(revs), workspace=False, sha_only=True) if revs else ():
        yield Snapshot(rev, tuple(_made(repo.index.stages, prefix)))


def present(repo: Repo, root: str) -> Snapshot:
    """The same of the work tree, committed or not; `rev` is empty. root: the project's folder."""
    return Snapshot("", tuple(_made(repo.index.stages, f"{root.strip('/')}/")))


def _made(stages: Iterable[Any], prefix: str) -> Iterator[Made]:
    for stage in stages:
        outs = tuple(_tracked(stage.outs, prefix))
        if outs:
            yield Made(str(getattr(stage, "name", None) or ""), tuple(_tracked(stage.deps, prefix)), outs)


def _tracked(entries: Iterable[Any], prefix: str) -> Iterator[Tracked]:
    """At a commit DVC sees the Git tree, whose root is `/`; what lies outside the project is left out."""
    for entry in entries:
        if is_local(entry) and entry.hash_info and entry.fs_path.startswith(f"/{prefix}"):
            yield Tracked(entry.fs_path.removeprefix(f"/{prefix}"), str(entry.hash_info.value))


def inside(repo: Repo, folder: str, object_hash: str) -> list[Tracked]:
    """The files of a folder whose listing is in the cache."""
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree

    tree = Tree.load(repo.cache.local, HashInfo("md5", object_hash))
    return [Tracked("/".join((folder, *key)), str(found.value)) for key, _, found in tree]
