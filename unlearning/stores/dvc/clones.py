"""What a fresh clone gets: the data that the committed DVC files lead to, from the remotes and with no cache.

Part of the home of DVC, with `repository.py`. The exact equivalent of `dvc pull` at HEAD, worked out from the hashes and the
versions that are recorded there, so that nothing is downloaded twice and the project's folders stay as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from unlearning.stores.dvc import origins, stages
from unlearning.stores.dvc.objects import CACHE, ObjectStore, remote_label
from unlearning.stores.dvc.remotes import NamedStore
from unlearning.stores.tables import parts

if TYPE_CHECKING:
    from unlearning.stores.dvc.origins import Import
    from unlearning.stores.dvc.repository import DvcData


@dataclass(frozen=True)
class Piece:
    """One file of what is committed."""

    path: str
    """Relative to the project."""
    object: str
    """The hash that is recorded; empty when none is."""
    remote: str | None = None
    """What the remote is called that keeps the version, where one is recorded."""
    version: str | None = None


@dataclass(frozen=True)
class Committed:
    """One tracked path at HEAD."""

    path: str
    object: str
    """The hash that is recorded; empty when none is."""
    pieces: tuple[Piece, ...]
    """Its files, where they are recorded one by one; else itself."""
    imported: Import | None = None
    """Whose it is, when it is not this project's: `dvc pull` goes there."""
    as_imported: bool | None = None
    """What lies there is what is recorded here; None when nobody could look."""


@dataclass(frozen=True)
class Source:
    """One file that a clone gets from one remote."""

    piece: Piece
    store: ObjectStore
    at: str
    version: str | None = None

    def open(self) -> Any:
        """Its content as a stream. Raises Unavailable, FileNotFoundError."""
        return self.store.open(self.at, self.version)

    def is_recorded(self) -> bool:
        """Its content has the hash that is recorded. Raises Unavailable, FileNotFoundError."""
        with self.open() as stream:
            return _md5(stream) == self.piece.object.removesuffix(parts.LISTING)


def committed(data: DvcData, paths: Collection[str]) -> list[Committed]:
    """What HEAD records of these paths; nothing of one that it does not track, and nothing in a repository without commits."""
    if data.git.head is None:
        return []
    with data.opened() as repo:
        inside = data.root.relative_to(repo.scm.root_dir).as_posix()
        prefix = "/" if inside == "." else f"/{inside}/"
        repo.stage_collection_error_handler = lambda _file, _error: None
        found = []
        for _ in repo.brancher(revs=["HEAD"], workspace=False, sha_only=True):
            for stage in repo.index.stages:
                for out in stage.outs:
                    name = str(out.fs_path).removeprefix(prefix)
                    if any(stages.one_holds_the_other(name, path) for path in paths):
                        found.append(_committed(stage, out, name))
        return found


def _committed(stage: Any, out: Any, name: str) -> Committed:
    recorded = str(out.hash_info.value) if out.hash_info else ""
    whole = Piece(name, recorded, *_version(out.meta.remote, out.meta.version_id)) if out.meta else Piece(name, recorded)
    pieces = [
        Piece(f"{name}/{item['relpath']}", str(item.get("md5", "")), *_version(item.get("remote"), item.get("version_id")))
        for item in out.files or ()
    ]
    owner = origins.import_of(stage, name) if stage.is_import else None
    return Committed(name, recorded, tuple(pieces) or (whole,), owner, origins.still_there(stage) if owner else None)


def _version(remote: str | None, version: str | None) -> tuple[str | None, str | None]:
    return (remote_label(remote), version) if remote and version else (None, None)


def sources(one: Committed, stores: Sequence[ObjectStore]) -> Iterator[Source]:
    """Every file that `dvc pull` could take for a path, from each remote that has it. Raises Unavailable, DataError."""
    remotes = [store for store in stores if store.name != CACHE]
    for piece in one.pieces:
        for store in remotes:
            if piece.remote in (None, store.name):
                yield from _from(piece, store)


def _from(piece: Piece, store: ObjectStore) -> Iterator[Source]:
    if isinstance(store, NamedStore):
        store.recognise()
        at = f"{store.root}/{store.inside}{piece.path}"
        for path in store.below(at, piece.version):
            inner = piece if path == at else Piece(piece.path + path.removeprefix(at), "")
            yield Source(inner, store, path, piece.version)
        return
    found = store.path_of(piece.object) if piece.object else None
    if found is None:
        return
    yield Source(piece, store, found)
    if piece.object.endswith(parts.LISTING):
        for relative, name in store.members(piece.object):
            if (member := store.path_of(name)) is not None:
                yield Source(Piece(f"{piece.path}/{relative}", name), store, member)


def differences(data: DvcData, expected: Collection[tuple[str, str]], stores: Sequence[ObjectStore]) -> list[str]:
    """What a fresh clone gets instead of these (path, object) pairs, in words; empty when it gets them. Raises Unavailable."""
    here = {one.path: one for one in committed(data, [path for path, _ in expected])}
    return [said for path, name in expected for said in _differs(path, name, here.get(path), stores)]


def _differs(path: str, name: str, one: Committed | None, stores: Sequence[ObjectStore]) -> Iterator[str]:
    if one is None:
        yield f"{path} is not in the DVC files of HEAD"
        return
    if one.object != name:
        yield f"{path} is {one.object or 'nothing'} in the DVC files of HEAD; expected {name}"
    if one.imported and one.as_imported is not True:
        yield f"{one.imported}, and `dvc pull` takes it from there"
    there = list(sources(one, stores))
    if not there:
        yield f"{path} is in no remote, so a clone gets nothing"
    for source in there:
        try:
            if source.piece.object and not source.is_recorded():
                yield f"{source.store.name} gives another content of {path} than HEAD records"
        except FileNotFoundError:
            yield f"{source.store.name} does not have the version of {path} that HEAD records"


def _md5(stream: IO[bytes]) -> str:
    md5 = hashlib.md5(usedforsecurity=False)
    while chunk := stream.read(1 << 20):
        md5.update(chunk)
    return md5.hexdigest()
