"""Where DVC keeps objects: the local cache and every configured remote, file by file.

Part of the home of DVC, with `repository.py`. DVC itself deletes by reference only (`dvc gc` keeps or drops whole revisions);
here an object is found and deleted by its hash. Layout: `files/md5/ab/cdef…` (DVC 3), `ab/cdef…` (DVC 2), `runs/` (run cache).
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from unlearning.domain.errors import Unavailable
from unlearning.stores.dvc import recognition, s3_versions
from unlearning.stores.dvc.kept import MADE_ANEW
from unlearning.stores.tables import parts

if TYPE_CHECKING:
    from dvc.repo import Repo

    from unlearning.stores.dvc.repository import DvcData

CACHE = "DVC cache"

_OBJECT = re.compile(r"(?:files/md5/)?([0-9a-f]{2})/([0-9a-f]{30}(?:\.dir)?)")
_RUN = "runs/"
_SOFT_DELETE = ("gs", "gcs", "abfs", "az", "azure", "oss")
UNLISTED = ("http", "https")
"""They answer for one name at a time and list nothing."""


@dataclass(frozen=True)
class ObjectStore:
    """One cache or remote."""

    name: str
    files: Any
    """DVC's file system."""
    root: str
    """Above `files/md5` and `runs`."""
    local: bool
    """On this machine, where the folder must exist: one that does not is a disk that is not mounted."""
    mark: str | None = None
    """What was seen here before, to know the store again by; None for one that was never used."""

    def objects(self) -> Iterator[tuple[str, str]]:
        """(hash, path) of every object, `.dir` listings included. Raises Unavailable."""
        for relative in self._relative():
            if match := _OBJECT.fullmatch(relative):
                yield match[1] + match[2], f"{self.root}/{relative}"

    def runs(self) -> Iterator[str]:
        """Path of every entry of the run cache. Raises Unavailable."""
        return (f"{self.root}/{relative}" for relative in self._relative() if relative.startswith(_RUN))

    def strays(self) -> Iterator[str]:
        """Path of everything else: half-written uploads, files nobody knows. Raises Unavailable."""
        return (
            f"{self.root}/{relative}"
            for relative in self._relative()
            if not relative.startswith(_RUN) and not _OBJECT.fullmatch(relative)
        )

    def holds(self, object_hash: str) -> bool:
        """An object of this hash is there. Raises Unavailable."""
        return any(self._exists(path) for path in self._paths(object_hash))

    def path_of(self, object_hash: str) -> str | None:
        """Where an object lies, under either layout; None when it does not. Raises Unavailable."""
        return next(filter(self._exists, self._paths(object_hash)), None)

    def deleted(self) -> dict[str, str]:
        """Path of everything that a listing shows as deleted and the store still keeps → version. Raises Unavailable."""
        if not self.versioned:
            return {}
        with self.answering():
            return s3_versions.shadows(self.files, self.root)

    @property
    def versioned(self) -> bool:
        """The store may keep versions of what was deleted, and says which."""
        return bool(self.files.protocol == s3_versions.PROTOCOL)

    @property
    def keeps_silently(self) -> bool:
        """The store may keep what was deleted, and cannot be asked here: soft-delete and versions of other clouds."""
        return self.files.protocol in _SOFT_DELETE

    @contextmanager
    def open(self, path: str, version: str | None = None) -> Iterator[IO[bytes]]:
        """A file, or an older version of one, as a stream. Raises Unavailable, FileNotFoundError when it vanished meanwhile."""
        with self.answering():
            opened = s3_versions.opened(self.files, path, version) if version else self.files.open(path, "rb")
            with opened as stream:
                yield stream

    def fetch(self, object_hash: str, file: Path) -> None:
        """Copy an object to a file. Raises Unavailable, FileNotFoundError."""
        path = next(filter(self._exists, self._paths(object_hash)), self._paths(object_hash)[0])
        with self.open(path) as stream, file.open("wb") as out:
            shutil.copyfileobj(stream, out)

    def members(self, object_hash: str) -> list[tuple[str, str]]:
        """(relative path, hash) of everything in a folder; nothing when its list is not here. Raises Unavailable, DataError."""
        path = self.path_of(object_hash)
        if path is None:
            return []
        try:
            with self.open(path) as stream:
                return parts.listing(stream.read())
        except FileNotFoundError:  # deleted meanwhile
            return []

    def local_file(self, object_hash: str) -> Path | None:
        """Where an object lies, to be read and never written; None for a store elsewhere, or when it is not there."""
        return next((Path(path) for path in self._paths(object_hash) if Path(path).is_file()), None) if self.local else None

    def size(self, object_hash: str) -> int | None:
        """Bytes of an object; None when it is not there. Raises Unavailable."""
        path = self.path_of(object_hash)
        if path is None:
            return None
        with self.answering():
            return int(self.files.info(path)["size"])

    def digest(self, object_hash: str) -> str:
        """SHA-256 of an object's content. Raises Unavailable, FileNotFoundError."""
        path = next(filter(self._exists, self._paths(object_hash)), self._paths(object_hash)[0])
        sha = hashlib.sha256()
        with self.open(path) as stream:
            while chunk := stream.read(1 << 20):
                sha.update(chunk)
        return sha.hexdigest()

    def put(self, object_hash: str, file: Path) -> None:
        """Store a file under its hash, whole or not at all; what is there stays. Raises Unavailable.

        The cache takes it over without a copy where both are on one disk: it is not to be written to afterwards.
        """
        target = self._paths(object_hash)[0]
        if self._exists(target):
            return
        with self.answering():
            self.files.makedirs(self.files.parent(target), exist_ok=True)
            draft = f"{target}.part" if self.local else target
            if not (self.name == CACHE and _linked(file, Path(draft))):
                self.files.put_file(str(file), draft)
            if self.local:
                Path(draft).chmod(0o444)
                Path(draft).replace(target)

    def delete(self, path: str) -> bool:
        """True when the file was there; raises Unavailable when the store does not let go of it, or of an older version."""
        if self.versioned:
            with self.answering():
                return s3_versions.delete(self.files, path)
        if not self._exists(path):
            return False
        with self.answering():
            try:
                self.files.rm_file(path)
            except FileNotFoundError:
                return False
        return True

    def delete_object(self, object_hash: str) -> bool:
        """True when the object was there, under either layout. Raises Unavailable."""
        return any([self.delete(path) for path in self._paths(object_hash)])

    @contextmanager
    def answering(self) -> Iterator[None]:
        """A store's errors, each kind with its own, as Unavailable; that a file is missing is no such error."""
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Unavailable(
                f"{self.name} did not answer or refused ({type(error).__name__}); make it reachable and writable, run again"
            ) from error
        except Exception as error:
            if type(error).__module__.split(".")[0] in ("unlearning", "builtins"):
                raise
            raise Unavailable(f"{self.name} did not answer ({type(error).__name__}); check it and run again") from error

    def _paths(self, object_hash: str) -> tuple[str, ...]:
        tail = f"{object_hash[:2]}/{object_hash[2:]}"
        return f"{self.root}/files/md5/{tail}", f"{self.root}/{tail}"

    def _exists(self, path: str) -> bool:
        with self.answering():
            try:
                self.files.info(path)
            except FileNotFoundError as error:
                if isinstance(error.__cause__, OSError) and not isinstance(error.__cause__, FileNotFoundError):
                    raise error.__cause__ from error
                return False
        return True

    def recognise(self) -> None:
        """Raises Unavailable unless this is the store that was seen here before: an empty one in its place proves nothing."""
        if self.local and not Path(self.root).is_dir() and (self.mark is not None or self.name != CACHE):
            raise Unavailable(
                f"{self.name} is not there; mount it, make its folder if it was never used, or remove it from DVC's settings"
            )
        if self.mark is not None and not self._same():
            # Where a mark was left, a push into another store brings none with it.
            unused = "If it was never used, `dvc push` once. " if self.mark == recognition.UNMARKED else ""
            raise Unavailable(
                f"{self.name} is not the store that was used before: its address leads to another or an empty one; mount it or "
                f"correct its address, and run again. {unused}If the former one was destroyed, take {self.name!r} out of "
                f"{recognition.FILE}"
            )

    def read_mark(self) -> str | None:
        """The mark that lies there. Raises Unavailable."""
        try:
            with self.open(f"{self.root}/{recognition.MARK}") as stream:
                return stream.read(200).decode("ascii", "replace").strip()
        except FileNotFoundError:
            return None

    def leave_mark(self, mark: str) -> None:
        """Write a mark, so that the store is known again. Raises Unavailable."""
        with self.answering():
            self.files.pipe_file(f"{self.root}/{recognition.MARK}", f"{mark}\n".encode())

    def used(self) -> bool:
        """Something lies there. Raises Unavailable."""
        return (not self.local or Path(self.root).is_dir()) and next(self._listed(), None) is not None

    def _same(self) -> bool:
        return self.used() if self.mark == recognition.UNMARKED else self.read_mark() == self.mark

    def _relative(self) -> Iterator[str]:
        self.recognise()
        return (name for name in self._listed() if name != recognition.MARK)

    def _listed(self) -> Iterator[str]:
        try:
            with self.answering():
                for path in self.files.find(self.root):
                    yield str(path).replace("\\", "/").removeprefix(f"{self.root}/")
        except FileNotFoundError as error:  # a bucket that nobody made
            raise Unavailable(f"{self.name} is not there; make it, or correct its address in DVC's settings") from error


def _linked(file: Path, name: Path) -> bool:
    """A second name for a file; False on a disk that gives none."""
    name.unlink(missing_ok=True)
    try:
        os.link(file, name)
    except OSError:
        return False
    return True


def object_stores(data: DvcData) -> list[ObjectStore]:
    """The local cache and every configured remote that keeps objects by hash and can be opened, whether it answers or not.

    The other remotes are in `remotes.py`.
    """
    with data.reading() as repo:
        cache = ObjectStore(CACHE, repo.cache.legacy.fs, str(repo.cache.legacy.path).rstrip("/"), local=True)
        found = [cache, *(store for name in sorted(repo.config["remote"]) if (store := _by_hash(repo, name)) is not None)]
        asked = {store.name for store in found if _spoken_to(repo, store)}
    seen = dict.fromkeys(asked, recognition.UNMARKED) | recognition.remembered(data.root)
    return [replace(store, mark=seen.get(store.name)) for store in found]


def _spoken_to(repo: Repo, store: ObjectStore) -> bool:
    """DVC itself has pushed there, or pulled or asked: it keeps an index of what each remote holds, named by its address."""
    named = hashlib.sha256(store.files.unstrip_protocol(f"{store.root}/files/md5").encode()).hexdigest()
    return store.name != CACHE and Path(repo.site_cache_dir, "index", named).is_dir()


def remote_label(name: str) -> str:
    """What a remote is called in reports."""
    return f"DVC remote {name!r}"


def _by_hash(repo: Repo, name: str) -> ObjectStore | None:
    try:
        odb = repo.cloud.get_remote_odb(name, "purge", hash_name="md5-dos2unix")
    except Exception:  # it keeps files by name, has no driver here, or credentials that do not parse: `remotes.py` says which
        return None
    if odb.fs.protocol in UNLISTED:
        return None
    return ObjectStore(remote_label(name), odb.fs, str(odb.path).rstrip("/"), local=odb.fs.protocol == "local")


def named_now(data: DvcData, paths: Collection[str]) -> frozenset[str]:
    """The objects that the work tree's DVC files name for these tables, and for the files of a folder. Raises Unavailable."""
    wanted = {str(data.root / path) for path in paths}
    with data.indexed() as repo:
        named = {str(out.hash_info.value) for out in repo.index.outs if out.fs_path in wanted and out.hash_info}
    return with_files(named, object_stores(data))


def with_files(objects: Iterable[str], where: Collection[ObjectStore]) -> frozenset[str]:
    """These objects, and those that the folders among them list. Raises Unavailable, DataError."""
    named = frozenset(objects)
    folders = [name for name in named if name.endswith(parts.LISTING)]
    return named | {one for name in folders for store in where for _, one in store.members(name)}


def site_cache(data: DvcData) -> Path:
    """DVC's own index of names and hashes for this repository; it is rebuilt when it is missing."""
    with data.reading() as repo:
        return Path(repo.site_cache_dir)


def drop_site_cache(data: DvcData) -> None:
    """Remove that index while no other DVC command runs. Raises Unavailable while one does.

    What it says of files that are outputs here, as they are, is written into the new one: they would all be read again for it.
    """
    from dvc.fs import LocalFileSystem
    from dvc.repo import lock_repo
    from dvc_data.hashfile.state import State

    with data.opened() as repo, lock_repo(repo):
        folder, here = Path(repo.site_cache_dir), LocalFileSystem()
        outs = [Path(out.fs_path) for out in repo.index.outs if out.protocol == "local"]
        files = [str(file) for out in outs for file in (out, *out.rglob("*")) if file.is_file()]
        known = [(file, hashed, None) for file, _, hashed in repo.state.get_many(files, here, {}) if hashed]
        repo.close()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MADE_ANEW).write_text(secrets.token_hex(8))  # before there is anything that could pass for the old one
        with closing(State(repo.root_dir, str(folder), repo.dvcignore)) as state:
            state.save_many(known, here)
